"""Parquet files: one, a folder, a glob, hive partitions; only what a window needs."""

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from threading import Lock

import pyarrow as pa

from monitor.errors import SourceError
from monitor.landing import wherever
from monitor.sources.base import SOURCES, Source
from monitor.sources.counted import CountedOptions, counted
from monitor.sources.files import DATE_KEYS, DataFile, Near, listed
from monitor.sources.groups import (
    DataFooter,
    Footer,
    Footers,
    Group,
    Groups,
    opened_file,
    reading,
    times_of,
)
from monitor.sources.storage import StoredFiles
from monitor.sources.stored_parquet import ParquetFormat
from monitor.sources.tables import ONE_TYPE, FileRows, differing
from monitor.sources.unify import conformed, unified, within
from monitor.sources.widths import batches
from monitor.window import Window

Stamp = tuple[int, int, int]
"""What changes when a file is written again."""


@SOURCES.register("parquet")
class ParquetSource:
    """Rows in Parquet files, read by row groups in bounded memory.

    Hive partitions are columns that are read when they are asked for by name. Files
    that appear while a window is read belong to the next reading.
    """

    class Options(CountedOptions):
        """What a user may set."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source: of files here, or of any that are reached by a network."""
        if not options.remote and options.time_unit is None:
            return ParquetSource(options, base=base, timestamp=timestamp)
        files = StoredFiles(options=options, base=base, suffixes=(".parquet",))
        form = counted(ParquetFormat(timestamp=timestamp), options, timestamp)
        return FileRows(files, form, timestamp)

    def __init__(
        self,
        options: Options,
        *,
        base: Path,
        timestamp: str | None,
        files: Sequence[DataFile] | None = None,
    ) -> None:
        """Open nothing yet; relative paths start from `base`.

        `files` are those that the path means, where they have been listed before.
        """
        self._options = options
        self._base = base
        self._found = files
        self._timestamp = timestamp
        self._remarks: tuple[str, ...] = ()

    def schema(self) -> pa.Schema:
        """Return the columns of all files, united by name."""
        files = self._files()
        return unified((str(f.path), self._footer(f).schema) for f in files)

    def identity(self) -> str:
        """Name all files with their sizes and times of change."""
        stamps = []
        for file in self._files():
            with reading(file.path):
                stat = wherever(file.path, Path.stat)
            path = str(file.path.absolute())
            stamps.append((path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
        return json.dumps(stamps)

    def remarks(self) -> tuple[str, ...]:
        """Tell which columns of the last reading differ between files in their type."""
        return self._remarks

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        schema, parts = self._planned(window, columns)
        empty = True
        for file, groups in parts:
            for batch in self._rows(file, groups, window, schema):
                empty = False
                yield batch
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=schema)

    def pieces(
        self, window: Window, columns: Sequence[str] | None
    ) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
        """Yield the same rows file by file; one that a window cuts has no name."""
        schema, parts = self._planned(window, columns)
        yield None, iter([pa.RecordBatch.from_pylist([], schema=schema)])
        for file, groups in parts:
            stamp, footer = KNOWN.of(file.path, self._timestamp)
            name = f"{file.path.absolute()} {stamp}" if footer.within(window) else None
            yield name, self._rows(file, groups, window, schema)

    def fragments(self, window: Window | None) -> Groups:
        """Return the same rows as row groups, whose columns are read one at a time."""
        schema, parts = self._planned(window, None)
        by = self._timestamp if window is not None else None
        found, footers = [], Footers()
        for file, groups in parts:
            footer = self._footer(file)
            data = DataFooter(
                path=file.path,
                stored=footer.schema,
                rows=footer.rows,
                given=given(file, footer.schema.names),
                footers=footers,
            )
            found += [
                Group(file=data, group=group, window=window, by=by, schema=schema)
                for group in groups
            ]
        return Groups(schema=schema, parts=found)

    def _planned(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> tuple[pa.Schema, list[tuple[DataFile, list[int]]]]:
        """Return the schema of a reading, and the files and row groups it takes."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        parts = [
            (file, self._footer(file).groups(window)) for file in self._files(window)
        ]
        parts = [(file, groups) for file, groups in parts if groups]
        told = [file for file, _ in parts] or self._files()[-1:]
        schema = self._wanted(told, columns)
        schemas = {str(file.path): self._footer(file).schema for file in told}
        self._remarks = tuple(differing(schemas, schema, ONE_TYPE))
        return schema, parts

    def _files(self, window: Window | None = None) -> list[DataFile]:
        """List the files that can hold rows of a window; all of them for None."""
        near = None
        if window is not None:
            named, slack = self._options.date_partition, self._options.partition_slack
            keys = DATE_KEYS if named is None else (named,)
            near = Near(window=window, keys=keys, slack=slack)
        if self._found is not None:
            return [
                f for f in self._found if near is None or near.may_hold(f.partitions)
            ]
        return listed(self._options.patterns, self._base, ".parquet", near=near)

    def _wanted(
        self, files: Iterable[DataFile], columns: Sequence[str] | None
    ) -> pa.Schema:
        """Return the schema of a reading: the columns asked for that there are."""
        footers = ((str(f.path), self._footer(f).schema) for f in files)
        schema = unified(footers, columns)
        if columns is None:
            return schema
        kinds = {field.name: field.type for field in schema}
        if not kinds.keys() >= set(columns):  # what all folders say tells a type
            kinds = {**_partition_types(self._files()), **kinds}
        return pa.schema([(name, kinds[name]) for name in columns if name in kinds])

    def _rows(
        self,
        file: DataFile,
        groups: list[int],
        window: Window | None,
        schema: pa.Schema,
    ) -> Iterator[pa.RecordBatch]:
        stored = set(self._footer(file).schema.names)
        values = given(file, stored)
        needed = [name for name in schema.names if name in stored]
        by = self._timestamp if window is not None else None
        if by is not None and by in stored and by not in needed:
            needed.append(by)
        with reading(file.path), opened_file(file.path) as f:
            again = partial(opened_file, file.path)
            for batch in batches(f, again, groups, needed or None):
                rows = batch
                if window is not None and by is not None:
                    place = f"{file.path}: column {by!r}"
                    times = times_of(batch, by, values, place)
                    rows = within(batch, times, window, place)
                if rows.num_rows:
                    yield conformed(rows, schema, str(file.path), values)

    def _footer(self, file: DataFile) -> Footer:
        """Read a file's footer, or remember it while the file stays as it is."""
        return KNOWN.of(file.path, self._timestamp)[1]


class Known:
    """The footers of files that stay as they are, the last so many that were asked for.

    Sources are opened anew for each window, and look at the same files again. May be
    shared by threads.
    """

    def __init__(self, most: int) -> None:
        """Know nothing yet."""
        self._most = most
        self._lock = Lock()
        self._held: dict[tuple[Path, str | None], tuple[Stamp, Footer]] = {}

    def of(self, path: Path, timestamp: str | None) -> tuple[Stamp, Footer]:
        """Return a file's footer, beside what tells it from the file's later ones.

        Raises SourceError.
        """
        key = (path if path.is_absolute() else path.absolute(), timestamp)
        with reading(path):
            stat = wherever(path, Path.stat)
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            with self._lock:
                held = self._held.pop(key, None)
                if held is not None and held[0] == stamp:
                    self._held[key] = held
                    return held
            with opened_file(path) as opened:
                footer = Footer.of(opened, timestamp)
        _refuse_twins(path, footer.schema.names)
        with self._lock:
            last = next(reversed(self._held.values()), None)
            if last is not None and last[1].schema.equals(footer.schema, True):  # noqa: FBT003 - with its metadata
                # Thousands of files mostly have one schema: it is held once.
                footer = replace(footer, schema=last[1].schema)
            self._held[key] = (stamp, footer)
            if len(self._held) > self._most:
                del self._held[next(iter(self._held))]
        return stamp, footer


KNOWN = Known(4096)
"""The footers that this process knows."""


def given(file: DataFile, stored: Container[str]) -> dict[str, pa.Scalar]:
    """Return what a file's folders say of all its rows and the file itself does not."""
    return {
        key: pa.scalar(value, pa.string())
        for key, value in file.partitions.items()
        if key not in stored
    }


def _refuse_twins(path: Path, names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        msg = f"{path}: column {twins[0]!r} stands twice. Fix: name each column once"
        raise SourceError(msg, permanent=True)


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
