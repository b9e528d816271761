"""The Valohai action: creates an execution pipeline, and follows it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Receipt, Stage
from monitor.actions.api import ServerOptions, listed, look, told
from monitor.actions.base import ACTIONS
from monitor.actions.searched import SearchedAction
from monitor.actions.training import payload

STAGES = {
    Stage.WAITING: ("created", "queued"),
    Stage.RUNNING: ("started", "stopping"),
    Stage.SUCCEEDED: ("complete",),
    Stage.FAILED: ("error", "crashed", "stopped"),
}


class ValohaiOptions(ServerOptions):
    """What a user may set for Valohai."""

    url: str = Field(default="https://app.valohai.com", repr=False)
    project: str = Field(min_length=1)
    """The project's id."""
    commit: str = Field(min_length=1)
    """The commit or branch whose code is run."""
    nodes: list[dict[str, Any]] = Field(min_length=1)
    """The pipeline's nodes, as Valohai's API takes them."""
    edges: list[dict[str, Any]] = Field(default_factory=list)
    """The pipeline's edges, as Valohai's API takes them."""
    token: SecretStr
    parameter: str | None = None
    """A parameter of the first node's template that takes the retraining, as JSON."""


@ACTIONS.register("valohai")
class ValohaiAction(SearchedAction[ValohaiOptions]):
    """Creates a pipeline whose title has the retraining's id.

    Valohai knows no idempotency key: the project's newest pipelines are searched for
    the title before any repeat. https://app.valohai.com/api/docs/
    """

    type = "valohai"
    has = "Valohai has the pipeline"
    id_field, state_field = "id", "status"
    stages = STAGES

    Options = ValohaiOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Create the pipeline once."""
        body = {
            "project": self.options.project,
            "commit": self.options.commit,
            "name": f"driftd-{delivery.id}",
            "title": f"driftd-{delivery.id}",
            "tags": ["driftd"],
            "nodes": self._nodes(delivery),
            "edges": self.options.edges,
        }
        answer = self.api.post(*PIPELINES, "", json_body=body)
        return self.made(told(answer, "id"))

    def state(self, delivery_id: str, remote_id: str | None) -> object:
        """Ask for the pipeline by its id, where it is known."""
        if remote_id is None:
            return super().state(delivery_id, remote_id)
        return told(self.api.get(*PIPELINES, remote_id, ""), "status")

    def _nodes(self, delivery: Delivery) -> list[dict[str, Any]]:
        """Return the nodes, the first of which is told the retraining."""
        name = self.options.parameter
        first, *rest = self.options.nodes
        if name is None:
            return [first, *rest]
        template = {**first.get("template", {})}
        template["parameters"] = {
            **template.get("parameters", {}),
            name: payload(delivery),
        }
        return [{**first, "template": template}, *rest]

    def runs(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        """Search the newest pipelines for those of the retraining's title."""
        query = {"project": self.options.project, "ordering": "-ctime", "limit": 100}
        newest = look(lambda: self.api.get(*PIPELINES, "", query=query))
        for one in listed(newest, "results"):
            if f"driftd-{delivery_id}" in (one.get("title"), one.get("name")):
                yield one

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        return {"authorization": f"Token {self.options.token.get_secret_value()}"}


PIPELINES = ("api", "v0", "pipelines")
