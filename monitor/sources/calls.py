"""Calls of a model server whose halves were logged apart, joined into rows.

The calls of a window are held in memory while they are joined, as columns: about eight
bytes a value.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from monitor.cloudevents import InferenceEvent, Part, from_json
from monitor.config.scalars import Delay
from monitor.errors import MalformedError, SourceError
from monitor.payloads import (
    Names,
    Row,
    csv_rows,
    decoded,
    request_rows,
    response_rows,
)
from monitor.quarantine import Quarantine
from monitor.sources.csv_files import TextOptions
from monitor.sources.gathering import Gathering
from monitor.sources.json_lines import JSON_SUFFIXES, documents
from monitor.sources.storage import StoredFile, StoredFiles, identity, reading
from monitor.sources.unify import within
from monitor.window import Window

_AT_ONCE = 8
"""Files that are fetched side by side: a logger may write one for each half."""
_TOGETHER = 64
_BATCH_ROWS = 65_536
_NEWEST = 8
"""Files that tell the columns where a window has none."""
_COUNT = "\0rows"
"""The column with the number of rows of a row's call; no name has such a character."""


class CallOptions(TextOptions):
    """What a user may set on a source of calls."""

    features: tuple[str, ...] = ()
    """The features' names, in order, for requests that give values alone."""
    outputs: tuple[str, ...] = ()
    """The answers' names, in order, for responses that give values alone."""
    id: str = "prediction_id"
    """The column with each row's id: the call's id, `#`, and the row's place in it."""
    time: str | None = None
    """The column with the time of the request; by default the one with the role."""
    time_from: Literal["event", "file"] = "event"
    """Where the time is told: in the event, or by when its file was written, for
    loggers that keep none (KServe's to an object store)."""
    only: Mapping[str, str] = {}
    """Attributes that an event must have, such as `inferenceservicename: churn`."""
    lateness: Delay = timedelta(minutes=10)
    """How long after its request a response may be written."""


class CallRows:
    """A source of calls, whose requests and responses are events of their own."""

    def __init__(
        self, options: CallOptions, *, base: Path, timestamp: str | None
    ) -> None:
        """Open nothing yet."""
        self._options = options
        self._timestamp = timestamp
        self._time = options.time or timestamp or "timestamp"
        self._names = Names(features=options.features, outputs=options.outputs)
        self._files = StoredFiles(options=options, base=base, suffixes=JSON_SUFFIXES)
        self._remarks: tuple[str, ...] = ()

    def schema(self) -> pa.Schema:
        """Return the columns of all calls."""
        return self._table(self._files.listed(), None, Quarantine())[0].schema

    def identity(self) -> str:
        """Name all files with their sizes and times of change."""
        return identity(self._files.listed())

    def remarks(self) -> tuple[str, ...]:
        """Tell what the last reading left out, and how complete the calls are."""
        return self._remarks

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        every = self._files.listed()
        held = [f for f in every if window is None or self._may_hold(f, window)]
        newest = sorted(every, key=lambda file: file.modified)[-_NEWEST:]
        left_out = Quarantine()
        table, remarks = self._table(held or newest, window, left_out)
        names = [n for n in columns or table.column_names if n in table.column_names]
        if columns is not None:
            table = table.select(names)
        yield from table.to_batches(_BATCH_ROWS) or [
            pa.RecordBatch.from_pylist([], schema=table.schema)
        ]
        self._remarks = (*remarks, *left_out.notes("events"))

    def _may_hold(self, file: StoredFile, window: Window) -> bool:
        if self._options.time_from == "file":
            late = window.end + self._options.lateness
            return window.start <= file.modified <= late
        return self._files.may_hold(file, window)

    # ── one reading ──────────────────────────────────────────────────────────────

    def _table(
        self, files: Sequence[StoredFile], window: Window | None, left_out: Quarantine
    ) -> tuple[pa.Table, tuple[str, ...]]:
        """Return the joined rows of a window, and how complete they are."""
        asked, answered = Gathering(), Gathering()
        for file, events in self._events(files, left_out):
            for place, written in events:
                try:
                    event = from_json(written)
                    if self._is_other(event):
                        continue
                    half = asked if event.part is Part.REQUEST else answered
                    half.add(self._rows(event, file), file.name)
                except MalformedError as error:
                    left_out.add(error, f"{file.name}: event {place}")
        name = files[-1].name
        kinds, zone = self._options.types, self._options.time_zone
        requests = asked.table(name, kinds, zone, left_out)
        responses = answered.table(name, kinds, zone, left_out)
        if not requests.num_rows and left_out.count:
            msg = f"no call can be read: {left_out.notes('events')[0]}"
            raise SourceError(msg, permanent=True)
        if self._time in requests.column_names and window is not None:
            requests = _inside(requests, self._time, window, name)
        return self._joined(requests, responses, name)

    def _events(
        self, files: Sequence[StoredFile], left_out: Quarantine
    ) -> Iterator[tuple[StoredFile, list[tuple[int, Any]]]]:
        """Yield what files hold; they are fetched side by side."""

        def fetched(file: StoredFile) -> tuple[list[tuple[int, Any]], Quarantine]:
            bad = Quarantine()
            with reading(file.name, "file of events"):
                return list(documents(file, bad)), bad

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for start in range(0, len(files), _TOGETHER):
                some = files[start : start + _TOGETHER]
                for file, (events, bad) in zip(
                    some, pool.map(fetched, some), strict=True
                ):
                    left_out.merge([bad])
                    yield file, events

    def _is_other(self, event: InferenceEvent) -> bool:
        wanted = self._options.only.items()
        return any(event.attributes.get(key.lower()) != value for key, value in wanted)

    def _rows(self, event: InferenceEvent, file: StoredFile) -> list[Row]:
        """Return the rows of one half of a call; raises MalformedError."""
        rows = body_rows(event.body, event.content_type, event.part, self._names)
        own: Row = {_COUNT: len(rows)}
        if event.part is Part.REQUEST:
            own[self._time] = self._moment(event, file)
        taken = [
            name for name in (self._options.id, *own) for row in rows if name in row
        ]
        if taken:
            reason = "a column stands twice"
            raise MalformedError(reason, taken[0])
        return [
            {self._options.id: f"{event.key}#{place}", **own, **row}
            for place, row in enumerate(rows)
        ]

    def _moment(self, event: InferenceEvent, file: StoredFile) -> datetime | None:
        return file.modified if self._options.time_from == "file" else event.time

    def _joined(
        self, asked: pa.Table, answered: pa.Table, name: str
    ) -> tuple[pa.Table, tuple[str, ...]]:
        """Lay each answer beside its request, and say how many have none."""
        key = self._options.id
        if key not in asked.column_names:
            return asked, ()
        outputs = [n for n in answered.column_names if n not in {key, _COUNT}]
        twice = sorted(set(outputs) & set(asked.column_names))
        if twice:
            msg = f"{name}: {twice[0]!r} is a feature and an answer. Fix: set `outputs`"
            raise SourceError(msg, permanent=True)
        asked = _once(asked, key)
        if key not in answered.column_names:
            answered = pa.table(
                {key: pa.array([], pa.string()), _COUNT: pa.array([], pa.int64())}
            )
        known = answered[key].combine_chunks()
        first = pc.replace_substring_regex(asked[key], r"#\d+$", "#0")
        counts = answered[_COUNT].take(pc.index_in(first, value_set=known))
        fits = pc.fill_null(pc.equal(counts, asked[_COUNT]), True)  # noqa: FBT003
        remarks = _complete(first, counts, fits)
        rows = asked.filter(fits).drop_columns([_COUNT])
        place = pc.index_in(rows[key], value_set=known)
        for column in outputs:
            rows = rows.append_column(column, answered[column].take(place))
        return rows, remarks


