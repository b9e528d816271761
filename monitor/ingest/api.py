"""The addresses that rows are sent to, as plain ASGI before the rest of the server.

A row goes from the socket to the log without a framework in between: at thousands of
requests a second that is most of the cost.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec

from monitor.ingest.body import Disconnected, Receive, announced, received, unpacked
from monitor.ingest.desk import Desk
from monitor.ingest.intake import Intake
from monitor.ingest.moments import since_1970
from monitor.ingest.refusal import Refusal
from monitor.landing import LandingError
from monitor.logs import logger

log = logger(__name__)

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SHOWN = 20
"""Rejected rows that an answer spells out."""

_OURS = re.compile(r"/v1/models/([^/]+)/(predictions|labels)\Z")
_JSON = frozenset({b"", b"application/json", b"text/json"})
_LINES = frozenset(
    b"application/" + kind
    for kind in (b"x-ndjson", b"jsonl", b"x-jsonlines", b"json-lines", b"jsonlines")
)
_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not _OURS.match(scope["path"]):
            await self._behind(scope, receive, send)
            return
        try:
            status, body = await self._taken(scope, receive)
            headers: list[tuple[bytes, bytes]] = [
                (b"content-type", b"application/json")
            ]
        except Refusal as refusal:
            status, body = refusal.status, refusal.body()
            headers = [(b"content-type", b"application/problem+json")]
            headers += [(k.encode(), v.encode()) for k, v in refusal.headers.items()]
        except Disconnected:
            return
        headers += [(b"content-length", str(len(body)).encode()), *_HEADERS]
        await send(
            {"type": "http.response.start", "status": int(status), "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    async def _taken(self, scope: Scope, receive: Receive) -> tuple[HTTPStatus, bytes]:
        """Take the rows of a request; raises Refusal."""
        intake = self._intake(scope)
        headers = dict(scope["headers"])
        announced(headers)
        body = await received(receive)
        body = unpacked(body, headers.get(b"content-encoding", b"").strip().lower())
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind not in _JSON and kind not in _LINES:
            raise Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content-type {kind.decode('latin-1')[:60]!r} is not read",
                fix="send application/json or application/x-ndjson",
            )
        now = since_1970(self._desk.now())
        read = intake.reader.read(body, now, lines=kind in _LINES)
        if read.rows:
            try:
                await intake.keep(read.rows)
            except LandingError as error:
                raise Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    str(error),
                    fix="send the same rows again",
                    retry_after=5,
                ) from None
        told = {
            "accepted": len(read.rows),
            "rejected": len(read.rejects),
            "rejects": [
                {"row": one.place, "reason": one.reason} for one in read.rejects[:SHOWN]
            ],
        }
        status = HTTPStatus.OK if read.rows else HTTPStatus.UNPROCESSABLE_ENTITY
        return status, msgspec.json.encode(told)

    def _intake(self, scope: Scope) -> Intake:
        """Return the intake of an address; raises Refusal where there is none."""
        intake = self._intakes.get(scope["path"])
        if intake is None:
            raise Refusal(
                HTTPStatus.NOT_FOUND,
                "no model of that name takes rows here",
                fix="write `source: {type: ingest}` in the model's section",
            )
        if scope["method"] != "POST":
            raise Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED, "rows are sent by POST", fix="use POST"
            )
        return intake
