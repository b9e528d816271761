"""Inference tables of Databricks and MLflow: a row a call, its bodies as JSON texts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import pyarrow as pa

from monitor.config.scalars import Delay
from monitor.errors import MalformedError, SourceError
from monitor.payloads import (
    Names,
    Row,
    decoded,
    joined,
    request_rows,
    response_rows,
)
from monitor.quarantine import Quarantine
from monitor.sources.base import SOURCES, Identified, Source
from monitor.sources.delta import DeltaSource
from monitor.sources.gathering import Gathering
from monitor.sources.parquet import ParquetSource
from monitor.sources.storage import StoreOptions
from monitor.sources.texts import TIME, Kind, told
from monitor.sources.unify import inside
from monitor.window import Window

_Part = Literal["id", "time", "request", "response", "status", "sampling"]
_BATCH_ROWS = 65_536
_GOOD = range(200, 300)
_LAYOUT: Mapping[str, tuple[str, ...]] = {
    "id": ("client_request_id", "databricks_request_id", "request_id"),
    "time": ("timestamp_ms", "request_time", "timestamp"),
    "request": ("request", "inputs"),
    "response": ("response", "outputs"),
    "status": ("status_code",),
    "sampling": ("sampling_fraction",),
}
"""What the parts of a call are called, in tables of endpoints and of the gateway."""


class _Table(Source, Identified, Protocol):
    """A table as it is stored."""


@SOURCES.register("databricks")
class DatabricksSource:
    """Rows of an inference table: a row for each instance of each call.

    The calls of a window are held in memory as columns. Those that failed are left out
    and told.
    """

    class Options(StoreOptions):
        """What a user may set."""

        path: str
        """The table's folder: of a Delta table, or of Parquet files."""
        format: Literal["delta", "parquet"] = "delta"
        """What the table is."""
        features: tuple[str, ...] = ()
        """The features' names, in order, for requests that give values alone."""
        outputs: tuple[str, ...] = ()
        """The answers' names, in order, for responses that give values alone."""
        id: str = "prediction_id"
        """The column with each row's id: the request's, `#`, and the row's place."""
        time: str | None = None
        """The column with the time of the request; by default the one with the role."""
        weight: str = "weight"
        """The column with how many requests a row stands for: 1/sampling_fraction."""
        columns: Mapping[_Part, str] = {}
        """The table's columns, where they are not called as Databricks calls them."""
        types: Mapping[str, Kind] = {}
        """The types of columns, as for files of JSON lines."""
        partition_slack: Delay = timedelta(days=1)
        """How far a call's time may lie outside the date of its partition."""

    def __init__(self, options: Options, *, base: Path, timestamp: str | None) -> None:
        """Open nothing yet; a relative path starts from `base`."""
        self._options = options
        self._base = base
        self._timestamp = timestamp
        self._time = options.time or timestamp or "timestamp"
        self._names = Names(features=options.features, outputs=options.outputs)
        self._remarks: tuple[str, ...] = ()

    def schema(self) -> pa.Schema:
        """Return the columns of all calls."""
        return self._table(None, Quarantine()).schema

    def identity(self) -> str:
        """Name the table and its version, or its files."""
        return self._inner(None, counted=False).identity()

    def remarks(self) -> tuple[str, ...]:
        """Tell what the last reading left out."""
        return self._remarks

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        left_out = Quarantine()
        table = self._table(window, left_out)
        if window is not None and not table.num_columns:
            table = self._table(None, Quarantine()).slice(0, 0)
        if columns is not None:
            table = table.select([n for n in columns if n in table.column_names])
        yield from table.to_batches(_BATCH_ROWS) or [
            pa.RecordBatch.from_pylist([], schema=table.schema)
        ]
        self._remarks = left_out.notes("calls")

    def _table(self, window: Window | None, left_out: Quarantine) -> pa.Table:
        """Return the rows of all calls of a window."""
        gathered, place = Gathering(), self._options.path
        for number, call in enumerate(self._calls(window), start=1):
            try:
                gathered.add(self._rows(call), place)
            except MalformedError as error:
                key = call.get("id") or f"call {number}"
                left_out.add(error, f"{place}: {key}")
        table = gathered.table(place, self._options.types, "UTC", left_out)
        if not table.num_rows and left_out.count:
            msg = f"no call can be read: {left_out.notes('calls')[0]}"
            raise SourceError(msg, permanent=True)
        return table

    def _calls(self, window: Window | None) -> Iterator[dict[str, Any]]:
        """Walk over the calls of a window, by what their parts are here called."""
        stored = self._inner(None, counted=False).schema()
        names = self._layout(stored)
        time = names["time"][0]
        counted = pa.types.is_integer(stored.field(time).type)
        delta = self._options.format == "delta"
        # Parquet's times are pruned where they are times, and Delta's counts as well.
        pruned = delta or not counted
        inner = self._inner(time, counted=counted)
        asked = list(dict.fromkeys(name for some in names.values() for name in some))
        for batch in inner.read(window if pruned else None, asked):
            times = batch.column(batch.schema.get_field_index(time))
            if counted and not delta:
                times, _ = told(times, TIME, Kind.UNIX_MILLIS)
            rows = batch.append_column("\0time", times)
            if window is not None and not pruned:
                place = f"{self._options.path}: column {time!r}"
                rows = rows.filter(inside(times, window, place))
            for row in rows.to_pylist():
                call = {part: _first(row, some) for part, some in names.items()}
                yield {**call, "time": row["\0time"]}

    def _layout(self, stored: pa.Schema) -> dict[str, list[str]]:
        """Return the columns that can tell each part of a call; raises SourceError."""
        named: dict[str, tuple[str, ...]] = {
            **_LAYOUT,
            **{part: (name,) for part, name in self._options.columns.items()},
        }
        names = {
            part: [name for name in some if name in stored.names]
            for part, some in named.items()
        }
        for part in ("id", "time", "request"):
            if not names[part]:
                msg = (
                    f"{self._options.path}: no column is the calls' {part}. "
                    f"Fix: name it under `columns: {{{part}: ...}}`"
                )
                raise SourceError(msg, permanent=True)
        return names

    def _inner(self, timestamp: str | None, *, counted: bool) -> _Table:
        """Open the table itself."""
        base, options = self._base, self._options
        given = {
            name: getattr(options, name)
            for name in (*StoreOptions.model_fields, "path", "partition_slack")
        }
        if options.format == "parquet":
            files = ParquetSource.Options(**given)
            return cast(
                "_Table", ParquetSource.open(files, base=base, timestamp=timestamp)
            )
        table = DeltaSource.Options(
            **given, time_unit="milliseconds" if counted else None
        )
        return DeltaSource(table, base=base, timestamp=timestamp)

    def _rows(self, call: Mapping[str, Any]) -> list[Row]:
        """Return the rows of one call; raises MalformedError."""
        status = call.get("status")
        if status is not None and int(status) not in _GOOD:
            reason = "the call failed"
            raise MalformedError(reason, f"status {status}")
        if call["id"] is None:
            reason = "the call has no id"
            raise MalformedError(reason)
        asked = request_rows(_json(call["request"]), self._names)
        told = call.get("response")
        answered = None if told is None else response_rows(_json(told), self._names)
        rows = joined(asked, answered, str(call["id"]), self._options.id)
        own: Row = {self._time: call["time"]}
        fraction = call.get("sampling")
        if fraction:
            own[self._options.weight] = 1 / float(fraction)
        twice = {name for row in rows for name in own if name in row}
        if twice:
            reason = "a column stands twice"
            raise MalformedError(reason, min(twice))
        return [{**own, **row} for row in rows]


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401
    """Return the first of some columns' values that is there."""
    return next((row[name] for name in names if row[name] is not None), None)


def _json(body: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return a body that is a JSON text, or that the table holds as what it says."""
    return decoded(body) if isinstance(body, str | bytes) else body
