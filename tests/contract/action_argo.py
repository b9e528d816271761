"""An Argo Workflows for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-token",)

WORDS = {
    Stage.WAITING: "Pending",
    Stage.RUNNING: "Running",
    Stage.SUCCEEDED: "Succeeded",
    Stage.FAILED: "Error",
}


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Bearer {CANARIES[0]}"
    if request.method == "POST":
        assert request.path == "/api/v1/events/ml/driftd"
        name = body(request)["id"]
        if name in server.started:  # the binding names the workflow by the id
            return answer({"code": 13, "message": "failed to dispatch event"}, 500)
        server.start(name)
        return answer({})
    name = request.path.removeprefix("/api/v1/workflows/ml/driftd-")
    if name not in server.states:
        return answer({"code": 5}, 404)
    return answer({"status": {"phase": server.states[name]}})


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
                "namespace": "ml",
                "token": CANARIES[0],
                "timeout": 0.5,
            },
        )
