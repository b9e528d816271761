"""Arrow IPC: the file format (Feather as well) and the stream format."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from monitor.quarantine import Quarantine
from monitor.sources.base import SOURCES, Source
from monitor.sources.counted import CountedOptions, counted
from monitor.sources.storage import StoredFile, StoredFiles
from monitor.sources.tables import ONE_TYPE, FileRows
from monitor.window import Window

_MAGIC = b"ARROW1"
ARROW_SUFFIXES = tuple(
    f"{kind}{end}"
    for kind in (".arrow", ".arrows", ".feather", ".ipc")
    for end in ("", ".gz", ".zst")
)
"""What Arrow files are called."""
_BATCH_ROWS = 65_536


@SOURCES.register("arrow")
class ArrowSource:
    """Rows in Arrow IPC files, of both formats, told apart by how they begin."""

    class Options(CountedOptions):
        """What a user may set."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        files = StoredFiles(options=options, base=base, suffixes=ARROW_SUFFIXES)
        return FileRows(files, counted(ArrowFormat(), options, timestamp), timestamp)


@dataclass(frozen=True, kw_only=True)
class ArrowFormat:
    """Reads Arrow IPC batch by batch."""

    noun: str = "Arrow file"
    keeps_types: bool = True
    cure: str = ONE_TYPE

    def schema(self, file: StoredFile) -> pa.Schema:
        """Return the columns of a file."""
        with _opened(file) as reader:
            return reader.schema

    def batches(
        self,
        file: StoredFile,
        schema: pa.Schema,
        span: tuple[Window, str] | None,
        left_out: Quarantine,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file, of the columns of a schema that it has."""
        del span, left_out
        with _opened(file) as reader:
            names = [name for name in reader.schema.names if name in schema.names]
            for whole in _walked(reader):
                asked = whole.select(names)
                # It is taken as it lies, and an offset that flipped leads anywhere.
                asked.validate(full=True)
                for start in range(0, whole.num_rows, _BATCH_ROWS):
                    yield asked.slice(start, _BATCH_ROWS)


def _opened(file: StoredFile) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Open a file of either format; one that is compressed as a whole is a stream."""
    if file.path.endswith((".gz", ".zst")):
        return ipc.open_stream(file.stream())
    opened = file.opened()
    kind = ipc.open_file if opened.read(len(_MAGIC)) == _MAGIC else ipc.open_stream
    opened.seek(0)
    return kind(opened)


def _walked(reader: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401
    if isinstance(reader, ipc.RecordBatchFileReader):
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)
    else:
        yield from reader
