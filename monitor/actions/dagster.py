"""The Dagster action: launches a run of a job, and follows it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Receipt, Stage
from monitor.actions.api import ServerOptions, listed, look, told, word
from monitor.actions.base import ACTIONS
from monitor.actions.searched import SearchedAction
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
class DagsterAction(SearchedAction[DagsterOptions]):
    """Launches a run that is tagged with the retraining's id, and what it is about.

    Dagster knows no idempotency key: runs are searched by the tag before any repeat.
    https://docs.dagster.io/guides/operate/graphql
    """

    type = "dagster"
    has = "Dagster has the run"
    id_field, state_field = "runId", "status"
    stages = STAGES

    Options = DagsterOptions

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
        return self.made(told(answer, *launched, "run", "runId"))

    def runs(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        """Search the runs for those of the retraining's tag."""
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
