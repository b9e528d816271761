"""Parquet files: one, a folder, a glob, hive partitions; only what a window needs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitor import plugins
from monitor.config.scalars import Delay
from monitor.errors import SourceError
from monitor.sources.base import SOURCES
from monitor.sources.files import DATE_KEYS, DataFile, listed
from monitor.sources.unify import conformed, unified, within
from monitor.window import EPOCH, Window

_BATCH_ROWS = 65_536
_NANOSECONDS = {"milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}
_A_DAY = 86_400 * 10**9

Span = tuple[int, int] | None
"""The first and last time of a row group, in nanoseconds; None when it is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What the end of a Parquet file says: its columns, and the times of its groups."""

    schema: pa.Schema
    spans: tuple[Span, ...]

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


@SOURCES.register("parquet")
class ParquetSource:
    """Rows in Parquet files, read by row groups in bounded memory.

    Hive partitions are columns that are read when they are asked for by name. Files
    that appear while a window is read belong to the next reading.
    """

    class Options(plugins.Options):
        """What a user may set."""

        path: str | tuple[str, ...]
        """A file, a folder, a glob (`log/date=*/*.parquet`), or a list of them."""
        date_partition: str | None = None
        """The partition key with the rows' date; by default date, dt, ds or day."""
        partition_slack: Delay = timedelta(days=1)
        """How far a row's time may lie outside the date of its partition."""

    def __init__(self, options: Options, *, base: Path, timestamp: str | None) -> None:
        """Open nothing yet; relative paths start from `base`."""
        self._options = options
        self._base = base
        self._timestamp = timestamp
        self._footers: dict[Path, tuple[tuple[int, int], Footer]] = {}

    def schema(self) -> pa.Schema:
        """Return the columns of all files, united by name."""
        files = self._files()
        return unified((str(f.path), self._footer(f).schema) for f in files)

    def identity(self) -> str:
        """Name all files with their sizes and times of change."""
        stamps = []
        for file in self._files():
            with reading(file.path):
                stat = file.path.stat()
            path = str(file.path.absolute())
            stamps.append((path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
        return json.dumps(stamps)

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        every = self._files()
        parts = [
            (file, self._footer(file).groups(window))
            for file in every
            if window is None or self._may_hold(file, window)
        ]
        parts = [(file, groups) for file, groups in parts if groups]
        told = [file for file, _ in parts] or every[-1:]
        schema = self._wanted(told, every, columns)
        empty = True
        for file, groups in parts:
            for batch in self._rows(file, groups, window, schema):
                empty = False
                yield batch
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=schema)

    def _files(self) -> list[DataFile]:
        path = self._options.path
        patterns = (path,) if isinstance(path, str) else path
        return listed(patterns, self._base, ".parquet")

    def _may_hold(self, file: DataFile, window: Window) -> bool:
        named = self._options.date_partition
        keys = DATE_KEYS if named is None else (named,)
        return file.may_hold(window, keys, self._options.partition_slack)

    def _wanted(
        self,
        files: Iterable[DataFile],
        every: Iterable[DataFile],
        columns: Sequence[str] | None,
    ) -> pa.Schema:
        """Return the schema of a reading: the columns asked for that there are."""
        footers = ((str(f.path), self._footer(f).schema) for f in files)
        schema = unified(footers, columns)
        if columns is None:
            return schema
        kinds = {field.name: field.type for field in schema}
        kinds = {**_partition_types(every), **kinds}
        return pa.schema([(name, kinds[name]) for name in columns if name in kinds])

    def _rows(
        self,
        file: DataFile,
        groups: list[int],
        window: Window | None,
        schema: pa.Schema,
    ) -> Iterator[pa.RecordBatch]:
        stored = set(self._footer(file).schema.names)
        given = {
            key: pa.scalar(value, pa.string())
            for key, value in file.partitions.items()
            if key not in stored
        }
        needed = [name for name in schema.names if name in stored]
        by = self._timestamp if window is not None else None
        if by is not None and by in stored and by not in needed:
            needed.append(by)
        with reading(file.path), opened_file(file.path) as f:
            batches = f.iter_batches(
                _BATCH_ROWS, row_groups=groups, columns=needed or None
            )
            for batch in batches:
                rows = batch
                if window is not None and by is not None:
                    place = f"{file.path}: column {by!r}"
                    times = _times(batch, by, given, place)
                    rows = within(batch, times, window, place)
                if rows.num_rows:
                    yield conformed(rows, schema, str(file.path), given)

    def _footer(self, file: DataFile) -> Footer:
        """Read a file's footer, or remember it while the file stays as it is."""
        with reading(file.path):
            stat = file.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._footers.get(file.path)
            if known is not None and known[0] == stamp:
                return known[1]
            with opened_file(file.path) as opened:
                spans = _spans(opened.metadata, self._timestamp)
                footer = Footer(schema=opened.schema_arrow, spans=spans)
        _refuse_twins(file.path, footer.schema.names)
        self._footers[file.path] = (stamp, footer)
        return footer


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file into a SourceError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        msg = f"{path}: the file vanished while it was read"
        raise SourceError(msg, permanent=False) from error
    except PermissionError as error:
        msg = f"{path}: the file may not be read. Fix: give driftd the right to read it"
        raise SourceError(msg, permanent=True) from error
    except (pa.ArrowException, OSError) as error:
        msg = (
            f"{path}: this is no whole Parquet file ({error}). "
            "Fix: write it again, under another name that is changed when it is whole"
        )
        raise SourceError(msg, permanent=True) from error


def opened_file(path: Path) -> pq.ParquetFile:
    """Open a file so that only the pages at hand are in memory, not whole groups."""
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)


def _times(
    batch: pa.RecordBatch, column: str, given: Mapping[str, pa.Scalar], place: str
) -> pa.Array:
    position = batch.schema.get_field_index(column)
    if position >= 0:
        times = batch.column(position)
        is_dictionary = pa.types.is_dictionary(times.type)
        return times.dictionary_decode() if is_dictionary else times
    if column in given:
        return pa.repeat(given[column], batch.num_rows)
    msg = f"{place} is not there, so its rows have no time. Fix: write it"
    raise SourceError(msg, permanent=True)


def _refuse_twins(path: Path, names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        msg = f"{path}: column {twins[0]!r} stands twice. Fix: name each column once"
        raise SourceError(msg, permanent=True)


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


def _partition_types(files: Iterable[DataFile]) -> dict[str, pa.DataType]:
    """Tell dates and whole numbers among the values of the partitions from texts."""
    values: dict[str, set[str]] = {}
    for file in files:
        for key, value in file.partitions.items():
            values.setdefault(key, set()).update(() if value is None else (value,))
    return {key: _narrowest(texts) for key, texts in values.items()}


def _narrowest(texts: Iterable[str]) -> pa.DataType:
    for parse, kind in ((int, pa.int64()), (date.fromisoformat, pa.date32())):
        try:
            for text in texts:
                parse(text)
        except ValueError:
            continue
        return kind
    return pa.string()
