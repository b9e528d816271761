"""The SageMaker action: starts a pipeline under the retraining's own token."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import ServerAction, ServerOptions, progressed, told, word
from monitor.actions.base import ACTIONS
from monitor.actions.training import payload
from monitor.errors import ActionError
from monitor.webhooks import Answer, Call, exchange

STAGES = {
    Stage.RUNNING: ("Executing", "Stopping"),
    Stage.SUCCEEDED: ("Succeeded",),
    Stage.FAILED: ("Failed", "Stopped"),
}


class SageMakerOptions(ServerOptions):
    """What a user may set for SageMaker Pipelines."""

    url: str = Field(default="", repr=False)
    """By default that of the region."""
    region: str = Field(min_length=1, pattern=r"^[a-z0-9-]+$")
    pipeline: str = Field(min_length=1)
    """The pipeline's name or ARN."""
    access_key: SecretStr | None = None
    """By default the machine's own credentials sign: environment, profile or role."""
    secret_key: SecretStr | None = None
    session_token: SecretStr | None = None
    parameter: str | None = "Retraining"
    """The pipeline's parameter that takes the retraining, as JSON text."""
    parameters: dict[str, str] = Field(default_factory=dict)

    @property
    def server(self) -> str:
        """Where the region's API is."""
        return self.url or f"https://api.sagemaker.{self.region}.amazonaws.com"


@ACTIONS.register("sagemaker")
class SageMakerAction(ServerAction[SageMakerOptions]):
    """Starts a pipeline; `ClientRequestToken` is the key, and a repeat starts nothing.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StartPipelineExecution.html
    """

    type = "sagemaker"
    idempotent = True

    Options = SageMakerOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Start the pipeline once."""
        given = dict(self.options.parameters)
        if self.options.parameter is not None:
            given[self.options.parameter] = payload(delivery)
        body = {
            "PipelineName": self.options.pipeline,
            # At least 32 characters, and the same for the same retraining.
            "ClientRequestToken": f"driftd-{delivery.id}".ljust(32, "-"),
            "PipelineExecutionDisplayName": f"driftd-{delivery.id}",
            "PipelineParameters": [
                {"Name": name, "Value": value} for name, value in given.items()
            ],
        }
        answer = self._call("StartPipelineExecution", body)
        run = word(told(answer, "PipelineExecutionArn"))
        return Receipt(remote_id=run, detail="SageMaker runs the pipeline")

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the execution goes on."""
        del delivery_id
        if remote_id is None:
            return None
        body = {"PipelineExecutionArn": remote_id}
        answer = self._call("DescribePipelineExecution", body)
        return progressed(told(answer, "PipelineExecutionStatus"), STAGES)

    def _call(self, operation: str, body: Mapping[str, Any]) -> Answer:
        content = json.dumps(body).encode()
        url = f"{self.options.server}/"
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"SageMaker.{operation}",
        }
        signed = _signed(self.options, url, content, headers)
        call = Call(method="POST", url=url, headers=signed, body=content)
        return exchange(
            call,
            timeout=self.options.timeout,
            clock=self.api.clock,
            egress=self.api.egress,
        )


def _signed(
    options: SageMakerOptions, url: str, content: bytes, headers: Mapping[str, str]
) -> dict[str, str]:
    """Sign a request (AWS Signature Version 4); ActionError without credentials."""
    try:
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - an extra
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415
        from botocore.session import get_session  # noqa: PLC0415
    except ImportError as error:
        msg = "botocore is not installed. Fix: pip install 'driftd[sagemaker]'"
        raise ActionError(msg, permanent=True) from error
    keys = (options.access_key, options.secret_key, options.session_token)
    if keys[0] is not None:
        plain = [key.get_secret_value() if key else None for key in keys]
        credentials = Credentials(*plain)
    else:
        credentials = get_session().get_credentials()
    if credentials is None:
        msg = "there are no AWS credentials. Fix: give the daemon a role or a profile"
        raise ActionError(msg, permanent=True)
    request = AWSRequest(method="POST", url=url, data=content, headers=dict(headers))
    SigV4Auth(credentials, "sagemaker", options.region).add_auth(request)
    return dict(request.headers.items())
