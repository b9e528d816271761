"""The retrain action: asks a training pipeline, by signed webhook, for a new model."""

from datetime import timedelta

from pydantic import Field

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.config.scalars import Allowance, Delay, Duration
from monitor.retraining import Budget, RetrainPolicy
from monitor.webhooks import Answer, Receiver, Request, send
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

    class Options(Receiver):
        """What a user may set."""

        idempotent: bool = True
        """Whether the receiver takes two requests of one `webhook-id` for one."""
        on: frozenset[Family] = Field(
            default=frozenset({Family.DRIFT, Family.PERFORMANCE}), min_length=1
        )
        """The families of incidents that speak for a new model."""
        cooldown: Delay = timedelta(days=7)
        """How long after a retraining none is asked for."""
        budget: Allowance | None = None
        """How many retrainings there may be, such as `2 per 30d`."""
        patience: Duration = timedelta(days=7)
        """How long a retraining without news counts as running."""

    def __init__(self, name: str, options: Options, *, clock: Clock) -> None:
        """Take the name it has in the config; the clock dates the signatures."""
        self.name = name
        self.on = options.on
        self.idempotent = options.idempotent
        self._options = options
        self._clock = clock

    @property
    def policy(self) -> RetrainPolicy:
        """When it may ask."""
        budget = self._options.budget
        return RetrainPolicy(
            on=self._options.on,
            cooldown=self._options.cooldown,
            budget=Budget(count=budget.count, per=budget.per) if budget else None,
            patience=self._options.patience,
        )

    def perform(self, delivery: Delivery) -> Receipt:
        """Ask for the retraining once."""
        body = {
            **delivery.body,
            "type": REQUESTED,
            "timestamp": rfc3339(delivery.created),
        }
        request = Request.of(delivery.id, body)
        answer = send(self._options, request, self._clock)
        return Receipt(
            remote_id=_run(answer),
            detail=f"{self._options.place} answered {answer.status}",
        )


def _run(answer: Answer) -> str | None:
    """Return the id that the receiver gave the run, if it told one."""
    told = answer.json()
    found = next((told[name] for name in _ID_KEYS if name in told), None)
    return str(found)[:200] if isinstance(found, str | int) else None
