"""The GitLab action: triggers a pipeline of a project, and follows it."""

from datetime import timedelta
from itertools import islice

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
from monitor.window import rfc3339

STAGES = {
    Stage.WAITING: (
        *("created", "waiting_for_resource", "preparing", "pending", "manual"),
        "scheduled",
    ),
    Stage.RUNNING: ("running", "canceling"),
    Stage.SUCCEEDED: ("success",),
    Stage.FAILED: ("failed", "canceled", "skipped"),
}
LOOKED_AT = 20
"""Pipelines whose variables are read in a search, newest first."""


class GitLabOptions(ServerOptions):
    """What a user may set for GitLab."""

    url: str = Field(default="https://gitlab.com", repr=False)
    project: str
    """The project's id, or its path: `group/name`."""
    ref: str = "main"
    """The branch or tag whose pipeline is run."""
    token: SecretStr
    """A pipeline trigger token of the project."""
    api_token: SecretStr | None = None
    """A token with the scope read_api: without one it cannot be followed."""
    variables: dict[str, str] = Field(default_factory=dict)
    """Variables beside those of driftd."""


@ACTIONS.register("gitlab")
class GitLabAction(ServerAction[GitLabOptions]):
    """Triggers a pipeline with a trigger token; the variable DRIFTD_ID tells which.

    GitLab knows no idempotency key. With an `api_token` (read_api) the project's newest
    triggered pipelines are searched for the variable before any repeat.
    https://docs.gitlab.com/ci/triggers/
    """

    type = "gitlab"
    idempotent = False

    Options = GitLabOptions

    @property
    def settles(self) -> timedelta | None:
        """A pipeline is listed at once, for who may read it."""
        return timedelta(seconds=5) if self.options.api_token else None

    def perform(self, delivery: Delivery) -> Receipt:
        """Trigger the pipeline once."""
        given = {**self.options.variables, **variables(delivery)}
        form = {
            "token": self.options.token.get_secret_value(),
            "ref": self.options.ref,
            **{f"variables[{name}]": value for name, value in given.items()},
        }
        answer = self.api.post(*self._project, "trigger", "pipeline", form=form)
        return Receipt(
            remote_id=word(told(answer, "id")), detail="GitLab runs the pipeline"
        )

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search the newest triggered pipelines for the retraining's variable."""
        since = delivery.created - timedelta(minutes=5)
        query = {
            "source": "trigger",
            "ref": self.options.ref,
            "updated_after": rfc3339(since),
            "per_page": LOOKED_AT,
        }
        where = (*self._project, "pipelines")
        newest = look(lambda: self.api.get(*where, query=query))
        for pipeline in islice(listed(newest), LOOKED_AT):
            name = word(pipeline.get("id"))
            if name is not None and self._is_of(name, delivery.id):
                return Receipt(remote_id=name, detail="GitLab has the pipeline")
        return None

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the pipeline goes on."""
        del delivery_id
        if remote_id is None or self.options.api_token is None:
            return None
        answer = self.api.get(*self._project, "pipelines", remote_id)
        where = str(told(answer, "web_url") or "")
        return progressed(told(answer, "status"), STAGES, where)

    def _is_of(self, pipeline: str, delivery_id: str) -> bool:
        where = (*self._project, "pipelines", pipeline, "variables")
        given = look(lambda: self.api.get(*where))
        return any(
            one.get("key") == "DRIFTD_ID" and one.get("value") == delivery_id
            for one in listed(given)
        )

    @property
    def _project(self) -> tuple[str, ...]:
        return ("api", "v4", "projects", self.options.project)

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        token = self.options.api_token
        return {"private-token": token.get_secret_value()} if token else {}
