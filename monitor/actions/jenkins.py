"""The Jenkins action: starts a job with parameters, and follows the build."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import (
    ServerAction,
    ServerOptions,
    basic,
    listed,
    look,
    word,
)
from monitor.actions.base import ACTIONS
from monitor.actions.training import variables

GIVEN = "actions[parameters[name,value]]"
"""What is asked of a build or a queued item, to tell whose it is."""
LISTED = 100
"""Builds that are searched, newest first."""


class JenkinsOptions(ServerOptions):
    """What a user may set for Jenkins."""

    job: str = Field(min_length=1)
    """The job, with the folders it is in: `team/retrain`."""
    user: str = Field(min_length=1)
    token: SecretStr
    """The user's API token, with which no crumb is asked for."""
    parameters: dict[str, str] = Field(default_factory=dict)
    """Parameters beside those of driftd."""


@ACTIONS.register("jenkins")
class JenkinsAction(ServerAction[JenkinsOptions]):
    """Starts a job that is parameterised by DRIFTD_ID and what else it wants to know.

    Jenkins knows no idempotency key: queue and newest builds are searched for the
    parameter before any repeat.
    https://www.jenkins.io/doc/book/using/remote-access-api/
    """

    type = "jenkins"
    idempotent = False

    Options = JenkinsOptions

    @property
    def settles(self) -> timedelta | None:
        """An item is in the queue, or a build in the list, at once."""
        return timedelta(seconds=10)

    def perform(self, delivery: Delivery) -> Receipt:
        """Start the job once."""
        form = {**self.options.parameters, **variables(delivery)}
        answer = self.api.post(*self._job, "buildWithParameters", form=form)
        place = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        item = f"queue/{place}" if place.isdecimal() else None
        return Receipt(remote_id=item, detail="Jenkins has queued the build")

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search queue and builds for the retraining's id among the parameters."""
        found = next(self._all(delivery.id), None)
        if found is None:
            return None
        return Receipt(remote_id=found, detail="Jenkins has the build")

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the build goes on; a queued item is searched for among the builds."""
        if remote_id is None or remote_id.startswith("queue/"):
            builds = self._builds("number,result,building,url")
            build = next((b for b in builds if _is_of(b, delivery_id)), None)
        else:
            fields = {"tree": "result,building,url"}
            answer = self.api.get(*self._job, remote_id, "api", "json", query=fields)
            build = answer.json()
        return None if build is None else _progress(build)

    def _all(self, delivery_id: str) -> Iterator[str]:
        """Walk over what is of a retraining: builds by number, items of the queue."""
        for build in self._builds("number"):
            if _is_of(build, delivery_id):
                yield str(word(build.get("number")))
        query = {"tree": f"items[id,{GIVEN}]"}
        queue = look(lambda: self.api.get("queue", "api", "json", query=query))
        for item in listed(queue, "items"):
            if _is_of(item, delivery_id):
                yield f"queue/{word(item.get('id'))}"

    def _builds(self, fields: str) -> Iterator[Mapping[str, Any]]:
        query = {"tree": f"builds[{fields},{GIVEN}]{{0,{LISTED}}}"}
        where = (*self._job, "api", "json")
        yield from listed(look(lambda: self.api.get(*where, query=query)), "builds")

    @property
    def _job(self) -> tuple[str, ...]:
        parts = [part for part in self.options.job.split("/") if part]
        return tuple(word for part in parts for word in ("job", part))

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        return basic(self.options.user, self.options.token.get_secret_value())


def _is_of(one: Mapping[str, Any], delivery_id: str) -> bool:
    """Tell whether a build or an item has the retraining's id as a parameter."""
    wanted = {"name": "DRIFTD_ID", "value": delivery_id}
    return any(
        {"name": given.get("name"), "value": given.get("value")} == wanted
        for action in one.get("actions") or ()
        if isinstance(action, Mapping)
        for given in action.get("parameters") or ()
        if isinstance(given, Mapping)
    )


def _progress(build: Mapping[str, Any]) -> Progress | None:
    where = str(build.get("url") or "")
    if build.get("building"):
        return Progress(stage=Stage.RUNNING, detail=where)
    result = build.get("result")
    if result is None:
        return None
    stage = Stage.SUCCEEDED if result == "SUCCESS" else Stage.FAILED
    return Progress(stage=stage, detail=f"{result} {where}".strip())
