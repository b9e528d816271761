"""A Prefect for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-key",)

WORDS = {
    Stage.WAITING: "SCHEDULED",
    Stage.RUNNING: "RUNNING",
    Stage.SUCCEEDED: "COMPLETED",
    Stage.FAILED: "CRASHED",
}


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Bearer {CANARIES[0]}"
    if request.method == "POST":
        assert request.path == "/api/deployments/d-1/create_flow_run"
        name = body(request)["idempotency_key"]
        if name not in server.started:
            server.start(name)
        return answer({"id": str(server.started.index(name) + 1)}, 201)
    name = server.of(request.path.removeprefix("/api/flow_runs/"))
    return answer({"state_type": server.states[name]})


@contextmanager
def receiving() -> Iterator[tuple[Target, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    server = Target(handle)
    server.words = WORDS
    with server:
        yield (
            server,
            {
                "url": f"{server.url}/api",
                "deployment": "d-1",
                "api_key": CANARIES[0],
                "timeout": 0.5,
            },
        )
