"""Mean absolute error."""

from checks.metric import Metric, enough, mean_loss, metric, rise
from checks.outcomes import RegressionOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("mae", of=RegressionOutcomes)
def measure(outcomes: RegressionOutcomes) -> Metric:
    """Return the mean of the absolute errors."""
    enough(outcomes.judged, "a prediction")
    return mean_loss(outcomes.absolute, outcomes.judged)


@check(
    "mae",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.REGRESSION},
    threshold=0.1,
    default=True,
)
def mae(reference: RegressionOutcomes, current: RegressionOutcomes) -> Statistic:
    """Measure by which share of the reference's mean absolute error it has risen.

    The value is relative: 0.1, the default threshold, is an error 10 % larger,
    whatever the unit; negative is better than the reference.

    Blind to the sign of errors, and to a few that are very large (use `rmse`).

    Source: the interval by the delta method on the log scale.

    >>> label = [float(i % 20) for i in range(400)]
    >>> was = RegressionOutcomes.of(label, [y + (-1) ** i for i, y in enumerate(label)])
    >>> now = RegressionOutcomes.of(label, [y + 1.5 for y in label])
    >>> found = mae(was, now)
    >>> found.at_reference, found.at_current, found.value
    (1.0, 1.5, 0.5)
    """
    return rise(measure, reference, current)
