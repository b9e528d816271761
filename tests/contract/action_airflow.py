"""An Airflow 3 for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-token",)

WORDS = {
    Stage.WAITING: "queued",
    Stage.RUNNING: "running",
    Stage.SUCCEEDED: "success",
    Stage.FAILED: "failed",
}
RUNS = "/api/v2/dags/retrain/dagRuns"


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Bearer {CANARIES[0]}"
    if request.method == "POST":
        assert request.path == RUNS
        told = body(request)
        assert told["logical_date"] is None
        name = told["dag_run_id"].removeprefix("driftd-")
        if name in server.started:
            return answer({"detail": "it exists"}, 409)
        server.start(name)
        return answer({"dag_run_id": told["dag_run_id"], "state": "queued"})
    name = request.path.removeprefix(f"{RUNS}/driftd-")
    return answer({"state": server.states[name]})


@contextmanager
def receiving() -> Iterator[tuple[Target, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    server = Target(handle)
    server.words = WORDS
    with server:
        yield (
            server,
            {"url": server.url, "dag": "retrain", "token": CANARIES[0], "timeout": 0.5},
        )
