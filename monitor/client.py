"""What a serving process logs its predictions with; it needs nothing but Python.

    from monitor.client import Client

    client = Client("http://127.0.0.1:8787", model="churn")
    id = client.log({"amount": 12.5, "plan": "basic", "score": 0.31})
    client.label(id, True)   # as soon as it is known

`log` never waits, never raises, and never holds more than `capacity` rows: a thread
sends them, in batches, and tries again while the daemon does not take them. When there
is no more room the oldest is dropped and counted (`client.dropped`), and the daemon is
told with what comes next. Ids and times are made once, so that a row that is sent twice
is kept once.
"""

import atexit
import http.client
import json
import logging
import math
import os
import random
import threading
import time
import uuid
import weakref
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

log = logging.getLogger("driftd.client")

Row = Mapping[str, Any]
Later = Callable[[], list[Row]]
"""Rows that are made when they are sent, not when they are logged."""

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 30.0
_OK, _TOO_LARGE, _NO_ROW_FITS, _SERVER = 200, 413, 422, 500
_AGAIN = (408, 425, 429)
_LONGEST_ANSWER = 1 << 20
_LONGEST_BODY = 16 << 20
"""Bytes that are sent at once, which is less than the daemon takes."""
_MOST_MINUTES = 1000
"""Minutes whose dropped rows are told apart."""
_QUIET = 60.0
"""Seconds between two warnings."""


class _Item(NamedTuple):
    """Something to be sent: a row, a way to some, or a line; and when it was logged."""

    where: str
    told: Any
    minute: int


