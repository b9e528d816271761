"""The Dagster action: launches a run of a job, and follows it."""

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
from monitor.actions.training import variables
from monitor.errors import ActionError
from monitor.webhooks import Answer

STAGES = {
    Stage.WAITING: ("QUEUED", "NOT_STARTED", "MANAGED"),
    Stage.RUNNING: ("STARTING", "STARTED", "CANCELING"),
    Stage.SUCCEEDED: ("SUCCESS",),
    Stage.FAILED: ("FAILURE", "CANCELED"),
}
TAG = "driftd/id"
LAUNCH = """mutation Launch($p: ExecutionParams!) {
  launchRun(executionParams: $p) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
RUNS = """query Runs($f: RunsFilter!) {
  runsOrError(filter: $f, limit: 10) {
    ... on Runs { results { runId status } }
  }
}"""


class DagsterOptions(ServerOptions):
    """What a user may set for Dagster."""

    job: str = Field(min_length=1)
    repository: str = Field(default="__repository__", min_length=1)
    location: str = Field(min_length=1)
    """The code location that has the repository."""
    token: SecretStr | None = None
    """The token of Dagster+; a server of one's own may need none."""
    run_config: dict[str, Any] = Field(default_factory=dict)
    """The run's config."""


@ACTIONS.register("dagster")
class DagsterAction(ServerAction[DagsterOptions]):
    """Launches a run that is tagged with the retraining's id, and what it is about.

    Dagster knows no idempotency key: runs are searched by the tag before any repeat.
    https://docs.dagster.io/guides/operate/graphql
    """

    type = "dagster"
    idempotent = False

    Options = DagsterOptions

    @property
    def settles(self) -> timedelta | None:
        """A run is listed at once."""
        return timedelta(seconds=10)

    def perform(self, delivery: Delivery) -> Receipt:
        """Launch the run once."""
        given = {TAG: delivery.id, **variables(delivery)}
        asked = {
            "selector": {
                "repositoryLocationName": self.options.location,
                "repositoryName": self.options.repository,
                "jobName": self.options.job,
            },
            "runConfigData": self.options.run_config,
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in given.items()]
            },
        }
        answer = self._query(LAUNCH, {"p": asked})
        launched = ("data", "launchRun")
        kind = told(answer, *launched, "__typename")
        if kind != "LaunchRunSuccess":
            # Told by GraphQL, with status 200: nothing has been launched.
            msg = f"Dagster answered {word(kind) or 'with no run'}"
            msg += ". Fix: look at job, repository, location and run_config"
            raise ActionError(msg, permanent=True)
        run = word(told(answer, *launched, "run", "runId"))
        return Receipt(remote_id=run, detail="Dagster has the run")

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search the runs for the retraining's tag."""
        for run in self._tagged(delivery.id):
            return Receipt(
                remote_id=word(run.get("runId")), detail="Dagster has the run"
            )
        return None

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the run goes on."""
        del remote_id
        run = next(self._tagged(delivery_id), {})
        return progressed(run.get("status"), STAGES)

    def _tagged(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        wanted = {"f": {"tags": [{"key": TAG, "value": delivery_id}]}}
        answer = look(lambda: self._query(RUNS, wanted))
        found = ("data", "runsOrError", "results")
        if not isinstance(told(answer, *found), list):
            msg = "Dagster gave no list of runs"
            raise ActionError(msg, permanent=False)
        yield from listed(answer, *found)

    def _query(self, query: str, given: Mapping[str, Any]) -> Answer:
        body = {"query": query, "variables": given}
        return self.api.post("graphql", json_body=body)

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        token = self.options.token
        return {"dagster-cloud-api-token": token.get_secret_value()} if token else {}
