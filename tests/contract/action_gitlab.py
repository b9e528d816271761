"""GitLab for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, form

REACHES_OUT = True
CANARIES = ("canary-trigger", "canary-api-token")

WORDS = {
    Stage.WAITING: "pending",
    Stage.RUNNING: "running",
    Stage.SUCCEEDED: "success",
    Stage.FAILED: "failed",
}
PROJECT = "/api/v4/projects/team%2Fmodels"


def handle(request: Request, server: Target) -> Answer:
    if request.path == f"{PROJECT}/trigger/pipeline":
        given = form(request)
        assert given["token"] == CANARIES[0]
        assert given["ref"] == "main"
        number = server.start(given["variables[DRIFTD_ID]"])
        return answer({"id": number, "status": "created"}, 201)
    assert request.headers["private-token"] == CANARIES[1]
    if request.path == f"{PROJECT}/pipelines":
        assert request.query["source"] == "trigger"
        return answer([{"id": n + 1} for n in reversed(range(len(server.started)))])
    run, _, rest = request.path.removeprefix(f"{PROJECT}/pipelines/").partition("/")
    name = server.of(run)
    if rest == "variables":
        return answer([{"key": "A", "value": ""}, {"key": "DRIFTD_ID", "value": name}])
    return answer({"status": server.states[name], "web_url": "http://127.0.0.1/p"})


@contextmanager
def receiving() -> Iterator[tuple[Target, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    server = Target(handle)
    server.words = WORDS
    with server:
        yield (
            server,
            {
                "url": f"{server.url}/",
                "project": "team/models",
                "token": CANARIES[0],
                "api_token": CANARIES[1],
                "timeout": 0.5,
            },
        )
