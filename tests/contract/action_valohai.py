"""A Valohai for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-token",)

WORDS = {
    Stage.WAITING: "created",
    Stage.RUNNING: "started",
    Stage.SUCCEEDED: "complete",
    Stage.FAILED: "error",
}
PIPELINES = "/api/v0/pipelines/"


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Token {CANARIES[0]}"
    if request.method == "POST":
        assert request.path == PIPELINES
        told = body(request)
        assert (told["project"], told["commit"]) == ("p-1", "main")
        given = told["nodes"][0]["template"]["parameters"]
        assert given["retraining"] or given["epochs"]
        number = server.start(told["title"].removeprefix("driftd-"))
        return answer({"id": str(number)}, 201)
    if request.path == PIPELINES:
        assert request.query["project"] == "p-1"
        every = [run(server, n) for n in range(1, len(server.started) + 1)]
        return answer({"count": len(every), "results": every})
    return answer(run(server, int(request.path.removeprefix(PIPELINES).rstrip("/"))))


def run(server: Target, number: int) -> dict[str, object]:
    name = server.of(number)
    state = server.states[name]
    return {"id": str(number), "title": f"driftd-{name}", "status": state}


@contextmanager
def receiving() -> Iterator[tuple[Target, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    server = Target(handle)
    server.words = WORDS
    with server:
        yield (
            server,
            {
                "url": server.url,
                "project": "p-1",
                "commit": "main",
                "token": CANARIES[0],
                "parameter": "retraining",
                "nodes": [
                    {
                        "name": "train",
                        "type": "execution",
                        "template": {"step": "train", "parameters": {"epochs": 3}},
                    }
                ],
                "timeout": 0.5,
            },
        )
