"""The Airflow action: triggers a DAG run under the retraining's own id."""

from http import HTTPStatus
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import (
    Api,
    ServerAction,
    ServerOptions,
    basic,
    progressed,
    told,
    word,
)
from monitor.actions.base import ACTIONS
from monitor.errors import ActionError
from monitor.problems import mistake

STAGES = {
    Stage.WAITING: ("queued",),
    Stage.RUNNING: ("running",),
    Stage.SUCCEEDED: ("success",),
    Stage.FAILED: ("failed",),
}
CONFLICT = frozenset({HTTPStatus.CONFLICT.value})


class AirflowOptions(ServerOptions):
    """What a user may set for Airflow."""

    dag: str = Field(min_length=1)
    """The DAG's id."""
    api: Literal["v1", "v2"] = "v2"
    """v2 for Airflow 3, v1 for Airflow 2."""
    token: SecretStr | None = None
    """A token; or a user and a password."""
    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) is not (self.password is None):
            text = "a user has a password, and a password a user"
            raise mistake(text, "set username and password, or a token.")
        if (self.token is None) is (self.username is None):
            text = "Airflow asks who is there"
            raise mistake(text, "set a token, or username and password.")
        return self


@ACTIONS.register("airflow")
class AirflowAction(ServerAction[AirflowOptions]):
    """Triggers a DAG; `dag_run_id` is the key, and the same id again is no second run.

    Airflow 3 (`/api/v2`) gives a token for a user and password; Airflow 2 (`api: v1`)
    takes them as they are. https://airflow.apache.org/docs/apache-airflow/stable/
    """

    type = "airflow"
    idempotent = True

    Options = AirflowOptions

    def perform(self, delivery: Delivery) -> Receipt:
        """Trigger the DAG once; that it was triggered before is as good."""
        run = run_id(delivery.id)
        body: dict[str, Any] = {
            "dag_run_id": run,
            "conf": {**delivery.body, "id": delivery.id},
            "note": str(delivery.body.get("reason") or "asked for by driftd")[:1_000],
        }
        if self.options.api == "v2":
            body["logical_date"] = None  # it must be there, and may be null
        answer = self.api.post(*self._runs, json_body=body, takes=CONFLICT)
        again = answer.status == HTTPStatus.CONFLICT
        return Receipt(
            remote_id=run,
            detail=f"Airflow {'has' if again else 'takes'} the run {run}",
        )

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the run goes on."""
        run = remote_id or run_id(delivery_id)
        return progressed(told(self.api.get(*self._runs, run), "state"), STAGES)

    @property
    def _runs(self) -> tuple[str, ...]:
        return ("api", self.options.api, "dags", self.options.dag, "dagRuns")

    def headers(self) -> dict[str, str]:
        """Return what tells the server who asks."""
        options = self.options
        if options.token is not None:
            return {"authorization": f"Bearer {options.token.get_secret_value()}"}
        password = options.password.get_secret_value() if options.password else ""
        if options.api == "v1":
            return basic(options.username or "", password)
        given = {"username": options.username, "password": password}
        try:
            answer = Api.of(options, self.api.clock, self.api.egress).post(
                "auth", "token", json_body=given
            )
        except ActionError as error:
            # Whatever became of it, no run has been asked for yet.
            msg, wait = f"{error} (when asked for a token)", error.retry_after
            raise ActionError(
                msg, permanent=error.permanent, retry_after=wait
            ) from None
        token = word(told(answer, "access_token")) or word(told(answer, "jwt_token"))
        if token is None:
            msg = "Airflow gave no token"
            raise ActionError(msg, permanent=False)
        return {"authorization": f"Bearer {token}"}


def run_id(delivery_id: str) -> str:
    """Return the id of a retraining's run, in the alphabet that Airflow takes.

    >>> run_id("4f1d")
    'driftd-4f1d'
    """
    return f"driftd-{delivery_id}"
