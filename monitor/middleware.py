"""An ASGI middleware that logs a model server's calls; it needs nothing but Python.

    from monitor.client import Client
    from monitor.middleware import PredictionLog

    client = Client("http://127.0.0.1:8787", model="churn")
    app.add_middleware(PredictionLog, client=client, path="/predict")

What was asked and what was answered are read in the client's thread, after the answer
has gone out: a call is neither delayed nor broken by it. Every answer is told the id
that its rows are known by, in the header `x-prediction-id`; labels name it later.
"""

import json
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from uuid import uuid4

from monitor.client import Client, Row

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
Extract = Callable[[Any], list[Row]]
"""Returns the rows that a decoded JSON body tells of."""

LARGEST = 1 << 20
"""Bytes of a body that is looked at; a call with a larger one is not logged."""
ID = b"x-prediction-id"
_REQUESTS, _ANSWERS = (
    ("instances", "inputs", "rows"),
    ("predictions", "outputs", "rows"),
)


def features_of(body: Any) -> list[Row]:  # noqa: ANN401 - any JSON value
    """Return the rows of a request: an object, a list of them, or `instances`.

    >>> features_of({"instances": [{"amount": 1}]})
    [{'amount': 1}]
    """
    return [row for row in _listed(body, _REQUESTS) if isinstance(row, Mapping)]


def predictions_of(body: Any) -> list[Row]:  # noqa: ANN401
    """Return the answers of a response; a bare value is called `prediction`.

    >>> predictions_of({"predictions": [0.2, {"score": 0.4}]})
    [{'prediction': 0.2}, {'score': 0.4}]
    """
    answers = _listed(body, _ANSWERS)
    return [a if isinstance(a, Mapping) else {"prediction": a} for a in answers]


def _listed(body: Any, keys: tuple[str, ...]) -> list[Any]:  # noqa: ANN401
    if isinstance(body, Mapping):
        for key in keys:
            if isinstance(body.get(key), list):
                return list(body[key])
    return list(body) if isinstance(body, list) else [body]


class PredictionLog:
    """Logs the POSTs to one path that are answered well (2xx)."""

    def __init__(  # noqa: PLR0913 - each has a default that suits
        self,
        app: App,
        *,
        client: Client,
        path: str = "/predict",
        features: Extract = features_of,
        predictions: Extract = predictions_of,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        """Stand before an application; `skipped` counts calls that are not logged."""
        self._app = app
        self._client = client
        self._path = path
        self._features = features
        self._predictions = predictions
        self._new_id = new_id
        self.skipped = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        """Answer as the application does, and log the call."""
        wanted = scope["type"] == "http" and scope["method"] == "POST"
        if not wanted or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        key = _asked_for(scope) or self._named()
        asked, answered = _Copy(_packing(scope["headers"])), _Copy(b"")
        good = False

        async def listen() -> Message:
            message: Message = await receive()
            if message["type"] == "http.request":
                asked.add(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            nonlocal good
            if message["type"] == "http.response.start":
                good = message["status"] // 100 == 2  # noqa: PLR2004 - good answers
                headers = [*message.get("headers", [])]
                answered.packing = _packing(headers)
                message = {**message, "headers": [*headers, (ID, key.encode())]}
            elif message["type"] == "http.response.body":
                answered.add(message.get("body", b""))
            await send(message)
            # Not when the application returns: it may have work of its own to do first.
            whole = message["type"] == "http.response.body"
            if good and whole and not message.get("more_body", False):
                self._log(key, asked, answered)

        await self._app(scope, listen, answer)

    def _named(self) -> str:
        """Make an id; one that cannot be a header's must not break the call."""
        try:
            key = self._new_id()
        except Exception:  # noqa: BLE001 - a log must not break who is logged
            return uuid4().hex
        return key if _sensible(key) else uuid4().hex

    def _log(self, key: str, asked: "_Copy", answered: "_Copy") -> None:
        if not (asked.is_whole and answered.is_whole):
            self.skipped += 1
            self._client.lose(f"a body has more than {LARGEST:,} bytes")
            return

        def rows() -> list[Row]:
            request, response = json.loads(asked.body()), json.loads(answered.body())
            return self._rows(key, request, response)

        self._client.log_later(rows)

    def _rows(self, key: str, request: Any, response: Any) -> list[Row]:  # noqa: ANN401
        """Lay answers beside what was asked, each row with an id of its own."""
        asked, answered = self._features(request), self._predictions(response)
        if len(asked) != len(answered):
            msg = f"{len(answered)} answers to {len(asked)} rows"
            raise ValueError(msg)
        column = self._client.id_column
        return [
            {column: key if len(asked) == 1 else f"{key}#{place}", **row, **answer}
            for place, (row, answer) in enumerate(zip(asked, answered, strict=True))
        ]


class _Copy:
    """A body as it passes by, as far as it is not too large."""

    __slots__ = ("_parts", "_size", "packing")

    def __init__(self, packing: bytes) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.packing = packing

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LARGEST:
            self._parts.clear()
        elif part:
            self._parts.append(bytes(part))

    @property
    def is_whole(self) -> bool:
        """Whether all of it was kept."""
        return self._size <= LARGEST

    def body(self) -> bytes:
        """Return it unpacked; raises ValueError where that cannot be done."""
        body = b"".join(self._parts)
        if self.packing in (b"", b"identity"):
            return body
        if self.packing != b"gzip":
            msg = f"content-encoding {self.packing.decode('latin-1')!r} is not read"
            raise ValueError(msg)
        stream = zlib.decompressobj(wbits=31)
        unpacked = stream.decompress(body, LARGEST)
        if not stream.eof:
            msg = f"a packed body is torn, or larger than {LARGEST:,} bytes"
            raise ValueError(msg)
        return unpacked


def _packing(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return next((v for k, v in headers if k.lower() == b"content-encoding"), b"")


def _asked_for(scope: Any) -> str | None:  # noqa: ANN401
    """Return the id that the caller gave the request, if it is a sensible one."""
    told = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return told if _sensible(told) else None


def _sensible(key: object) -> bool:
    """Tell whether an id can stand in a header as it is."""
    return isinstance(key, str) and 0 < len(key) <= LONGEST_ID and bool(_IS_ID(key))


LONGEST_ID = 128
_IS_ID = re.compile(r"[\x21-\x7e]+\Z").match
