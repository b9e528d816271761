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
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
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
        key = _asked_for(scope) or self._new_id()
        asked, answered = _Copy(), _Copy()
        status = 0

        async def listen() -> Message:
            message: Message = await receive()
            if message["type"] == "http.request":
                asked.add(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = [*message.get("headers", []), (ID, key.encode("latin-1"))]
                message = {**message, "headers": told}
            elif message["type"] == "http.response.body":
                answered.add(message.get("body", b""))
            await send(message)

        await self._app(scope, listen, answer)
        if status // 100 == 2:  # noqa: PLR2004 - the class of good answers
            self._log(key, asked, answered)

    def _log(self, key: str, asked: "_Copy", answered: "_Copy") -> None:
        if asked.whole is None or answered.whole is None:
            self.skipped += 1
            return
        request, response = asked.whole, answered.whole

        def rows() -> list[Row]:
            return self._rows(key, json.loads(request), json.loads(response))

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

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LARGEST:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    @property
    def whole(self) -> bytes | None:
        """The body; None where it was too large."""
        return b"".join(self._parts) if self._size <= LARGEST else None


def _asked_for(scope: Any) -> str | None:  # noqa: ANN401
    """Return the id that the caller gave the request, if it is a sensible one."""
    told = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return told if 0 < len(told) <= 128 and told.isprintable() else None  # noqa: PLR2004
