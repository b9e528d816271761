"""The false-alarm budget of a model, shared out between all that may raise an alarm.

Its monitors share it evenly, and so does its re-evaluation, of which nothing else is
special than that it comes once a period. Neither may be wrong more often than once in
twenty times, however large the budget; what a re-evaluation does not need by that rule
the monitors have.
"""

from datetime import timedelta

from monitor.config import Model, Period

MOST = 0.05
"""The largest chance of a false alarm that one window, or one period, may take."""
_YEAR = timedelta(days=365.25)
_LENGTHS = {
    Period.DAY: timedelta(days=1),
    Period.WEEK: timedelta(days=7),
    Period.MONTH: _YEAR / 12,
    Period.QUARTER: _YEAR / 4,
    Period.YEAR: _YEAR,
}


def of_window(model: Model, every: timedelta) -> float:
    """Return the chance of a false alarm that one of a monitor's windows may take."""
    budget = model.false_alarm_budget
    left = budget.count - of_period(model) * _periods(model)
    return min(MOST, left / len(model.monitors) / (budget.per / every))


def of_period(model: Model) -> float:
    """Return the chance of a false alarm that one re-evaluation may take.

    One that is made by hand alone, on no schedule, spends nothing of the budget.
    """
    periods = _periods(model)
    share = model.false_alarm_budget.count / (len(model.monitors) + 1)
    return min(MOST, share / periods) if periods else MOST


def _periods(model: Model) -> float:
    """Return how many periods the budget is for."""
    if model.evaluation is None:
        return 0.0
    return model.false_alarm_budget.per / _LENGTHS[model.evaluation.period]