def body_rows(body: bytes, content_type: str, part: Part, names: Names) -> list[Row]:
    """Return the rows of a body by its content type; raises MalformedError."""
    asked = part is Part.REQUEST
    if "csv" in content_type:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            reason = "it is not UTF-8"
            raise MalformedError(reason) from None
        known = names.features if asked else names.outputs
        return csv_rows(text, known, "feature" if asked else "prediction")
    read = request_rows if asked else response_rows
    return read(decoded(body), names)


def _inside(rows: pa.Table, column: str, window: Window, name: str) -> pa.Table:
    place = f"{name}: column {column!r}"
    kept = [
        within(batch, batch.column(column), window, place)
        for batch in rows.to_batches()
    ]
    return pa.Table.from_batches(kept, schema=rows.schema)


def _once(rows: pa.Table, key: str) -> pa.Table:
    """Keep the first of rows with one id: a logger may deliver an event again."""
    ids = rows[key].combine_chunks()
    first = pc.index_in(ids, value_set=ids)
    own = pa.array(range(len(ids)), pa.int32())
    kept = pc.equal(first, own)
    return rows if pc.all(kept).as_py() in {True, None} else rows.filter(kept)


def _complete(
    calls: pa.ChunkedArray, counts: pa.ChunkedArray, fits: pa.ChunkedArray
) -> tuple[str, ...]:
    """Say how many calls have an answer, where it is not all of them."""
    every = pc.count_distinct(calls).as_py()
    missing = pc.count_distinct(calls.filter(pc.is_null(counts))).as_py()
    other = pc.count_distinct(calls.filter(pc.invert(fits))).as_py()
    remarks = []
    if missing:
        share = 100 * (every - missing) / every
        remarks.append(
            f"{missing:,} of {every:,} requests have no response: the log is "
            f"{share:.1f} % complete, and their answers are null"
        )
    if other:
        told = f"{other:,} calls were left out: they have more or fewer answers than "
        remarks.append(told + "rows")
    return tuple(remarks)
