"""What stands in for a target of retrainings: it keeps runs as the real one does."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from monitor.action import Stage
from monitor.demo.loopback import Answer, Loopback, Request

JSON = {"content-type": "application/json"}


def answer(body: Any = None, status: int = 200, **headers: str) -> Answer:
    content = b"" if body is None else json.dumps(body).encode()
    return Answer(status=status, body=content, headers={**JSON, **headers})


def body(request: Request) -> Any:
    return json.loads(request.body)


def form(request: Request) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(request.body.decode()).items()}


class Target(Loopback):
    """Runs by the retraining's id, in the order in which they were started.

    `words` are the server's own for each stage; `started` has an id as often as a run
    was started for it.
    """

    words: Mapping[Stage, str] = {}

    def __init__(self, handle: Callable[[Request, "Target"], Answer]) -> None:
        super().__init__(lambda request: self._kept(handle, request))
        self.started: list[str] = []
        self.states: dict[str, str] = {}
        self.requests: list[Request] = []

    def _kept(
        self, handle: Callable[[Request, "Target"], Answer], request: Request
    ) -> Answer:
        self.requests.append(request)
        return handle(request, self)

    def start(self, name: str) -> int:
        """Start a run for a retraining; return the number that the server gives it."""
        self.started.append(name)
        self.states[name] = self.words[Stage.WAITING]
        return len(self.started)

    def of(self, number: str | int) -> str:
        """Return the retraining that a run was started for."""
        return self.started[int(number) - 1]

    def move(self, name: str, stage: Stage) -> None:
        self.states[name] = self.words[stage]
