"""The Argo action: sends an event to Argo Workflows, and follows the workflow."""

from http import HTTPStatus

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import ServerAction, ServerOptions, progressed, told
from monitor.actions.base import ACTIONS

STAGES = {
    Stage.WAITING: ("", "Pending"),
    Stage.RUNNING: ("Running",),
    Stage.SUCCEEDED: ("Succeeded",),
    Stage.FAILED: ("Failed", "Error"),
}
MISSING = frozenset({HTTPStatus.NOT_FOUND.value})


class ArgoOptions(ServerOptions):
    """What a user may set for Argo Workflows."""

    namespace: str = Field(min_length=1)
    event: str = Field(default="driftd", min_length=1)
    """The discriminator that a WorkflowEventBinding selects."""
    token: SecretStr | None = None


@ACTIONS.register("argo")
class ArgoAction(ServerAction[ArgoOptions]):
    """Sends an event that a WorkflowEventBinding submits a workflow for.

    The binding names the workflow `driftd-` and the payload's id (`submit.metadata.
    name`), so that the same event again is refused: see configs/ct/argo.yml.
    https://argo-workflows.readthedocs.io/en/latest/events/
    """

    type = "argo"
    idempotent = True

    Options = ArgoOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Send the event once; the workflow's name makes a repeat harmless."""
        body = {**delivery.body, "id": delivery.id}
        where = ("api", "v1", "events", self.options.namespace, self.options.event)
        self.api.post(*where, json_body=body)
        return Receipt(
            remote_id=f"driftd-{delivery.id}", detail="Argo Workflows took the event"
        )

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the workflow goes on; None while there is none of the name."""
        name = remote_id or f"driftd-{delivery_id}"
        where = ("api", "v1", "workflows", self.options.namespace, name)
        answer = self.api.get(*where, takes=MISSING)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return progressed(told(answer, "status", "phase") or "", STAGES)

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        token = self.options.token
        return {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}
