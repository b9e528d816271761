"""A Dagster for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-token",)

WORDS = {
    Stage.WAITING: "QUEUED",
    Stage.RUNNING: "STARTED",
    Stage.SUCCEEDED: "SUCCESS",
    Stage.FAILED: "FAILURE",
}


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["dagster-cloud-api-token"] == CANARIES[0]
    assert request.path == "/graphql"
    told = body(request)
    if "launchRun" in told["query"]:
        tags = told["variables"]["p"]["executionMetadata"]["tags"]
        (name,) = [tag["value"] for tag in tags if tag["key"] == "driftd/id"]
        number = server.start(name)
        success = {"__typename": "LaunchRunSuccess", "run": {"runId": str(number)}}
        return answer({"data": {"launchRun": success}})
    (tag,) = told["variables"]["f"]["tags"]
    found = [
        {"runId": str(n), "status": server.states[name]}
        for n, name in enumerate(server.started, 1)
        if name == tag["value"]
    ]
    return answer({"data": {"runsOrError": {"results": found}}})


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
                "job": "retrain",
                "location": "team",
                "token": CANARIES[0],
                "timeout": 0.5,
            },
        )
