"""The addresses that rows are sent to, as plain ASGI before the rest of the server.

A row goes from the socket to the log without a framework in between: at thousands of
requests a second that is most of the cost.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import msgspec

from monitor.ingest import columnar
from monitor.ingest.apart import Apart
from monitor.ingest.body import Disconnected, Receive, announced, received, unpacked
from monitor.ingest.declared import LABELS, PREDICTIONS
from monitor.ingest.desk import Desk, behind
from monitor.ingest.dropped import dropped_rows
from monitor.ingest.events import is_event
from monitor.ingest.intake import Intake
from monitor.ingest.moments import since_1970
from monitor.ingest.refusal import Refusal
from monitor.ingest.rows import Read
from monitor.landing import LandingError

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = tuple[HTTPStatus, bytes]

SHOWN = 20
"""Rejected rows that an answer spells out."""
SMALL = 1 << 16
"""Bytes of a body that is read at once; a larger one is read in a thread."""
LISTED, MOST_LISTED = 100, 1000
"""Rows of the quarantine that are listed, unless more are asked for."""

_OURS = re.compile(
    r"/v1/models/([^/]+)/(predictions|labels|actuals:batch|quarantine|dropped)\Z"
)
_JSON = frozenset({b"", b"application/json", b"text/json"})
_LINES = frozenset(
    b"application/" + kind
    for kind in (b"x-ndjson", b"jsonl", b"x-jsonlines", b"json-lines", b"jsonlines")
)
_ARROW = b"application/vnd.apache.arrow.stream"
_PARQUET = frozenset({b"application/vnd.apache.parquet", b"application/x-parquet"})
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_KINDS = (
    "application/json, application/x-ndjson, application/vnd.apache.arrow.stream or"
    " application/vnd.apache.parquet"
)
_ONE = msgspec.json.encode({"accepted": 1, "rejected": 0})


class IngestApi:
    """An ASGI application: takes rows, and leaves all else to the one behind it."""

    def __init__(self, desk: Desk, behind: App) -> None:
        """Know the addresses of the desk's tables."""
        self._desk = desk
        self._behind = behind
        self._intakes = {
            f"/v1/models/{model}/{what}": intake
            for (model, what), intake in desk.intakes.items()
        }
        self._events = {
            desk.intakes[model, PREDICTIONS]: events
            for model, events in desk.events.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        intake = self._intakes.get(scope["path"])
        ours = None if intake is not None else _OURS.match(scope["path"])
        if intake is None and ours is None:
            await self._behind(scope, receive, send)
            return
        told: tuple[tuple[bytes, bytes], ...] = ()
        try:
            if intake is not None:
                status, body = await self._taken(intake, scope, receive)
            elif ours is not None:
                status, body = await self._other(ours[1], ours[2], scope, receive)
            kind = b"application/json"
        except Refusal as refusal:
            status, body, kind = refusal.status, refusal.body(), _PROBLEM
            told = tuple(
                (name.encode(), value.encode())
                for name, value in refusal.headers.items()
            )
        except Disconnected:
            return
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            *_HEADERS,
            *told,
        ]
        await send(
            {"type": "http.response.start", "status": int(status), "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    async def _other(
        self, model: str, what: str, scope: Scope, receive: Receive
    ) -> Answer:
        """Answer what is asked for less often; raises Refusal."""
        known = dict(self._desk.of(model))
        if what == "quarantine" and known:
            _only(scope, "GET")
            return HTTPStatus.OK, await self._quarantine(model, known, scope)
        if what == "actuals:batch" and LABELS in known:
            return await self._taken(known[LABELS], scope, receive, actuals=True)
        if what == "dropped" and PREDICTIONS in known:
            return await self._dropped(known[PREDICTIONS], scope, receive)
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            f"no model of that name takes {what} here",
            fix="write `source: {type: ingest}` in the model's section",
        )

    async def _taken(
        self, intake: Intake, scope: Scope, receive: Receive, *, actuals: bool = False
    ) -> Answer:
        """Take the rows of a request; raises Refusal."""
        _only(scope, "POST")
        headers = dict(scope["headers"])
        announced(headers)
        if behind(intake):
            raise _overtaken()
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        events = self._events.get(intake) if is_event(headers, kind) else None
        with self._desk.room.held() as held:
            body = await received(receive, held)
            held.enter()
            try:
                if events is not None:
                    body = unpacked(body, _packed(headers))
                    return _answer(await events.take(headers, kind, body))
                held.grow(len(body))  # what it is unfolded to beside it
                read = await self._read(intake, headers, kind, body, actuals)
                await intake.take(read)
            except LandingError as error:
                raise _not_durable(error) from None
        return _answer(read)

    async def _dropped(self, intake: Intake, scope: Scope, receive: Receive) -> Answer:
        """Count rows that their sender has dropped; raises Refusal."""
        _only(scope, "POST")
        announced(dict(scope["headers"]))
        with self._desk.room.held() as held:
            body = await received(receive, held)
        lost = dropped_rows(body, since_1970(self._desk.now()))
        if intake.counting is not None:
            intake.counting.lose(lost)
        return HTTPStatus.OK, msgspec.json.encode({"counted": int(lost.counts.sum())})

    async def _read(
        self,
        intake: Intake,
        headers: Mapping[bytes, bytes],
        kind: bytes,
        body: bytes,
        actuals: bool,  # noqa: FBT001 - as it came
    ) -> Read:
        """Read a body, a large one in a thread that takes one at a time."""
        now = since_1970(self._desk.now())
        packed = _packed(headers)

        def read() -> Read:
            whole, apart = unpacked(body, packed), self._desk.apart
            return _rows(intake, kind, whole, now, apart, actuals=actuals)

        if len(body) <= SMALL and not packed and kind not in _PARQUET:
            return read()
        return await asyncio.get_running_loop().run_in_executor(
            self._desk.reading, read
        )

    async def _quarantine(
        self, model: str, known: Mapping[str, Intake], scope: Scope
    ) -> bytes:
        """List the newest rows of a model that were not taken."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        asked = query.get("limit", [""])[0]
        if asked and not (asked.isascii() and asked.isdigit()):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "limit is no number",
                path="limit",
                fix=f"write limit=N, at most {MOST_LISTED}",
            )
        limit = min(int(asked[:9] or LISTED), MOST_LISTED)
        loop = asyncio.get_running_loop()
        tables = [
            {
                "table": what,
                "counts": intake.tally.rejected(),
                "rows": await loop.run_in_executor(None, intake.rejected.last, limit),
            }
            for what, intake in known.items()
        ]
        return msgspec.json.encode({"model": model, "tables": tables})


_PROBLEM = b"application/problem+json"


def _packed(headers: Mapping[bytes, bytes]) -> bytes:
    return headers.get(b"content-encoding", b"").strip().lower()


def _rows(  # noqa: PLR0913 - all that a body is read by
    intake: Intake, kind: bytes, body: bytes, now: int, apart: Apart, *, actuals: bool
) -> Read:
    """Read a body by its content-type; raises Refusal."""
    table = intake.reader.table
    if actuals and kind in _JSON:
        return intake.reader.actuals(body, now)
    if kind in _JSON or kind in _LINES:
        return intake.reader.read(body, now, lines=kind in _LINES)
    if kind == _ARROW:
        return columnar.held_to(table, columnar.of_stream(body, table), now)
    if kind in _PARQUET:
        batches = columnar.of_parquet(body, table, apart)
        return columnar.held_to(table, batches, now)
    raise Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"content-type {kind.decode('latin-1')[:60]!r} is not read",
        fix=f"send {_KINDS}",
    )


def _answer(read: Read) -> Answer:
    """Tell what became of a request's rows."""
    if read.accepted == 1 and not read.rejects:
        return HTTPStatus.OK, _ONE
    rejected = len(read.rejects) + read.more
    told: dict[str, Any] = {"accepted": read.accepted, "rejected": rejected}
    status = HTTPStatus.OK
    if rejected:
        shown = read.rejects[:SHOWN]
        told["rejects"] = [{"row": r.place, "reason": r.reason} for r in shown]
        if not read.accepted:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            told |= {
                "title": status.phrase,
                "status": status.value,
                "detail": f"none of the rows was taken: {shown[0].reason}",
                "path": f"$[{shown[0].place}]",
                "fix": "send what the config declares; the rows are in the quarantine",
            }
    return status, msgspec.json.encode(told)


def _only(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"this address takes {method} alone",
            fix=f"use {method}",
            allow=method,
        )


def _overtaken() -> Refusal:
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "more rows wait to be landed than should",
        fix="send the same rows again later",
        retry_after=5,
    )


def _not_durable(error: LandingError) -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        str(error),
        fix="send the same rows again",
        retry_after=5,
    )
