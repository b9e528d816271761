"""The GitHub action: dispatches a workflow, or an event, and follows the run."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import ServerAction, ServerOptions, listed, look, told, word
from monitor.actions.base import ACTIONS
from monitor.actions.training import payload
from monitor.window import rfc3339


class GitHubOptions(ServerOptions):
    """What a user may set for GitHub."""

    url: str = Field(default="https://api.github.com", repr=False)
    repository: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    """`owner/name`."""
    workflow: str | None = None
    """The workflow's file, such as retrain.yml; without one an event is sent."""
    ref: str = "main"
    """The branch or tag on which the workflow runs."""
    event_type: str = Field(default="driftd-retrain", min_length=1, max_length=100)
    """The event's type, where there is no workflow."""
    token: SecretStr
    """A token that may write actions (workflow) or contents (event)."""


@ACTIONS.register("github")
class GitHubAction(ServerAction[GitHubOptions]):
    """Dispatches a workflow (`workflow`), or an event to the repository.

    GitHub knows no idempotency key: the newest runs are searched for the retraining's
    id before any repeat, for which the workflow has it in its name (`run-name: driftd
    ${{ inputs.driftd_id }}`, or `… github.event.client_payload.id`).
    https://docs.github.com/rest/actions/workflows
    """

    type = "github"
    idempotent = False

    Options = GitHubOptions

    @property
    def settles(self) -> timedelta | None:
        """A run is listed some seconds after it was asked for."""
        return timedelta(minutes=1)

    def perform(self, delivery: Delivery) -> Receipt:
        """Dispatch once."""
        workflow = self.options.workflow
        if workflow is None:
            body: dict[str, Any] = {
                "event_type": self.options.event_type,
                # At most ten keys: all of it under one, and what is searched for.
                "client_payload": {"id": delivery.id, "retraining": delivery.body},
            }
            self.api.post(*self._repository, "dispatches", json_body=body)
            return Receipt(detail="GitHub took the event")
        body = {
            "ref": self.options.ref,
            "inputs": {"driftd_id": delivery.id, "payload": payload(delivery)},
            "return_run_details": True,
        }
        where = (*self._repository, "actions", "workflows", workflow, "dispatches")
        answer = self.api.post(*where, json_body=body)
        run = word(told(answer, "workflow_run_id"))
        return Receipt(remote_id=run, detail="GitHub took the dispatch")

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search the newest runs for the retraining's id in their names."""
        since = rfc3339(delivery.created - timedelta(minutes=5))
        for run in self._runs(delivery.id, {"created": f">={since}"}):
            return Receipt(remote_id=word(run.get("id")), detail="GitHub has the run")
        return None

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the run goes on; one that told no id is searched for."""
        if remote_id is None:
            found = next(self._runs(delivery_id, {}), None)
            return None if found is None else _progress(found)
        return _progress(
            self.api.get(*self._repository, "actions", "runs", remote_id).json()
        )

    def _runs(
        self, delivery_id: str, query: Mapping[str, str]
    ) -> Iterator[Mapping[str, Any]]:
        kind = "workflow_dispatch" if self.options.workflow else "repository_dispatch"
        where = (*self._repository, "actions", "runs")
        whole = re.compile(rf"(?<!\w){re.escape(delivery_id)}(?!\w)")
        asked = {"event": kind, "per_page": 100, **query}
        answer = look(lambda: self.api.get(*where, query=asked))
        for run in listed(answer, "workflow_runs"):
            names = (run.get("display_title"), run.get("name"))
            if any(isinstance(name, str) and whole.search(name) for name in names):
                yield run

    @property
    def _repository(self) -> tuple[str, ...]:
        return ("repos", *self.options.repository.split("/"))

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        return {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {self.options.token.get_secret_value()}",
        }


def _progress(run: Mapping[str, Any]) -> Progress | None:
    where = str(run.get("html_url") or "")
    status, conclusion = run.get("status"), run.get("conclusion")
    if status == "completed":
        stage = Stage.SUCCEEDED if conclusion == "success" else Stage.FAILED
        return Progress(stage=stage, detail=f"{conclusion} {where}".strip())
    if status == "in_progress":
        return Progress(stage=Stage.RUNNING, detail=where)
    return Progress(stage=Stage.WAITING, detail=where) if status else None
