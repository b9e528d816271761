"""The Argo action: sends an event to Argo Workflows, and follows the workflow."""

from http import HTTPStatus

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import ServerAction, ServerOptions, progressed, told
from monitor.actions.base import ACTIONS
from monitor.errors import ActionError
from monitor.webhooks import Answer

STAGES = {
    Stage.WAITING: ("", "Pending"),
    Stage.RUNNING: ("Running",),
    Stage.SUCCEEDED: ("Succeeded",),
    Stage.FAILED: ("Failed", "Error"),
}
MISSING = frozenset({HTTPStatus.NOT_FOUND.value})
TAKEN = frozenset({HTTPStatus.CONFLICT.value, HTTPStatus.INTERNAL_SERVER_ERROR.value})
"""What it answers where the workflow's name is taken, among other failures."""


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
    name`), so that the same event again is refused: see configs/ct/argo.yml. Argo tells
    of a name that is taken as of any failure; then the workflow is looked for.
    https://argo-workflows.readthedocs.io/en/latest/events/
    """

    type = "argo"
    idempotent = True

    Options = ArgoOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Send the event once; the workflow's name makes a repeat harmless."""
        body = {**delivery.body, "id": delivery.id}
        where = ("api", "v1", "events", self.options.namespace, self.options.event)
        name = f"driftd-{delivery.id}"
        answer = self.api.post(*where, json_body=body, takes=TAKEN)
        if answer.status not in TAKEN:
            return Receipt(remote_id=name, detail="Argo Workflows took the event")
        if self._has(name):
            return Receipt(remote_id=name, detail=f"Argo Workflows has {name}")
        msg = f"Argo Workflows answered {answer.status} and shows no {name}"
        raise ActionError(msg, permanent=False, ambiguous=True)

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the workflow goes on; None while there is none of the name."""
        answer = self._workflow(remote_id or f"driftd-{delivery_id}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return progressed(told(answer, "status", "phase") or "", STAGES)

    def _has(self, name: str) -> bool:
        """Tell whether there is a workflow of the name; False where none is seen."""
        try:
            return self._workflow(name).status != HTTPStatus.NOT_FOUND
        except ActionError:
            return False

    def _workflow(self, name: str) -> Answer:
        where = ("api", "v1", "workflows", self.options.namespace, name)
        return self.api.get(*where, takes=MISSING)

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        token = self.options.token
        return {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}
