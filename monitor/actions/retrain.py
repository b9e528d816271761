"""The retrain action: asks a training pipeline, by signed webhook, for a new model."""

from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.actions.training import TrainingOptions
from monitor.clock import Clock
from monitor.retraining import RetrainPolicy
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

    class Options(Receiver, TrainingOptions):
        """What a user may set."""

        idempotent: bool = True
        """Whether the receiver takes two requests of one `webhook-id` for one."""

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
        return self._options.policy

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
