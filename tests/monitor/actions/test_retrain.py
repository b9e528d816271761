"""The retrain action: what a user says of when it may ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks.verdict import Family
from monitor.actions.base import open_action
from monitor.actions.retrain import RetrainAction
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.errors import PluginError
from monitor.retraining import Budget, RetrainPolicy


def opened(**options: Any) -> RetrainAction:
    section = Plugin(type="retrain", options={"url": "http://ci.example/x", **options})
    clock = ManualClock(datetime(2013, 5, 3, tzinfo=UTC))
    action = open_action("pipeline", section, clock=clock)
    assert isinstance(action, RetrainAction)
    return action


def test_the_policy_is_the_default_one_where_nothing_is_said() -> None:
    assert opened().policy == RetrainPolicy()
    assert opened().idempotent


def test_the_policy_is_what_the_user_says() -> None:
    action = opened(
        on=["performance"],
        cooldown="1d",
        budget="2 per 30d",
        patience="2h",
        idempotent=False,
    )
    assert action.policy == RetrainPolicy(
        on=frozenset({Family.PERFORMANCE}),
        cooldown=timedelta(days=1),
        budget=Budget(count=2, per=timedelta(days=30)),
        patience=timedelta(hours=2),
    )
    assert not action.idempotent


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"on": ["drifts"]}, r"on\[0\]: 'drifts' is not drift, skew"),
        ({"on": []}, "on: "),
        ({"cooldown": "7"}, "cooldown: '7' is not a duration"),
        ({"budget": "many"}, "budget: 'many' is not a budget"),
    ],
)
def test_a_policy_that_is_none_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(PluginError, match=told):
        opened(**options)
