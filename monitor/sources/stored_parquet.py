"""Parquet files in an object store: few requests, and a row group at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.quarantine import Quarantine
from monitor.sources.groups import Footer
from monitor.sources.storage import StoredFile
from monitor.sources.tables import ONE_TYPE
from monitor.sources.widths import batches
from monitor.window import Window


@dataclass(frozen=True, kw_only=True)
class ParquetFormat:
    """Reads the row groups that a window needs, one after the other.

    Where each byte is a request away, a group's columns are asked for together; files
    on this machine are read column by column instead, in less memory.
    """

    timestamp: str | None
    noun: str = "Parquet file"
    keeps_types: bool = True
    cure: str = ONE_TYPE

    def schema(self, file: StoredFile) -> pa.Schema:
        """Return the columns of a file."""
        return _footer(file, self.timestamp).schema

    def batches(
        self,
        file: StoredFile,
        schema: pa.Schema,
        span: tuple[Window, str] | None,
        left_out: Quarantine,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the row groups that can hold some of the span."""
        del left_out
        footer = _footer(file, self.timestamp)
        wanted = set(schema.names)
        names = [name for name in footer.schema.names if name in wanted]
        groups = footer.groups(span[0] if span else None)
        if not groups:
            return
        with file.opened() as opened, pq.ParquetFile(opened, pre_buffer=True) as parts:
            for group in groups:
                yield from batches(
                    parts, partial(_encoded, file), [group], names or None
                )


def _encoded(file: StoredFile, names: list[str]) -> pq.ParquetFile:
    """Open a file again, with the dictionaries of some columns kept."""
    opened = file.opened()
    return pq.ParquetFile(opened, pre_buffer=False, read_dictionary=names)


@lru_cache(maxsize=1 << 14)
def _footer(file: StoredFile, timestamp: str | None) -> Footer:
    """Read a file's footer; remembered for as long as the file stays as it is."""
    with file.opened() as opened, pq.ParquetFile(opened, pre_buffer=False) as parts:
        return Footer.of(parts, timestamp)
