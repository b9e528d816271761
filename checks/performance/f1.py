"""F1: the harmonic mean of precision and recall."""

from dataclasses import replace

from checks.errors import Unmeasurable
from checks.metric import Metric, enough, fall, metric, share
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@metric("f1", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the F1 score, with the interval of the share that it is a function of.

    F1 = 2J / (1 + J), where J is the share of true positives among all rows that are
    positive by label or by prediction. Given how many those are, true positives are
    binomial, so Wilson's interval for J carries over to F1.
    """
    enough(outcomes.judged, "a prediction")
    hits = outcomes.true_positives
    either = hits + outcomes.false_positives + outcomes.false_negatives
    if either == 0:
        cause = "no row that is positive, by its label or by its prediction"
        raise Unmeasurable(cause)
    jaccard = share(hits, either, outcomes.judged)
    return replace(
        jaccard,
        value=2 * hits / (hits + either),
        low=2 * jaccard.low / (1 + jaccard.low),
        high=2 * jaccard.high / (1 + jaccard.high),
    )


@check(
    "f1",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.05,
    most=1.0,
    default=True,
)
def f1(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by how much the F1 score has fallen.

    The value is a difference of scores, negative where the model got better. The
    default threshold is wider than that of `accuracy`, because F1 also moves with how
    common the positive class is while the model stays as good as it was.

    Blind to true negatives, and to what the scores say on either side of the cut (use
    `roc_auc`, which no prevalence moves, or `log_loss`).

    Source: van Rijsbergen, "Information Retrieval" (1979); Wilson (1927) for the
    interval, Zou and Donner (2008) for that of the difference; Fisher's exact test.

    >>> was = BinaryOutcomes(rows=300, true_positives=80, false_positives=20,
    ...                      false_negatives=20, true_negatives=180)
    >>> now = BinaryOutcomes(rows=300, true_positives=50, false_positives=50,
    ...                      false_negatives=50, true_negatives=150)
    >>> found = f1(was, now)
    >>> found.at_reference, found.at_current, round(found.low, 3)
    (0.8, 0.5, 0.193)
    """
    return fall(measure, reference, current)
