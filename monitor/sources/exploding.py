"""Files of which a record holds a whole call: its rows, of the types that they show.

Types are those of the files a window needs, for an archive may be years of records.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from monitor.errors import MalformedError
from monitor.payloads import Row
from monitor.quarantine import Quarantine
from monitor.sources.csv_files import TextOptions
from monitor.sources.json_lines import batches_of
from monitor.sources.storage import Files, StoredFile
from monitor.sources.tables import FileRows, Typed

Records = Callable[[StoredFile, Quarantine], Iterable[tuple[int, Any]]]
"""Walks over the records of a file, numbered; adds what is malformed."""


@dataclass(frozen=True, kw_only=True)
class ExplodingReader:
    """Reads the rows of each record; a record that is malformed costs no other."""

    records: Records
    rows: Callable[[Any], Sequence[Row]]
    noun: str

    def batches(
        self, file: StoredFile, columns: Sequence[str] | None, left_out: Quarantine
    ) -> Iterator[tuple[pa.RecordBatch, Sequence[int]]]:
        """Yield the rows of a file, with the number of the record of each."""
        rows: list[Row] = []
        places: list[int] = []
        for place, record in self.records(file, left_out):
            try:
                found = self.rows(record)
            except MalformedError as error:
                left_out.add(error, f"{file.name}: record {place}")
                continue
            rows.extend(found)
            places.extend([place] * len(found))
            if len(rows) >= _CHUNK:
                yield from batches_of(rows, places, columns, file.name)
                rows, places = [], []
        yield from batches_of(rows, places, columns, file.name)


_CHUNK = 8_192
"""Rows that are made into columns at once."""


def exploded(
    reader: ExplodingReader, options: TextOptions, files: Files, timestamp: str | None
) -> FileRows:
    """Return the source over files whose records a reader takes apart."""
    form = Typed(
        reader=reader,
        declared=tuple(options.types.items()),
        zone=options.time_zone,
        infer=options.infer,
        timestamp=timestamp,
        keeps_types=True,
    )
    return FileRows(files, form, timestamp)
