"""The log action: one event with fields."""

from datetime import UTC, datetime

import structlog

from monitor.action import Delivery, Kind
from monitor.actions.base import open_action
from monitor.clock import ManualClock
from monitor.config import Plugin

NOW = datetime(2013, 5, 3, tzinfo=UTC)


def test_a_notice_is_one_event_with_its_fields() -> None:
    section = Plugin(type="log", options={"level": "error"})
    action = open_action("journal", section, clock=ManualClock(NOW))
    body = {"headline": "flights: 1 incident", "lines": ["temp moved"], "n_firing": 1}
    sent = Delivery(
        id="d1",
        action="journal",
        kind=Kind.NOTICE,
        group="flights/daily",
        model="flights",
        monitor="daily",
        reason="first",
        body=body,
        created=NOW,
    )
    with structlog.testing.capture_logs() as logs:
        action.perform(sent)
    assert logs == [
        {
            "event": "notice",
            "log_level": "error",
            "action": "journal",
            "delivery": "d1",
            "model": "flights",
            "monitor": "daily",
            "reason": "first",
            "headline": "flights: 1 incident",
            "lines": ["temp moved"],
            "window": None,
            "n_firing": 1,
        }
    ]