class Client:
    """Sends rows of one model in the background; any thread may log.

    A process that forks may go on logging in the child: what waited is sent by the
    parent alone.
    """

    def __init__(  # noqa: PLR0913 - each has a default that suits
        self,
        url: str,
        *,
        model: str,
        id_column: str = "id",
        time_column: str = "at",
        token: str | None = None,
        capacity: int = 10_000,
        batch: int = 500,
        linger: float = 0.5,
        timeout: float = 5.0,
    ) -> None:
        """Open nothing yet; `linger` is how long a row waits for others, in seconds."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"{url!r} is no address of a daemon: write http://HOST:PORT"
            raise ValueError(msg)
        self._secure, self._host, self._port = (
            parts.scheme == "https",
            parts.hostname,
            parts.port,
        )
        self._stem = f"{parts.path.rstrip('/')}/v1/models/{quote(model, safe='')}"
        self.id_column, self._time = id_column, time_column
        self._headers: dict[str, str] = {}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        self._capacity, self._batch = capacity, batch
        self._linger, self._timeout = linger, timeout
        self.sent = self.rejected = self.dropped = 0
        self._begin()
        atexit.register(self.close, 2.0)
        _ALL.add(self)

    # ── what a serving process calls ─────────────────────────────────────────────

    def log(self, row: Row, *, id: str | None = None) -> str:  # noqa: A002 - its name
        """Log one prediction: its features and what the model said; return its id."""
        try:
            given = row if id is None else {**row, self.id_column: id}
            told = self._whole(given, _now())
        except Exception as error:  # noqa: BLE001 - a log must not break who logs
            self.lose(repr(error))
            return id or ""
        self._put("predictions", told)
        return str(told[self.id_column])

    def label(self, id: str, value: object, *, known_at: str | None = None) -> None:  # noqa: A002
        """Log what became of a prediction; a later label of the same id corrects it."""
        told = {"id": id, "value": value, "known_at": known_at or _now()}
        self._put("actuals:batch", told)

    def log_later(self, make: Later) -> None:
        """Log rows that are made in the background, such as those of a request."""
        now = _now()
        self._put("predictions", lambda: [self._whole(row, now) for row in make()])

    def lose(self, why: str) -> None:
        """Count a prediction that cannot be logged; the daemon is told."""
        self._drop([_Item("predictions", None, _minute())], why)

    def flush(self, timeout: float | None = None) -> bool:
        """Send what waits; False when time is up first."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(
                lambda: not self._queue and not self._sending, timeout
            )
            self._hurry = False
        return done

    def close(self, timeout: float = 5.0) -> bool:
        """Send what waits and stop; what is not sent in time is dropped and counted."""
        atexit.unregister(self.close)
        done = self.flush(timeout) if self._thread is not None else not self._queue
        with self._changed:
            self._closed = True
            self._drop(self._queue, "the client is closed")
            self._queue.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return done

    # ── the buffer ───────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Start empty: at first, and in the child of a fork."""
        self._changed = threading.Condition()
        self._queue: deque[_Item] = deque()
        self._lost: Counter[int] = Counter()
        self._report: bytes | None = None
        self._warned = -_QUIET
        self._sending = self._hurry = self._closed = False
        self._thread: threading.Thread | None = None
        self._connection: http.client.HTTPConnection | None = None

    def _put(self, where: str, told: Any) -> None:  # noqa: ANN401 - a row, or a way to it
        item = _Item(where, told, _minute())
        with self._changed:
            if self._closed:
                self._drop([item], "the client is closed")
                return
            if len(self._queue) >= self._capacity:
                self._drop([self._queue.popleft()], "there is no more room")
            self._queue.append(item)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="driftd-client", daemon=True
                )
                self._thread.start()
            if len(self._queue) == 1 or len(self._queue) == self._batch:
                self._changed.notify_all()

    def _run(self) -> None:
        """Send until the client is closed; nothing that goes wrong gets out of here."""
        while True:
            taken = self._taken()
            if taken is None:
                self._hang_up()
                return
            try:
                self._deliver(self._lines(taken))
            except Exception as error:  # noqa: BLE001 - a log must not break who logs
                self._drop(taken, error)
            with suppress(Exception):  # it is told with what comes next
                self._tell()
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _taken(self) -> list[_Item] | None:
        """Wait for a batch of rows for one address; None when the client is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            if not self._closed:
                self._changed.wait_for(
                    lambda: (
                        len(self._queue) >= self._batch or self._hurry or self._closed
                    ),
                    self._linger,
                )
            if not self._queue:
                return None if self._closed else []
            where = self._queue[0].where
            items: list[_Item] = []
            while (
                self._queue
                and self._queue[0].where == where
                and len(items) < self._batch
            ):
                items.append(self._queue.popleft())
            self._sending = True
            return items

    def _lines(self, items: list[_Item]) -> list[_Item]:
        """Write rows down; one that cannot be written takes no other along."""
        lines = []
        for one in items:
            try:
                lines += [one._replace(told=_line(row)) for row in _rows(one.told)]
            except Exception as error:  # noqa: BLE001 - a log must not break who logs
                self._drop([one], error)
        return lines

    def _drop(self, items: Collection[_Item], why: object) -> None:
        """Count what will not be sent, and say so now and then."""
        if not items:
            return
        with self._changed:
            self.dropped += len(items)
            for one in items:
                if one.where == "predictions":
                    self._lost[one.minute] += 1
            while len(self._lost) > _MOST_MINUTES:
                early, late = sorted(self._lost)[:2]
                self._lost[late] += self._lost.pop(early)
            loud = time.monotonic() - self._warned >= _QUIET
            if loud:
                self._warned = time.monotonic()
        if loud:
            said = repr(why) if isinstance(why, Exception) else why
            log.warning("%d rows were dropped by now, the last: %s", self.dropped, said)

    def _whole(self, row: Row, now: str) -> Row:
        """Return a row with an id, and a time, if it has none."""
        told = {**row}
        if told.get(self.id_column) is None:
            told[self.id_column] = uuid.uuid4().hex
        if told.get(self._time) is None:
            told[self._time] = now
        return told

    # ── sending ──────────────────────────────────────────────────────────────────

    def _deliver(self, lines: list[_Item]) -> None:
        """Send lines until they are taken, refused for good, or time is up."""
        wait, why = _FIRST_WAIT, "the client is closed"
        if len(lines) > 1 and sum(len(line.told) for line in lines) > _LONGEST_BODY:
            self._deliver(lines[: len(lines) // 2])
            self._deliver(lines[len(lines) // 2 :])
            return
        while lines and not self._closed:
            status, answer, after = self._post(*_request(lines))
            if status in {_OK, _NO_ROW_FITS} and "accepted" in answer:
                self.sent += int(answer.get("accepted", 0))
                self.rejected += int(answer.get("rejected", 0))
                return
            if status == _TOO_LARGE and len(lines) > 1:
                self._deliver(lines[: len(lines) // 2])
                lines = lines[len(lines) // 2 :]
                continue
            if _for_good(status):
                why = f"refused ({status}): {answer.get('detail')}"
                break
            self._pause(max(after, random.uniform(0, wait)))  # noqa: S311 - jitter
            wait = min(2 * wait, _LONGEST_WAIT)
        self._drop(lines, why)

    def _tell(self) -> None:
        """Tell how many rows were dropped, the same until it is answered."""
        with self._changed:
            if self._report is None and self._lost:
                told = [
                    {"at": 60 * minute, "rows": rows}
                    for minute, rows in sorted(self._lost.items())
                ]
                report = {"report": uuid.uuid4().hex, "dropped": told}
                self._report = json.dumps(report).encode()
                self._lost.clear()
            waiting = self._report
        if waiting is not None and not self._closed:
            status, _, _ = self._post("dropped", waiting, _JSON)
            if status == _OK or _for_good(status):
                self._report = None

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def _post(
        self, where: str, body: bytes, kind: str
    ) -> tuple[int | None, dict[str, Any], float]:
        """Send a body once; no status where no answer came."""
        headers = {**self._headers, "content-type": kind}
        try:
            if self._connection is None:
                open_to = (
                    http.client.HTTPSConnection
                    if self._secure
                    else http.client.HTTPConnection
                )
                self._connection = open_to(
                    self._host, self._port, timeout=self._timeout
                )
            self._connection.request("POST", f"{self._stem}/{where}", body, headers)
            response = self._connection.getresponse()
            told = response.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            log.debug("the daemon does not answer: %s", error)
            self._hang_up()
            return None, {}, 0.0
        if response.will_close or not response.isclosed():
            self._hang_up()
        return (
            response.status,
            _answer(told),
            _seconds(response.getheader("retry-after", "")),
        )

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_JSON = "application/json"


def _request(lines: list[_Item]) -> tuple[str, bytes, str]:
    """Return where lines go, as what body, of which type."""
    where, told = lines[0].where, [line.told for line in lines]
    if where == "actuals:batch":
        return where, b'{"actuals":[' + b",".join(told) + b"]}", _JSON
    return where, b"\n".join(told), "application/x-ndjson"


def _for_good(status: int | None) -> bool:
    """Tell whether an answer says no, however often one asks."""
    return status is not None and _OK < status < _SERVER and status not in _AGAIN


def _minute() -> int:
    return int(time.time() // 60)


def _rows(told: Any) -> list[Row]:  # noqa: ANN401 - a row, or a way to some
    return told() if callable(told) else [told]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _line(row: Row) -> bytes:
    try:
        line = json.dumps(row, allow_nan=False, default=_plain).encode()
    except ValueError:  # JSON has no NaN: no value either
        line = json.dumps(_finite(row), default=_plain).encode()
    if len(line) > _LONGEST_BODY:
        msg = f"a row of {len(line):,} bytes is too large"
        raise ValueError(msg)
    return line


def _plain(value: Any) -> Any:  # noqa: ANN401 - NumPy's scalars, times, whatever comes
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    for name in ("tolist", "isoformat", "__float__"):
        convert = getattr(value, name, None)
        if callable(convert):
            return _finite(convert()) if _is(value) else None
    return str(value)


def _is(value: Any) -> bool:  # noqa: ANN401
    """Tell a value from what stands for none: NaN, and times that are none."""
    try:
        return bool(value == value)  # noqa: PLR0124 - that is what they are told by
    except ValueError:
        return True  # an array is no single value
    except (TypeError, ArithmeticError):
        return False


def _finite(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _answer(told: bytes) -> dict[str, Any]:
    try:
        found = json.loads(told)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(told: str) -> float:
    """Return how long the daemon asks to be left alone, a minute at most."""
    return min(float(told), 60.0) if told.isascii() and told.isdigit() else 0.0


_ALL: "weakref.WeakSet[Client]" = weakref.WeakSet()


def _forked() -> None:
    for client in list(_ALL):
        client._hang_up()  # noqa: SLF001 - of the child's own copy of the socket
        client._begin()  # noqa: SLF001 - the lock may be held by a thread that is not here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
