"""The Kubeflow action: creates a run of a pipeline, and follows it."""

import json
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
    Stage.WAITING: ("RUNTIME_STATE_UNSPECIFIED", "PENDING", "PAUSED"),
    Stage.RUNNING: ("RUNNING", "CANCELING"),
    Stage.SUCCEEDED: ("SUCCEEDED",),
    Stage.FAILED: ("FAILED", "SKIPPED", "CANCELED"),
}


class KubeflowOptions(ServerOptions):
    """What a user may set for Kubeflow Pipelines."""

    url: str = Field(repr=False)
    """Where Kubeflow Pipelines is: https://kubeflow.example.org/pipeline"""
    pipeline: str = Field(min_length=1)
    """The pipeline's id."""
    pipeline_version: str | None = None
    """The id of its version; by default the newest."""
    experiment: str | None = None
    """The id of the experiment that the run belongs to."""
    token: SecretStr | None = None
    parameter: str | None = "retraining"
    """The pipeline's parameter that takes the retraining, as JSON text."""
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Parameters beside that."""


@ACTIONS.register("kubeflow")
class KubeflowAction(ServerAction[KubeflowOptions]):
    """Creates a run that has the retraining's id in its name.

    Kubeflow knows no idempotency key: runs are searched by name before any repeat.
    https://www.kubeflow.org/docs/components/pipelines/reference/api/
    """

    type = "kubeflow"
    idempotent = False

    Options = KubeflowOptions

    @property
    def settles(self) -> timedelta | None:
        """A run is listed at once."""
        return timedelta(seconds=10)

    def perform(self, delivery: Delivery) -> Receipt:
        """Create the run once."""
        options = self.options
        given: dict[str, Any] = dict(options.parameters)
        if options.parameter is not None:
            given[options.parameter] = payload(delivery)
        body: dict[str, Any] = {
            "display_name": _name(delivery.id),
            "description": str(delivery.body.get("reason") or ""),
            "pipeline_version_reference": {
                "pipeline_id": options.pipeline,
                **(
                    {"pipeline_version_id": options.pipeline_version}
                    if options.pipeline_version
                    else {}
                ),
            },
            "runtime_config": {"parameters": given},
        }
        if options.experiment is not None:
            body["experiment_id"] = options.experiment
        answer = self.api.post(*RUNS, json_body=body)
        run = word(told(answer, "run_id"))
        return Receipt(remote_id=run, detail="Kubeflow has the run")

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search the runs for one of the retraining's name."""
        for run in self._named(delivery.id):
            return Receipt(
                remote_id=word(run.get("run_id")), detail="Kubeflow has the run"
            )
        return None

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the run goes on."""
        if remote_id is None:
            found = next(self._named(delivery_id), {})
            return progressed(found.get("state"), STAGES)
        return progressed(told(self.api.get(*RUNS, remote_id), "state"), STAGES)

    def _named(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        name = {
            "operation": "EQUALS",
            "key": "display_name",
            "string_value": _name(delivery_id),
        }
        query = {"filter": json.dumps({"predicates": [name]}), "page_size": 10}
        found = look(lambda: self.api.get(*RUNS, query=query))
        for run in listed(found, "runs"):
            if run.get("display_name") == _name(delivery_id):
                yield run

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        token = self.options.token
        return {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}


RUNS = ("apis", "v2beta1", "runs")


def _name(delivery_id: str) -> str:
    return f"driftd-{delivery_id}"
