"""One message by an action, to see that it arrives; nothing is recorded."""

from dataclasses import replace
from datetime import datetime, timedelta

from monitor import retraining
from monitor.action import Action, Delivery, Kind, Receipt
from monitor.errors import ConfigError
from monitor.notice import attention
from monitor.window import Window

MONITOR = "test-action"
"""The monitor that such a message names."""


def perform(
    action: Action, *, model: str, now: datetime, about: str, really: bool
) -> Receipt:
    """Deliver a message that says it is a test; ActionError when it does not arrive.

    One that starts a pipeline is refused (ConfigError) unless `really`.
    """
    if action.takes is not Kind.RETRAINING:
        message = f"a test of action {action.name!r}: nothing is wrong"
        delivery = attention(
            message,
            about=about,
            model=model,
            monitor=MONITOR,
            action=action.name,
            now=now,
        )
    elif really:
        delivery = _request(action.name, model, now)
    else:
        message = f"action {action.name!r} starts a training pipeline."
        option, fix = "--yes", "add --yes to start it for real."
        raise ConfigError(option, "", message, fix)
    return action.perform(replace(delivery, attempt=1))


def _request(action: str, model: str, now: datetime) -> Delivery:
    """Return a request for a retraining that nothing speaks for."""
    decision = retraining.Decision(
        retrain=True,
        reason=retraining.Reason.REQUESTED,
        sentence="Asked for by hand, with driftd test-action.",
    )
    asked = retraining.request(
        decision,
        model=model,
        monitor=MONITOR,
        model_version=None,
        action=action,
        window=Window(now - timedelta(days=1), now),
        now=now,
    )
    return retraining.delivery(asked, decision, reference_id=None)
