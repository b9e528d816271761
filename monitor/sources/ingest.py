"""Rows that were sent to the daemon: landed Parquet, and what is still in the log."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from monitor import plugins
from monitor.errors import SourceError
from monitor.landing import Folder
from monitor.landing.folder import Rows
from monitor.sources.base import SOURCES
from monitor.sources.files import DataFile, partitions
from monitor.sources.groups import Groups, times_of
from monitor.sources.parquet import ParquetSource
from monitor.sources.unify import conformed, unified, within
from monitor.window import Window


@SOURCES.register("ingest")
class IngestSource:
    """Rows that a model's server, or a client, sent to `driftd serve`.

    Every row that was acknowledged is read, and each once, whether it has landed as
    Parquet or not; by any process, the daemon running or not.
    """

    class Options(plugins.Options):
        """What a user may set."""

        path: str
        """The folder that the daemon puts the rows in."""
        features: tuple[str, ...] | None = None
        """What the values of a logged request are called, where they come without."""
        outputs: tuple[str, ...] | None = None
        """What the values of a logged response are called, where they come without."""

    def __init__(self, options: Options, *, base: Path, timestamp: str | None) -> None:
        """Open nothing yet; relative paths start from `base`."""
        self._folder = Folder(base / options.path)
        self._timestamp = timestamp

    def schema(self) -> pa.Schema:
        """Return the columns of all rows, united by name."""
        rows = self._rows(None)
        return self._schema(rows, self._landed(rows), None)

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        rows = self._timed(window)
        landed = self._landed(rows)
        schema = self._schema(rows, landed, columns)
        place, empty = str(self._folder.path), True
        for batch in landed.read(window, columns) if landed else ():
            if batch.num_rows:
                empty = False
                yield conformed(batch, schema, place, {})
        for batch in self._logged(rows, window):
            empty = False
            yield conformed(batch, schema, f"{place} (log)", {})
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=schema)

    def pieces(
        self, window: Window, columns: Sequence[str] | None
    ) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
        """Yield the same rows file by file; what is in the log has no name."""
        rows = self._timed(window)
        landed = self._landed(rows)
        schema = self._schema(rows, landed, columns)
        place = str(self._folder.path)
        for name, batches in landed.pieces(window, columns) if landed else ():
            yield name, (conformed(batch, schema, place, {}) for batch in batches)
        logged = self._logged(rows, window)
        yield None, (conformed(one, schema, f"{place} (log)", {}) for one in logged)

    def fragments(self, window: Window | None) -> Groups | None:
        """Return the rows as row groups; None while some of them are in the log."""
        rows = self._rows(window)
        landed = self._landed(rows)
        if landed is None or any(True for _ in self._logged(rows, window)):
            return None
        return landed.fragments(window)

    def _timed(self, window: Window | None) -> Rows:
        """Look at what a window may have, by a time that there must be."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        return self._rows(window)

    def _rows(self, window: Window | None) -> Rows:
        """Look at what a window may have; raises SourceError where nothing ever came.

        Where it has nothing, that is whatever tells the columns.
        """
        place = self._folder.path
        if not place.is_dir():
            msg = f"{place}: there is no such folder. Fix: start `driftd serve`"
            raise SourceError(msg, permanent=True)
        try:
            rows = self._folder.rows(window if self._dated else None)
            if not rows.files and not rows.tables:
                newest = self._folder.newest_file()
                rows = Rows(files=(newest,)) if newest else self._folder.rows()
        except (OSError, ValueError, pa.ArrowException) as error:
            msg = f"{place}: the rows cannot be read ({error})"
            raise SourceError(msg, permanent=False) from error
        if not rows.files and not rows.tables:
            msg = f"{place}: no row has come yet. Fix: send one, or wait"
            raise SourceError(msg, permanent=False)
        return rows

    @property
    def _dated(self) -> bool:
        """Whether a row's folder is the day of the time that windows ask for."""
        shape = self._folder.shape()
        return shape is not None and shape.time == self._timestamp is not None

    def _landed(self, rows: Rows) -> ParquetSource | None:
        """Return a source of the Parquet files alone; None where there are none."""
        if not rows.files:
            return None
        base = self._folder.path.absolute()
        options = ParquetSource.Options(
            path=str(base),
            date_partition="date" if self._dated else "",
            partition_slack=timedelta(0),
        )
        found = [
            DataFile(path=path.absolute(), partitions=partitions([path.parent.name]))
            for path in rows.files
        ]
        return ParquetSource(options, base=base, timestamp=self._timestamp, files=found)

    def _schema(
        self, rows: Rows, landed: ParquetSource | None, columns: Sequence[str] | None
    ) -> pa.Schema:
        """Unite the columns of what has landed and what is in the log."""
        place = str(self._folder.path)
        told = [(place, landed.schema())] if landed is not None else []
        told += [(f"{place} (log)", table.schema) for table in rows.tables]
        schema = unified(told, columns)
        if columns is None:
            return schema
        return pa.schema([schema.field(n) for n in columns if n in schema.names])

    def _logged(self, rows: Rows, window: Window | None) -> Iterator[pa.RecordBatch]:
        """Walk over the rows of a window that are in the log."""
        for table in rows.tables:
            for batch in table.to_batches():
                found = batch
                if window is not None and self._timestamp is not None:
                    place = f"{self._folder.path}: column {self._timestamp!r}"
                    times = times_of(batch, self._timestamp, {}, place)
                    found = within(batch, times, window, place)
                if found.num_rows:
                    yield found
