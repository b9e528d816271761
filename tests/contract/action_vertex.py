"""A Vertex AI for the contract suites, as far as a retraining asks it."""

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
    Stage.WAITING: "PIPELINE_STATE_PENDING",
    Stage.RUNNING: "PIPELINE_STATE_RUNNING",
    Stage.SUCCEEDED: "PIPELINE_STATE_SUCCEEDED",
    Stage.FAILED: "PIPELINE_STATE_FAILED",
}
JOBS = "/v1/projects/p-1/locations/europe-west1/pipelineJobs"


def handle(request: Request, server: Target) -> Answer:
    assert request.headers["authorization"] == f"Bearer {CANARIES[0]}"
    if request.method == "POST":
        assert request.path == JOBS
        assert json.loads(
            body(request)["runtimeConfig"]["parameterValues"]["retraining"]
        )
        name = request.query["pipelineJobId"].removeprefix("driftd-")
        if name in server.started:
            return answer({"error": {"status": "ALREADY_EXISTS"}}, 409)
        server.start(name)
        return answer({"name": f"{JOBS}/driftd-{name}"})
    name = request.path.removeprefix(f"{JOBS}/driftd-")
    return answer({"state": server.states[name]})


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
                "region": "europe-west1",
                "template": "https://europe-west1-kfp.pkg.dev/p-1/team/retrain/v1",
                "output": "gs://bucket/out",
                "token": CANARIES[0],
                "timeout": 0.5,
            },
        )
