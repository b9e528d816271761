"""Recall: the share of positives that are found."""

from checks.errors import Unmeasurable
from checks.metric import Metric, enough, fall, metric, share
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("recall", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the share of positives that were predicted positive."""
    enough(outcomes.judged, "a prediction")
    positives = outcomes.true_positives + outcomes.false_negatives
    if positives == 0:
        cause = "no row whose label is positive"
        raise Unmeasurable(cause)
    return share(outcomes.true_positives, positives, outcomes.judged)


@check(
    "recall",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.05,
    most=1.0,
)
def recall(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by how much the share of positives that are found has fallen.

    The value is a difference of shares, negative where the model got better. The
    default threshold is one positive in twenty that was found before and is now missed.

    Blind to false alarms: who always says yes misses nothing (use `precision`, or
    `f1` for both).

    Source: Newcombe, Statistics in Medicine 17 (1998), method 10; Fisher's exact test.

    >>> was = BinaryOutcomes(rows=300, true_positives=90, false_negatives=10,
    ...                      true_negatives=200)
    >>> now = BinaryOutcomes(rows=300, true_positives=60, false_negatives=40,
    ...                      true_negatives=200)
    >>> round(recall(was, now).value, 3)
    0.3
    """
    return fall(measure, reference, current)
