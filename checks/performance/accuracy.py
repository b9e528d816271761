"""Accuracy: the share of predictions that are right."""

from checks.metric import Metric, enough, fall, metric, share
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("accuracy", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the share of labelled predictions that are right."""
    enough(outcomes.judged, "a prediction")
    right = outcomes.true_positives + outcomes.true_negatives
    return share(right, outcomes.judged, outcomes.judged)


@check(
    "accuracy",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.03,
    most=1.0,
    default=True,
)
def accuracy(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by how much the share of right predictions has fallen.

    The value is a difference of shares, negative where the model got better. The
    default threshold, three wrong decisions more in a hundred, is a change that
    whoever acts on the predictions notices.

    Blind to which class suffers, and nearly so where one class is rare: a model that
    never says yes is accurate (use `f1`, `recall` or `roc_auc`).

    Source: Newcombe, Statistics in Medicine 17 (1998), method 10; Fisher's exact test.

    >>> was = BinaryOutcomes(rows=1000, true_positives=450, true_negatives=450,
    ...                      false_positives=50, false_negatives=50)
    >>> now = BinaryOutcomes(rows=1000, true_positives=400, true_negatives=400,
    ...                      false_positives=100, false_negatives=100)
    >>> found = accuracy(was, now)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.1, 0.069, 0.131)
    """
    return fall(measure, reference, current)
