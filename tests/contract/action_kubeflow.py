"""A Kubeflow Pipelines for the contract suites, as far as a retraining asks it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-token",)

WORDS = {
    Stage.WAITING: "PENDING",
    Stage.RUNNING: "RUNNING",
    Stage.SUCCEEDED: "SUCCEEDED",
    Stage.FAILED: "FAILED",
}
RUNS = "/apis/v2beta1/runs"


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Bearer {CANARIES[0]}"
    if request.method == "POST":
        assert request.path == RUNS
        told = body(request)
        assert told["pipeline_version_reference"] == {"pipeline_id": "p-1"}
        number = server.start(told["display_name"].removeprefix("driftd-"))
        return answer({"run_id": str(number), "state": "PENDING"})
    if request.path == RUNS:
        (asked,) = json.loads(request.query["filter"])["predicates"]
        name = asked["string_value"].removeprefix("driftd-")
        every = [run(server, n) for n in range(1, len(server.started) + 1)]
        found = [one for one in every if one["display_name"] == f"driftd-{name}"]
        return answer({"runs": found} if found else {})
    return answer(run(server, int(request.path.removeprefix(f"{RUNS}/"))))


def run(server: Target, number: int) -> dict[str, object]:
    name = server.of(number)
    state = server.states[name]
    return {"run_id": str(number), "display_name": f"driftd-{name}", "state": state}


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
                "pipeline": "p-1",
                "token": CANARIES[0],
                "timeout": 0.5,
            },
        )
