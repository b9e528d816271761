"""A metric of one set of outcomes with its interval, and two of them compared.

Each metric is a function `(outcomes) -> Metric`, decorated with `@metric` in the file
of the check that compares it. Scores fall and losses rise as a model gets worse.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from scipy import special

from checks import registry
from checks.errors import Unmeasurable
from checks.exact import Moments
from checks.interval import Z, normal_tail, wilson
from checks.outcomes import Outcomes
from checks.shares import fisher
from checks.statistic import Statistic

MIN_LABELLED = 30
"""Labelled rows below which a metric says nothing: its interval would be a guess."""
_LARGEST_LOG = 700.0
"""exp of more than this is no finite float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric, its two-sided 95 % interval, and the labelled rows it rests on.

    `hidden` bounds what score bins hide. Where the metric is a share, or rises with
    one and with nothing else, `count` out of `trials` is that share.
    """

    value: float
    low: float
    high: float
    n: int
    hidden: float = 0.0
    count: float = 0
    trials: float = 0

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


Some = TypeVar("Some", bound=Outcomes)
Measure = Callable[[Some], Metric]

_METRICS: dict[str, tuple[type[Any], Callable[[Any], Metric]]] = {}


def metric(name: str, of: type[Some]) -> Callable[[Measure[Some]], Measure[Some]]:
    """Register a function as the metric of that name, on that kind of outcomes."""

    def register(measure: Measure[Some]) -> Measure[Some]:
        _METRICS[name] = (of, measure)
        return measure

    return register


def metrics(outcomes: Outcomes) -> dict[str, Metric]:
    """Measure everything that these outcomes allow, by name, sorted."""
    return {
        name: found
        for name, found in _measured(outcomes).items()
        if isinstance(found, Metric)
    }


def unmeasured(outcomes: Outcomes) -> dict[str, str]:
    """Tell which metrics these outcomes do not allow, and why not."""
    return {
        name: found
        for name, found in _measured(outcomes).items()
        if isinstance(found, str)
    }


def _measured(outcomes: Outcomes) -> dict[str, Metric | str]:
    registry.names()  # imports the files of all checks, where the metrics are
    found: dict[str, Metric | str] = {}
    for name, (of, measure) in sorted(_METRICS.items()):
        if isinstance(outcomes, of):
            try:
                found[name] = measure(outcomes)
            except Unmeasurable as unmeasurable:
                found[name] = unmeasurable.cause
    return found


def enough(n: int, what: str) -> None:
    """Raise Unmeasurable where fewer rows than a metric needs have both."""
    if n < MIN_LABELLED:
        cause = f"{n} labelled rows with {what}, and {MIN_LABELLED} are needed"
        raise Unmeasurable(cause)


def share(count: float, trials: float, n: int) -> Metric:
    """Return the share of `count` in `trials` as a metric, with Wilson's interval."""
    low, high = wilson(count, trials)
    value = count / trials
    return Metric(
        value=value,
        low=min(low, value),  # at 0 and 1 the bound may be off by the last bit
        high=max(high, value),
        n=n,
        count=count,
        trials=trials,
    )


def mean_loss(losses: Moments, n: int, *, root: bool = False) -> Metric:
    """Return the mean of losses, or its root, with an interval on the log scale.

    The delta method: the standard error of log(mean) is that of the mean over the
    mean, and half of it for the root. A loss is skewed and positive, which its
    logarithm is not.
    """
    mean = losses.mean(n)
    if mean == 0:
        return Metric(value=0.0, low=0.0, high=0.0, n=n)
    power = 0.5 if root else 1.0
    error = math.sqrt(losses.variance_of_mean(n)) / mean
    spread = math.exp(min(float(special.stdtrit(n - 1, 0.975)) * error * power, 300.0))
    value = mean**power
    return Metric(value=value, low=value / spread, high=value * spread, n=n)


def fall(measure: Measure[Some], reference: Some, current: Some) -> Statistic:
    """Measure by how much a score has fallen below the reference's.

    The interval joins both sides' own intervals (MOVER: Zou and Donner, Statistics in
    Medicine 27, 2008; for shares that is Newcombe's method 10). The one-sided p-value
    for "not lower" is Fisher's exact one where the score is a share, and otherwise
    that of the normal distribution with the interval's spread towards no change.
    """
    was, now = _sides(measure, reference, current)
    value = was.value - now.value
    below = math.hypot(was.value - was.low, now.high - now.value)
    above = math.hypot(was.high - was.value, now.value - now.low)
    if was.trials and now.trials:
        p_value = fisher(
            was.trials - was.count, was.trials, now.trials - now.count, now.trials
        )
    else:
        p_value = _tail(value, below)
    return _statistic(was, now, current, (value, value - below, value + above), p_value)


def rise(measure: Measure[Some], reference: Some, current: Some) -> Statistic:
    """Measure by which share of the reference's a loss has risen above it.

    0.1 is a loss 10 % larger. The interval joins both sides' own intervals on the log
    scale (MOVER), and the one-sided p-value for "not larger" is that of the normal
    distribution with the interval's spread towards no change.
    """
    was, now = _sides(measure, reference, current)
    if was.value == 0:
        cause = "the reference makes no error at all, so no relative rise can be formed"
        raise Unmeasurable(cause)
    if now.value == 0:
        return _statistic(was, now, current, (-1.0, -1.0, -1.0), 1.0)
    ratio = math.log(now.value) - math.log(was.value)
    below = math.hypot(math.log(was.high / was.value), math.log(now.value / now.low))
    above = math.hypot(math.log(was.value / was.low), math.log(now.high / now.value))
    effect = (
        math.expm1(min(ratio, _LARGEST_LOG)),
        math.expm1(min(ratio - below, _LARGEST_LOG)),
        math.expm1(min(ratio + above, _LARGEST_LOG)),
    )
    return _statistic(was, now, current, effect, _tail(ratio, below))


def _tail(effect: float, below: float) -> float:
    if below == 0:
        return 0.0 if effect > 0 else 1.0
    return normal_tail(Z * effect / below)


def _sides(
    measure: Measure[Some], reference: Some, current: Some
) -> tuple[Metric, Metric]:
    """Measure both sides; a cause names the side that cannot be measured."""
    found = []
    for side, outcomes in (("reference", reference), ("window", current)):
        try:
            found.append(measure(outcomes))
        except Unmeasurable as unmeasurable:
            cause = f"the {side} has {unmeasurable.cause}"
            raise Unmeasurable(cause) from None
    return found[0], found[1]


def _statistic(
    was: Metric,
    now: Metric,
    current: Outcomes,
    effect: tuple[float, float, float],
    p_value: float,
) -> Statistic:
    value, low, high = effect
    detail = f"on {now.n:,} labelled of {current.rows:,} rows"
    for cause, count in current.refusals.items():
        detail += f"; {count:,} {cause}"
    return Statistic(
        value=value,
        low=low,
        high=high,
        p_value=p_value,
        n_reference=was.n,
        n_current=now.n,
        hidden=was.hidden + now.hidden,
        at_reference=was.value,
        at_current=now.value,
        detail=detail,
    )
