"""Brier score: the mean squared error of a probability."""

from checks.metric import Metric, enough, mean_loss, metric, rise
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("brier", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the mean squared difference between score and label."""
    enough(outcomes.scored, "a score")
    return mean_loss(outcomes.brier, outcomes.scored)


@check(
    "brier",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.1,
)
def brier(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by which share of the reference's Brier score it has risen.

    The value is relative: 0.1, the default threshold, is a loss 10 % larger; negative
    is better than the reference.

    Blind to how sure a wrong score was once it is near 0 or 1: no row weighs more
    than 1 (use `log_loss`); moved by the base rate alone (use `roc_auc`).

    Source: Brier, "Verification of forecasts expressed in terms of probability",
    Monthly Weather Review 78 (1950); the interval by the delta method on the log scale.

    >>> label = [i % 2 for i in range(400)]
    >>> was = BinaryOutcomes.of(label, score=[0.2 + 0.6 * y for y in label])
    >>> now = BinaryOutcomes.of(label, score=[0.3 + 0.4 * y for y in label])
    >>> round(brier(was, now).value, 3)
    1.25
    """
    return rise(measure, reference, current)
