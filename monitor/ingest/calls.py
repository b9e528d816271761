"""Calls as an inference logger tells them: request and response, joined by their id.

Each half is durable before it is acknowledged, in a log of its own from which a restart
takes up what still waits. Joined, they are rows of predictions as any others. A half
whose other has not come in time is kept as what it is (features without a prediction,
or a prediction without features), and counted: the logger lost the other.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pyarrow as pa

from monitor.cloudevents import InferenceEvent, Part
from monitor.errors import MalformedError
from monitor.ingest.moments import since_1970
from monitor.ingest.table import Table
from monitor.landing import Folder
from monitor.payloads import Names, Row, decoded, joined, request_rows, response_rows

PATIENCE = timedelta(minutes=5)
"""How long a half waits for the other."""
MOST_WAITING = 100_000
"""Halves that wait at once; the oldest beyond them are kept as they are."""
REMEMBERED = 100_000
"""Joined calls of which a repeat is still known as such."""

JOINED, NO_RESPONSE, NO_REQUEST = "joined", "no_response", "no_request"
_LOST = {Part.REQUEST: NO_RESPONSE, Part.RESPONSE: NO_REQUEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half of a call, as far as the table has its columns.

    `at` tells when it was made, `came` when it was received, in microseconds.
    """

    key: str
    part: Part
    at: int
    came: int
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What came of a half: rows to keep and how they are counted, or that it waits."""

    rows: Sequence[Row] = ()
    counted: str | None = None
    waits: bool = False


class Calls:
    """The halves that wait for their other; any thread may ask."""

    def __init__(self, table: Table, names: Names) -> None:
        """Nothing waits yet; `names` are those of values that come without."""
        self._table = table
        self._names = names
        self._waiting: OrderedDict[str, Half] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def half(self, event: InferenceEvent, received: int) -> Half:
        """Read an event's body; raises MalformedError."""
        body = decoded(event.body)
        if event.part is Part.REQUEST:
            rows = request_rows(body, self._names)
        else:
            rows = response_rows(body, self._names)
        at = received if event.time is None else since_1970(event.time)
        kept = [self._table.shown(row) for row in rows]
        return Half(key=event.key, part=event.part, at=at, came=received, rows=kept)

    def meet(self, half: Half) -> Met:
        """Lay a half beside its other; one whose other has not come must wait.

        Raises MalformedError where the two are no two halves of one call.
        """
        with self._lock:
            if half.key in self._done:
                return Met()  # it came before, and its rows are kept
            other = self._waiting.get(half.key)
        if other is None or other.part is half.part:
            return Met(waits=True)
        asked = half if half.part is Part.REQUEST else other
        answered = other if asked is half else half
        return Met(rows=self._joined(asked, answered.rows), counted=JOINED)

    def wait(self, half: Half) -> None:
        """Let a half wait that is durable."""
        with self._lock:
            self._waiting.setdefault(half.key, half)

    def finish(self, key: str) -> None:
        """Remember a call as done, whose rows are durable."""
        with self._lock:
            self._waiting.pop(key, None)
            self._remember(key)

    def overdue(self, now: datetime) -> list[Half]:
        """Return the halves whose other has not come in time."""
        late = since_1970(now - PATIENCE)
        with self._lock:
            beyond = len(self._waiting) - MOST_WAITING
            return [
                half
                for place, half in enumerate(self._waiting.values())
                if half.came <= late or place < beyond
            ]

    def alone(self, half: Half) -> Met:
        """Return a half as rows of its own; raises MalformedError where it is none."""
        return Met(rows=self._joined(half, None), counted=_LOST[half.part])

    def restore(self, folder: Folder) -> None:
        """Take up what waited when an earlier process stopped; raises OSError."""
        for table in folder.rows().tables:
            for told in table.to_pylist():
                half = Half(
                    key=told["call"],
                    part=Part(told["part"]),
                    at=told["at"],
                    came=told["came"],
                    rows=msgspec.json.decode(told["rows"]),
                )
                other = self._waiting.get(half.key)
                if other is None or other.part is half.part:
                    self.wait(half)
                else:
                    self.finish(half.key)  # with both there its rows were kept

    def _joined(self, half: Half, answers: Sequence[Row] | None) -> list[Row]:
        """Return the rows of a call, each with its id and the time of the call."""
        if self._table.id is None:
            reason = "the config declares no id that a call could be known by"
            raise MalformedError(reason)
        own, asked = self._table.id, half.rows
        # A row that tells an id of its own is known by that.
        ids = [row.get(own) for row in asked]
        asked = [{k: v for k, v in row.items() if k != own} for row in asked]
        rows = joined(asked, answers, half.key, own)
        for row, told in zip(rows, ids, strict=True):
            if told is not None:
                row[own] = told
            if self._table.time is not None:
                row.setdefault(self._table.time, half.at)
        return rows

    def _remember(self, key: str) -> None:
        self._done[key] = None
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)


def batch_of(halves: Sequence[Half]) -> pa.RecordBatch:
    """Return halves as rows of their log."""
    columns = {
        "call": [half.key for half in halves],
        "part": [half.part.value for half in halves],
        "at": [half.at for half in halves],
        "came": [half.came for half in halves],
        "rows": [msgspec.json.encode(half.rows).decode() for half in halves],
    }
    return pa.record_batch(columns)
