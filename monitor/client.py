"""What a serving process logs its predictions with; it needs nothing but Python.

    from monitor.client import Client

    client = Client("http://127.0.0.1:8787", model="churn")
    id = client.log({"amount": 12.5, "plan": "basic", "score": 0.31})
    client.label(id, True)   # as soon as it is known

`log` never waits, never raises, and never holds more than `capacity` rows: a thread
sends them, in batches, and tries again while the daemon does not take them. When there
is no more room the oldest is dropped and counted (`client.dropped`). Ids and times are
made once, so that a row that is sent twice is kept once.
"""

import atexit
import http.client
import json
import logging
import math
import os
import random
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

log = logging.getLogger("driftd.client")

Row = Mapping[str, Any]
Later = Callable[[], list[Row]]
"""Rows that are made when they are sent, not when they are logged."""

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 30.0
_OK, _TOO_LARGE, _NO_ROW_FITS, _SERVER = 200, 413, 422, 500
_AGAIN = (408, 425, 429)


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
        self._headers = {"content-type": "application/x-ndjson"}
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
            self._lose(1, error)
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
            self.dropped += len(self._queue)
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
        self._queue: deque[tuple[str, Any]] = deque()
        self._sending = self._hurry = self._closed = False
        self._thread: threading.Thread | None = None
        self._connection: http.client.HTTPConnection | None = None

    def _put(self, where: str, told: Any) -> None:  # noqa: ANN401 - a row, or a way to it
        with self._changed:
            if self._closed:
                self.dropped += 1
                return
            if len(self._queue) >= self._capacity:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append((where, told))
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
            where, told = taken
            try:
                self._deliver(where, self._lines(told))
            except Exception as error:  # noqa: BLE001 - a log must not break who logs
                self._lose(len(told), error)
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _taken(self) -> tuple[str, list[Any]] | None:
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
                return None if self._closed else ("predictions", [])
            where = self._queue[0][0]
            told: list[Any] = []
            while (
                self._queue and self._queue[0][0] == where and len(told) < self._batch
            ):
                told.append(self._queue.popleft()[1])
            self._sending = True
            return where, told

    def _lines(self, told: list[Any]) -> list[bytes]:
        """Write rows down; one that cannot be written takes no other along."""
        lines = []
        for one in told:
            try:
                lines += [_line(row) for row in _rows(one)]
            except Exception as error:  # noqa: BLE001 - a log must not break who logs
                self._lose(1, error)
        return lines

    def _lose(self, count: int, error: Exception) -> None:
        self.dropped += count
        log.warning("rows cannot be sent: %s", error)

    def _whole(self, row: Row, now: str) -> Row:
        """Return a row with an id, and a time, if it has none."""
        told = {**row}
        if told.get(self.id_column) is None:
            told[self.id_column] = uuid.uuid4().hex
        if told.get(self._time) is None:
            told[self._time] = now
        return told

    # ── sending ──────────────────────────────────────────────────────────────────

    def _deliver(self, where: str, lines: list[bytes]) -> None:
        """Send lines until they are taken, refused for good, or time is up."""
        wait = _FIRST_WAIT
        while lines and not self._closed:
            status, answer, after = self._post(where, lines)
            if status == _OK or (status == _NO_ROW_FITS and "accepted" in answer):
                self.sent += int(answer.get("accepted", 0))
                self.rejected += int(answer.get("rejected", 0))
                return
            if status == _TOO_LARGE and len(lines) > 1:
                self._deliver(where, lines[: len(lines) // 2])
                lines = lines[len(lines) // 2 :]
                continue
            if status is not None and status < _SERVER and status not in _AGAIN:
                log.warning("rows are refused (%s): %s", status, answer.get("detail"))
                break
            self._pause(max(after, random.uniform(0, wait)))  # noqa: S311 - jitter
            wait = min(2 * wait, _LONGEST_WAIT)
        self.dropped += len(lines)

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def _post(
        self, where: str, lines: list[bytes]
    ) -> tuple[int | None, dict[str, Any], float]:
        """Send lines once; no status where no answer came."""
        body, headers = b"\n".join(lines), self._headers
        if where == "actuals:batch":
            body = b'{"actuals":[' + b",".join(lines) + b"]}"
            headers = {**headers, "content-type": "application/json"}
        try:
            if self._connection is None:
                kind = (
                    http.client.HTTPSConnection
                    if self._secure
                    else http.client.HTTPConnection
                )
                self._connection = kind(self._host, self._port, timeout=self._timeout)
            self._connection.request("POST", f"{self._stem}/{where}", body, headers)
            response = self._connection.getresponse()
            told = response.read()
        except (OSError, http.client.HTTPException) as error:
            log.debug("the daemon does not answer: %s", error)
            self._hang_up()
            return None, {}, 0.0
        if response.will_close:
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


def _rows(told: Any) -> list[Row]:  # noqa: ANN401 - a row, or a way to some
    return told() if callable(told) else [told]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _line(row: Row) -> bytes:
    try:
        return json.dumps(row, allow_nan=False, default=_plain).encode()
    except ValueError:  # JSON has no NaN: no value either
        return json.dumps(_finite(row), default=_plain).encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - NumPy's scalars, times, whatever comes
    item = getattr(value, "item", None)
    if callable(item):
        found = item()
        return None if isinstance(found, float) and not math.isfinite(found) else found
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)


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
    return min(float(told), 60.0) if told.isdigit() else 0.0


_ALL: "weakref.WeakSet[Client]" = weakref.WeakSet()


def _forked() -> None:
    for client in list(_ALL):
        client._hang_up()  # noqa: SLF001 - of the child's own copy of the socket
        client._begin()  # noqa: SLF001 - the lock may be held by a thread that is not here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
