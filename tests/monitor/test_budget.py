"""The false-alarm budget is spent by all that may raise an alarm, and not twice."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import budget
from monitor.config import Budget, Evaluation, Model, Monitor, Period, load

DAY = timedelta(days=1)
LENGTHS = {"day": 1, "week": 7, "month": 365.25 / 12, "quarter": 365.25 / 4}
(PLAIN,) = load(Path("configs/minimal.yaml"), {}).models.values()


def model(period: str | None, monitors: int = 1, count: int = 1) -> Model:
    """Return a model that is judged every day, and once in a period."""
    one = Monitor(window=DAY, every=DAY)
    told = {
        "monitors": {f"m{i}": one for i in range(monitors)},
        "false_alarm_budget": Budget(count=count, per=90 * DAY),
        "evaluation": Evaluation(period=Period(period)) if period else None,
    }
    return PLAIN.model_copy(update=told)


def test_without_a_re_evaluation_the_windows_have_it_all() -> None:
    assert budget.of_window(model(None), DAY) == pytest.approx(1 / 90)
    assert budget.of_window(model(None, monitors=2), DAY) == pytest.approx(1 / 180)
    assert budget.of_period(model(None)) == 0.05, "asked for by hand, now and then"


def test_a_month_takes_one_time_in_twenty_and_leaves_the_rest() -> None:
    monthly = model("month")

    assert budget.of_period(monthly) == 0.05
    spent = 0.05 * 90 / LENGTHS["month"]
    assert budget.of_window(monthly, DAY) == pytest.approx((1 - spent) / 90)


@given(
    period=st.sampled_from(sorted(LENGTHS)),
    monitors=st.integers(1, 5),
    count=st.integers(1, 20),
)
def test_no_more_is_spent_than_there_is(period: str, monitors: int, count: int) -> None:
    found = model(period, monitors, count)
    window, once = budget.of_window(found, DAY), budget.of_period(found)

    assert 0 < once <= budget.MOST
    assert 0 < window <= budget.MOST
    spent = window * 90 * monitors + once * 90 / LENGTHS[period]
    assert spent <= count * (1 + 1e-9)
    if window < budget.MOST:
        assert spent == pytest.approx(count)
