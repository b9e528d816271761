"""The Valohai action: creates an execution pipeline, and follows it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import (
    ServerAction,
    ServerOptions,
    listed,
    look,
    progressed,
    told,
    word,
)
from monitor.actions.base import ACTIONS
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
class ValohaiAction(ServerAction[ValohaiOptions]):
    """Creates a pipeline whose title has the retraining's id.

    Valohai knows no idempotency key: the project's newest pipelines are searched for
    the title before any repeat. https://app.valohai.com/api/docs/
    """

    type = "valohai"
    idempotent = False

    Options = ValohaiOptions

    @property
    def settles(self) -> timedelta | None:
        """A pipeline is listed at once."""
        return timedelta(seconds=10)

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
        made = word(told(answer, "id"))
        return Receipt(remote_id=made, detail="Valohai has the pipeline")

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search the newest pipelines for the retraining's title."""
        for found in self._titled(delivery.id):
            return Receipt(
                remote_id=word(found.get("id")), detail="Valohai has the pipeline"
            )
        return None

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the pipeline goes on."""
        if remote_id is None:
            found = next(self._titled(delivery_id), {})
            return progressed(found.get("status"), STAGES)
        answer = self.api.get(*PIPELINES, remote_id, "")
        return progressed(told(answer, "status"), STAGES)

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

    def _titled(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        query = {"project": self.options.project, "ordering": "-ctime", "limit": 100}
        newest = look(lambda: self.api.get(*PIPELINES, "", query=query))
        for one in listed(newest, "results"):
            if f"driftd-{delivery_id}" in (one.get("title"), one.get("name")):
                yield one

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        return {"authorization": f"Token {self.options.token.get_secret_value()}"}


PIPELINES = ("api", "v0", "pipelines")
