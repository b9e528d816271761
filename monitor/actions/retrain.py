"""The retrain action: asks a training pipeline, by signed webhook, for a new model."""

from typing import Annotated, Self

from pydantic import AfterValidator, SecretStr, model_validator

from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.actions.training import TrainingOptions
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.problems import mistake
from monitor.retraining import RetrainPolicy
from monitor.templating import checked, rendered
from monitor.webhooks import Answer, Receiver, Request, callback_token, send
from monitor.window import rfc3339

REQUESTED = "driftd.retraining.requested"

_ID_KEYS = ("id", "run_id", "job_id")
"""Where receivers tell the id that they gave the run."""


@ACTIONS.register("retrain")
class RetrainAction:
    """Posts a retraining; its id stays the same, so a repeat starts no second run.

    A receiver that does not know `webhook-id` is declared with `idempotent: false`:
    then an answer that was lost is told to a person, and nothing is sent again blindly.
    """

    type = "retrain"
    takes = Kind.RETRAINING

    class Options(Receiver, TrainingOptions):
        """What a user may set."""

        idempotent: bool = True
        """Whether the receiver takes two requests of one `webhook-id` for one."""
        template: Annotated[str, AfterValidator(checked)] | None = None
        """A Jinja template of the body, for a receiver with a form of its own; it has
        the retraining's fields, such as {{ id }}, {{ model }} and {{ window.end }}."""
        content_type: str = "application/json"
        """What the template's body is."""

        @model_validator(mode="after")
        def _one_form(self) -> Self:
            if self.template is not None and self.cloudevents is not None:
                text = "a body of one's own form is no CloudEvent"
                raise mistake(text, "take template or cloudevents out.")
            return self

    def __init__(
        self, name: str, options: Options, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config; the clock dates the signatures."""
        self.name = name
        self.on = options.on
        self.idempotent = options.idempotent
        self._options = options
        self._clock = clock
        self._egress = egress

    @property
    def policy(self) -> RetrainPolicy:
        """When it may ask."""
        return self._options.policy

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets by which its pipeline may speak of a retraining."""
        return self._options.secret

    def perform(self, delivery: Delivery) -> Receipt:
        """Ask for the retraining once."""
        body = {
            **delivery.body,
            "type": REQUESTED,
            "timestamp": rfc3339(delivery.created),
        }
        options = self._options
        if body.get("callback") and options.secret:
            # Never kept: it is made anew of the secret for each attempt.
            body["callback_token"] = callback_token(options.secret[0], delivery.id)
        if options.template is not None:
            content = rendered(options.template, {**body, "id": delivery.id})
            request = Request(
                id=delivery.id, body=content, content_type=options.content_type
            )
        else:
            request = Request.of(delivery.id, body, options.cloudevents)
        answer = send(self._options, request, self._clock, self._egress)
        return Receipt(
            remote_id=_run(answer),
            detail=f"{self._options.place} answered {answer.status}",
        )


def _run(answer: Answer) -> str | None:
    """Return the id that the receiver gave the run, if it told one."""
    told = answer.json()
    found = next((told[name] for name in _ID_KEYS if name in told), None)
    return str(found)[:200] if isinstance(found, str | int) else None
