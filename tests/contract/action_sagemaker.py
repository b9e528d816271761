"""A SageMaker for the contract suites, as far as a retraining asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.action import Stage
from monitor.demo.loopback import Answer, Request
from tests.contract.target import Target, answer, body

REACHES_OUT = True
CANARIES = ("canary-secret-key",)

WORDS = {
    Stage.WAITING: "Executing",
    Stage.RUNNING: "Executing",
    Stage.SUCCEEDED: "Succeeded",
    Stage.FAILED: "Failed",
}
ARN = "arn:aws:sagemaker:eu-west-1:1:pipeline/retrain/execution"


def handle(request: Request, server: Target) -> Answer:
    signed = request.headers["authorization"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIA")
    assert "/eu-west-1/sagemaker/aws4_request" in signed
    told = body(request)
    operation = request.headers["x-amz-target"]
    if operation == "SageMaker.StartPipelineExecution":
        assert 32 <= len(told["ClientRequestToken"]) <= 128
        name = told["PipelineExecutionDisplayName"].removeprefix("driftd-")
        if name not in server.started:
            server.start(name)
        number = server.started.index(name) + 1
        return answer({"PipelineExecutionArn": f"{ARN}/{number}"})
    assert operation == "SageMaker.DescribePipelineExecution"
    name = server.of(told["PipelineExecutionArn"].rpartition("/")[2])
    return answer({"PipelineExecutionStatus": server.states[name]})


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
                "region": "eu-west-1",
                "pipeline": "retrain",
                "access_key": "AKIAEXAMPLE",
                "secret_key": CANARIES[0],
                "timeout": 0.5,
            },
        )
