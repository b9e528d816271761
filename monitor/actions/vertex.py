"""The Vertex action: creates a pipeline job under the retraining's own id."""

from http import HTTPStatus
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import ServerAction, ServerOptions, progressed, told
from monitor.actions.base import ACTIONS
from monitor.actions.training import payload
from monitor.errors import ActionError

STAGES = {
    Stage.WAITING: ("PIPELINE_STATE_QUEUED", "PIPELINE_STATE_PENDING"),
    Stage.RUNNING: ("PIPELINE_STATE_RUNNING", "PIPELINE_STATE_CANCELLING"),
    Stage.SUCCEEDED: ("PIPELINE_STATE_SUCCEEDED",),
    Stage.FAILED: ("PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"),
}
CONFLICT = frozenset({HTTPStatus.CONFLICT.value})
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class VertexOptions(ServerOptions):
    """What a user may set for Vertex AI Pipelines."""

    url: str = Field(default="", repr=False)
    """By default that of the region."""
    project: str = Field(min_length=1)
    region: str = Field(min_length=1, pattern=r"^[a-z0-9-]+$")
    template: str = Field(min_length=1)
    """The compiled pipeline: an address in Artifact Registry (`template_uri`)."""
    output: str = Field(pattern=r"^gs://")
    """The folder that the pipeline writes to (`gcs_output_directory`)."""
    service_account: str | None = None
    """The account that the pipeline runs as."""
    token: SecretStr | None = None
    """An OAuth token; by default the machine's own credentials are asked for one."""
    parameter: str | None = "retraining"
    """The pipeline's parameter that takes the retraining, as JSON text."""
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def server(self) -> str:
        """Where the region's API is."""
        return self.url or f"https://{self.region}-aiplatform.googleapis.com"


@ACTIONS.register("vertex")
class VertexAction(ServerAction[VertexOptions]):
    """Creates a pipeline job; `pipelineJobId` is the key, and a repeat is a conflict.

    https://cloud.google.com/vertex-ai/docs/reference/rest
    """

    type = "vertex"
    idempotent = True

    Options = VertexOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Create the job once; that it was created before is as good."""
        options = self.options
        given: dict[str, Any] = dict(options.parameters)
        if options.parameter is not None:
            given[options.parameter] = payload(delivery)
        body: dict[str, Any] = {
            "displayName": _name(delivery.id),
            "templateUri": options.template,
            "runtimeConfig": {
                "gcsOutputDirectory": options.output,
                "parameterValues": given,
            },
        }
        if options.service_account is not None:
            body["serviceAccount"] = options.service_account
        answer = self.api.post(
            *self._jobs,
            query={"pipelineJobId": _name(delivery.id)},
            json_body=body,
            takes=CONFLICT,
        )
        again = answer.status == HTTPStatus.CONFLICT
        return Receipt(
            remote_id=_name(delivery.id),
            detail=f"Vertex AI {'has' if again else 'takes'} the job",
        )

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the job goes on."""
        answer = self.api.get(*self._jobs, remote_id or _name(delivery_id))
        return progressed(told(answer, "state"), STAGES)

    @property
    def _jobs(self) -> tuple[str, ...]:
        place = ("projects", self.options.project, "locations", self.options.region)
        return ("v1", *place, "pipelineJobs")

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        known = self.options.token
        token = known.get_secret_value() if known else _own_token()
        return {"authorization": f"Bearer {token}"}


def _name(delivery_id: str) -> str:
    """Return a job's id: at most 128 of a-z, 0-9 and the dash."""
    return f"driftd-{delivery_id}".lower()


def _own_token() -> str:
    """Ask the machine's own credentials for a token; ActionError without any."""
    try:
        from google.auth import default  # noqa: PLC0415 - an extra
        from google.auth.transport.requests import Request  # noqa: PLC0415
    except ImportError as error:
        msg = "google-auth is not installed. Fix: pip install 'driftd[vertex]'"
        raise ActionError(msg, permanent=True) from error
    try:
        credentials: Any = default(scopes=[SCOPE])[0]
        credentials.refresh(Request())
    except Exception as error:  # noqa: BLE001 - what it raises, it does not say
        msg = f"no credentials of Google's can be used ({type(error).__name__})"
        raise ActionError(msg, permanent=False) from None
    return str(credentials.token)
