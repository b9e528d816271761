"""A Jenkins for the contract suites, as far as a retraining asks it."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, form

REACHES_OUT = True
CANARIES = ("canary-token",)

WORDS = {
    Stage.WAITING: "queued",
    Stage.RUNNING: "building",
    Stage.SUCCEEDED: "SUCCESS",
    Stage.FAILED: "ABORTED",
}
JOB = "/job/team/job/retrain"


def handle(request: Request, server: Target) -> Answer:
    known = b64decode(request.headers["authorization"].removeprefix("Basic "))
    assert known == b"ada:" + CANARIES[0].encode()
    if request.path == f"{JOB}/buildWithParameters":
        number = server.start(form(request)["DRIFTD_ID"])
        return answer(None, 201, location=f"{server.url}/queue/item/{number}/")
    every = [item(server, n) for n in range(1, len(server.started) + 1)]
    if request.path == "/queue/api/json":
        return answer({"items": [one for one in every if one["state"] == "queued"]})
    builds = [one for one in every if one["state"] != "queued"]
    if request.path == f"{JOB}/api/json":
        return answer({"builds": builds})
    number = int(request.path.removeprefix(f"{JOB}/").removesuffix("/api/json"))
    return answer(every[number - 1])


def item(server: Target, number: int) -> dict[str, object]:
    name = server.of(number)
    state = server.states[name]
    given = [{"name": "A", "value": 1}, {"name": "DRIFTD_ID", "value": name}]
    return {
        "id": number,
        "number": number,
        "state": state,
        "building": state == "building",
        "result": state if state.isupper() else None,
        "url": f"http://127.0.0.1/{number}",
        "actions": [{}, {"parameters": given}],
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
                "job": "team/retrain",
                "user": "ada",
                "token": CANARIES[0],
                "timeout": 0.5,
            },
        )
