"""Precision: the share of alarms that are true."""

from checks.errors import Unmeasurable
from checks.metric import Metric, enough, fall, metric, share
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("precision", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the share of predicted positives that are positive."""
    enough(outcomes.judged, "a prediction")
    claimed = outcomes.true_positives + outcomes.false_positives
    if claimed == 0:
        cause = "no row that was predicted positive"
        raise Unmeasurable(cause)
    return share(outcomes.true_positives, claimed, outcomes.judged)


@check(
    "precision",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.05,
    most=1.0,
)
def precision(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by how much the share of predicted positives that are true has fallen.

    The value is a difference of shares, negative where the model got better. The
    default threshold is wider than that of `accuracy`, because precision also moves
    with how common the positive class is.

    Blind to positives that are missed (use `recall`, or `f1` for both).

    Source: Newcombe, Statistics in Medicine 17 (1998), method 10; Fisher's exact test.

    >>> was = BinaryOutcomes(rows=300, true_positives=90, false_positives=10,
    ...                      true_negatives=200)
    >>> now = BinaryOutcomes(rows=300, true_positives=60, false_positives=40,
    ...                      true_negatives=200)
    >>> round(precision(was, now).value, 3)
    0.3
    """
    return fall(measure, reference, current)
