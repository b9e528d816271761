"""GitHub for the contract suites, as far as a retraining asks it."""

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
    Stage.RUNNING: "in_progress",
    Stage.SUCCEEDED: "success",
    Stage.FAILED: "failure",
}
REPOSITORY = "/repos/team/models"


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Bearer {CANARIES[0]}"
    if request.path == f"{REPOSITORY}/actions/workflows/retrain.yml/dispatches":
        told = body(request)
        assert told["ref"] == "main"
        number = server.start(told["inputs"]["driftd_id"])
        return answer({"workflow_run_id": number, "run_url": "x", "html_url": "y"})
    if request.path == f"{REPOSITORY}/actions/runs":
        assert request.query["event"] == "workflow_dispatch"
        every = [run(server, n) for n in range(1, len(server.started) + 1)]
        return answer({"total_count": len(every), "workflow_runs": every})
    return answer(run(server, int(request.path.rpartition("/")[2])))


def run(server: Target, number: int) -> dict[str, object]:
    name = server.of(number)
    state = server.states[name]
    done = state in ("success", "failure")
    return {
        "id": number,
        "display_title": f"driftd {name}",
        "status": "completed" if done else state,
        "conclusion": state if done else None,
        "html_url": f"http://127.0.0.1/runs/{number}",
    }


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
                "repository": "team/models",
                "workflow": "retrain.yml",
                "token": CANARIES[0],
                "timeout": 0.5,
            },
        )
