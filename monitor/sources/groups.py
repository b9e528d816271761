"""Row groups of a Parquet file: their times, and their columns read one at a time."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from threading import Lock, local
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.errors import SourceError
from monitor.landing import wherever
from monitor.sources import storage
from monitor.sources.unify import conformed_column, inside
from monitor.window import EPOCH, Window

_AT_HAND = 4
"""Files of which each thread may read another one at the same time."""
_PIECE_ROWS = 1 << 17
"""Values of a column that are decoded at once."""
_NANOSECONDS = {"milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}
_A_DAY = 86_400 * 10**9

Span = tuple[int, int] | None
"""The first and last time of a row group, in nanoseconds; None when it is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What the end of a Parquet file says: its columns, and of each of its groups.

    That is how many rows it has, and their first and last time.
    """

    schema: pa.Schema
    rows: tuple[int, ...]
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, opened: pq.ParquetFile, timestamp: str | None) -> "Footer":
        """Read the footer of an opened file."""
        told = opened.metadata
        spans = _spans(told, timestamp)
        return cls(schema=opened.schema_arrow, rows=_sizes(told), spans=spans)

    def groups(self, window: Window | None) -> list[int]:
        """Return the row groups that can hold rows of the window."""
        if window is None:
            return list(range(len(self.spans)))
        start, end = (_nanoseconds(t) for t in (window.start, window.end))
        return [
            i
            for i, span in enumerate(self.spans)
            if span is None or (span[0] < end and span[1] >= start)
        ]

    def within(self, window: Window) -> bool:
        """Tell whether all rows that have a time are known to lie in the window."""
        start, end = (_nanoseconds(t) for t in (window.start, window.end))
        return all(s is not None and start <= s[0] and s[1] < end for s in self.spans)


class Footers:
    """The stored footers of the files that are at hand; others are let go.

    That of a wide file takes a megabyte, and a window may have a thousand files. Each
    thread keeps the file open that it has read from last: it takes as long to open as
    a column to read.
    """

    def __init__(self) -> None:
        """Read nothing yet."""
        self._lock = Lock()
        self._held: dict[Path, Any] = {}
        self._last = local()

    def of(self, path: Path, rows: tuple[int, ...]) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return a file's footer; raises SourceError where its groups are others."""
        with self._lock:
            found = self._held.pop(path, None)
            if found is None:
                with reading(path):
                    found = wherever(path, pq.read_metadata)
                if _sizes(found) != rows:
                    msg = f"{path}: the file was replaced while it was read"
                    raise SourceError(msg, permanent=False)
            self._held[path] = found
            if len(self._held) > _AT_HAND:
                del self._held[next(iter(self._held))]
            return found

    def opened(
        self, path: Path, rows: tuple[int, ...], texts: tuple[str, ...]
    ) -> pq.ParquetFile:
        """Open a file whose `texts` come in dictionaries; raises SourceError."""
        known = getattr(self._last, "known", None)
        if known is None or known[0] != (path, texts):
            # What still reads from the file before holds it open for so long.
            opened = partial(
                pq.ParquetFile,
                metadata=self.of(path, rows),
                read_dictionary=list(texts),
                pre_buffer=False,
            )
            fresh = wherever(path, opened)
            known = self._last.known = ((path, texts), fresh)
        return known[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class DataFooter:
    """A file that is read, with the values that its folders give to all its rows.

    `rows` are those of its groups.
    """

    path: Path
    stored: pa.Schema
    rows: tuple[int, ...]
    given: Mapping[str, pa.Scalar]
    footers: Footers

    @cached_property
    def types(self) -> Mapping[str, pa.DataType]:
        """The type of each column that is stored."""
        return {field.name: field.type for field in self.stored}

    def opened(self, encoded: Container[str]) -> pq.ParquetFile:
        """Open the file; texts of the columns `encoded` come in dictionaries."""
        texts = tuple(
            name
            for name, kind in self.types.items()
            if name in encoded and pa.types.is_string(kind)
        )
        return self.footers.opened(self.path, self.rows, texts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """The rows of a window that stand in one row group of a file.

    Not to be shared by threads before its `rows` have been counted.
    """

    file: DataFooter
    group: int
    window: Window | None
    by: str | None
    schema: pa.Schema

    @cached_property
    def rows(self) -> int:
        """How many rows of the group lie in the window."""
        inside = self._inside
        return self._stored if inside is None else int(inside.true_count)

    def read(
        self, columns: Sequence[str], encoded: Container[str] = ()
    ) -> Iterator[tuple[str, pa.Array]]:
        """Yield columns one after the other, each in pieces, as the schema has them.

        Texts of the columns `encoded` may come as places in a dictionary.
        """
        name, start = None, 0
        path, given = str(self.file.path), self.file.given
        with reading(self.file.path):
            for column, piece in self._pieces(columns, encoded):
                start = start if column == name else 0
                name, rows = column, piece
                if self._inside is not None:
                    rows = piece.filter(self._inside.slice(start, piece.num_rows))
                start += piece.num_rows
                field = self.schema.field(column)
                yield column, conformed_column(rows, field, path, given, decode=False)

    def _pieces(
        self, columns: Sequence[str], encoded: Container[str]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Decode columns of the row group; of one that it lacks, only the rows."""
        stored = self.file.types
        there = [name for name in columns if name in stored]
        for name in columns:
            if name not in stored:
                yield name, pa.record_batch([pa.nulls(self._stored)], names=[""])
        if not there:
            return
        with reading(self.file.path):
            opened = self.file.opened(encoded)
            for name in there:
                found = opened.iter_batches(
                    _PIECE_ROWS,
                    row_groups=[self.group],
                    columns=[name],
                    use_threads=False,
                )
                for batch in whole(found, self._stored):
                    yield name, batch

    @property
    def _stored(self) -> int:
        return self.file.rows[self.group]

    @cached_property
    def _inside(self) -> pa.Array | None:
        """Which rows lie in the window; None where all do."""
        if self.window is None or self.by is None:
            return None
        place = f"{self.file.path}: column {self.by!r}"
        with reading(self.file.path):
            times = [
                times_of(piece, self.by, self.file.given, place)
                for _, piece in self._pieces([self.by], ())
            ]
            found = pa.chunked_array(
                [inside(part, self.window, place) for part in times], pa.bool_()
            ).combine_chunks()
        whole = found.null_count == 0 and found.true_count == len(found)
        return None if whole else found.fill_null(False)  # noqa: FBT003 - a value


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """All row groups that can hold rows of a window, in one schema."""

    schema: pa.Schema
    parts: Sequence[Group]


def reading(path: Path) -> AbstractContextManager[None]:
    """Turn what can go wrong with a file into a SourceError that names it."""
    return storage.reading(str(path), "Parquet file")


def opened_file(path: Path, encoded: Sequence[str] = ()) -> pq.ParquetFile:
    """Open a file so that only the pages at hand are in memory, not whole groups.

    The texts of the columns `encoded` come as places in a dictionary.
    """
    opened = partial(
        pq.ParquetFile,
        pre_buffer=False,
        buffer_size=1 << 16,
        read_dictionary=[*encoded],
    )
    return wherever(path, opened)


def whole(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches, and raise OSError where there were fewer rows than were promised.

    Where a file was cut short, what reads it ends early and says nothing.
    """
    seen = 0
    for batch in batches:
        seen += batch.num_rows
        yield batch
    if seen != rows:
        msg = f"{seen:,} rows, of which its footer promises {rows:,}"
        raise OSError(msg)


def times_of(
    batch: pa.RecordBatch, column: str, given: Mapping[str, pa.Scalar], place: str
) -> pa.Array:
    """Return the times of a batch's rows; raises SourceError where there are none."""
    position = batch.schema.get_field_index(column)
    if position >= 0:
        times = batch.column(position)
        is_dictionary = pa.types.is_dictionary(times.type)
        return times.dictionary_decode() if is_dictionary else times
    if column in given:
        return pa.repeat(given[column], batch.num_rows)
    msg = f"{place} is not there, so its rows have no time. Fix: write it"
    raise SourceError(msg, permanent=True)


def _sizes(metadata: Any) -> tuple[int, ...]:  # noqa: ANN401 - pyarrow has no types
    groups = range(metadata.num_row_groups)
    return tuple(int(metadata.row_group(i).num_rows) for i in groups)


def _spans(metadata: Any, timestamp: str | None) -> tuple[Span, ...]:  # noqa: ANN401 - pyarrow has no types
    schema = metadata.schema
    paths = [schema.column(i).path for i in range(metadata.num_columns)]
    if timestamp is None or timestamp not in paths:
        return (None,) * int(metadata.num_row_groups)
    position = paths.index(timestamp)
    scale = _scale(json.loads(schema.column(position).logical_type.to_json()))
    return tuple(
        _span(metadata.row_group(i).column(position).statistics, scale)
        for i in range(metadata.num_row_groups)
    )


def _span(statistics: Any, scale: int | None) -> Span:  # noqa: ANN401
    if scale is None or statistics is None or not statistics.has_min_max:
        return None
    return int(statistics.min_raw) * scale, int(statistics.max_raw) * scale


def _scale(logical: Mapping[str, Any]) -> int | None:
    """Return the nanoseconds in one unit of a stored time; None for another type."""
    if logical["Type"] == "Date":
        return _A_DAY
    if logical["Type"] == "Timestamp":
        return _NANOSECONDS[logical["timeUnit"]]
    return None


def _nanoseconds(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // timedelta(microseconds=1) * 1000
