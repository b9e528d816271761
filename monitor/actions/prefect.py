"""The Prefect action: creates a flow run of a deployment, under its own key."""

from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import ServerAction, ServerOptions, progressed, told, word
from monitor.actions.base import ACTIONS

STAGES = {
    Stage.WAITING: ("SCHEDULED", "PENDING", "PAUSED"),
    Stage.RUNNING: ("RUNNING", "CANCELLING"),
    Stage.SUCCEEDED: ("COMPLETED",),
    Stage.FAILED: ("FAILED", "CRASHED", "CANCELLED"),
}


class PrefectOptions(ServerOptions):
    """What a user may set for Prefect."""

    url: str = Field(repr=False)
    """The API's address, with its path: https://prefect.example.org/api"""
    deployment: str = Field(min_length=1)
    """The deployment's id."""
    api_key: SecretStr | None = None
    parameter: str | None = "retraining"
    """The flow's parameter that takes the retraining; null where it has none."""


@ACTIONS.register("prefect")
class PrefectAction(ServerAction[PrefectOptions]):
    """Creates a flow run; the same `idempotency_key` again is the same run.

    https://docs.prefect.io/v3/api-ref/rest-api
    """

    type = "prefect"
    idempotent = True

    Options = PrefectOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Create the flow run once; Prefect gives the one there is for a repeat."""
        name = self.options.parameter
        body: dict[str, Any] = {
            "idempotency_key": delivery.id,
            "tags": ["driftd", f"driftd:{delivery.id}"],
        }
        if name is not None:
            body["parameters"] = {name: {**delivery.body, "id": delivery.id}}
        where = ("deployments", self.options.deployment, "create_flow_run")
        answer = self.api.post(*where, json_body=body)
        run = word(told(answer, "id"))
        return Receipt(remote_id=run, detail="Prefect has the flow run")

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the flow run goes on."""
        del delivery_id
        if remote_id is None:
            return None
        answer = self.api.get("flow_runs", remote_id)
        return progressed(told(answer, "state_type"), STAGES)

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        key = self.options.api_key
        return {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
