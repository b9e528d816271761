"""The Kubeflow action: creates a run of a pipeline, and follows it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Receipt, Stage
from monitor.actions.api import ServerOptions, listed, look, told
from monitor.actions.base import ACTIONS
from monitor.actions.searched import SearchedAction
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
class KubeflowAction(SearchedAction[KubeflowOptions]):
    """Creates a run that has the retraining's id in its name.

    Kubeflow knows no idempotency key: runs are searched by name before any repeat.
    https://www.kubeflow.org/docs/components/pipelines/reference/api/
    """

    type = "kubeflow"
    has = "Kubeflow has the run"
    id_field, state_field = "run_id", "state"
    stages = STAGES

    Options = KubeflowOptions

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
        return self.made(told(answer, "run_id"))

    def state(self, delivery_id: str, remote_id: str | None) -> object:
        """Ask for the run by its id, where it is known."""
        if remote_id is None:
            return super().state(delivery_id, remote_id)
        return told(self.api.get(*RUNS, remote_id), "state")

    def runs(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        """Search the runs for those of the retraining's name."""
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
