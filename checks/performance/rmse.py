"""Root mean squared error."""

from checks.metric import Metric, enough, mean_loss, metric, rise
from checks.outcomes import RegressionOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("rmse", of=RegressionOutcomes)
def measure(outcomes: RegressionOutcomes) -> Metric:
    """Return the root of the mean squared error."""
    enough(outcomes.judged, "a prediction")
    return mean_loss(outcomes.squared, outcomes.judged, root=True)


@check(
    "rmse",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.REGRESSION},
    threshold=0.1,
    default=True,
)
def rmse(reference: RegressionOutcomes, current: RegressionOutcomes) -> Statistic:
    """Measure by which share of the reference's root mean squared error it has risen.

    The value is relative: 0.1, the default threshold, is an error 10 % larger,
    whatever the unit; negative is better than the reference.

    Blind to the sign of errors; a handful of outliers decide it, and where errors
    have no fourth moment so is its interval too narrow (use `mae`).

    Source: the interval by the delta method on the log scale, from fourth moments.

    >>> label = [float(i % 20) for i in range(400)]
    >>> was = RegressionOutcomes.of(label, [y + (-1) ** i for i, y in enumerate(label)])
    >>> now = RegressionOutcomes.of(label, [y + 3.0 * (y % 4 == 0) for y in label])
    >>> found = rmse(was, now)
    >>> found.at_reference, found.at_current, found.value
    (1.0, 1.5, 0.5)
    """
    return rise(measure, reference, current)
