"""ROC AUC: how often a positive scores above a negative."""

import numpy as np

from checks.errors import Unmeasurable
from checks.interval import wilson
from checks.metric import Metric, enough, fall, metric
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family

MIN_CLASS = 10
"""Labelled rows of either class below which their order says nothing."""


@metric("roc_auc", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the area under the ROC curve, scores in one bin counting as tied.

    The variance is DeLong's; the interval is Wilson's with as many rows as a share of
    this variance would have (Newcombe 2006), which holds up to an area of 1.
    """
    enough(outcomes.scored, "a score")
    positives = outcomes.positives.astype(np.float64)
    negatives = outcomes.negatives.astype(np.float64)
    p, n = float(positives.sum()), float(negatives.sum())
    if min(p, n) < MIN_CLASS:
        cause = (
            f"{p:.0f} positive and {n:.0f} negative labels beside a score, and"
            f" {MIN_CLASS} of each are needed"
        )
        raise Unmeasurable(cause)
    beats = (np.cumsum(negatives) - negatives / 2) / n
    beaten = 1.0 - (np.cumsum(positives) - positives / 2) / p
    area = min(1.0, float(positives @ beats) / p)
    variance = float(positives @ (beats - area) ** 2) / (p - 1) / p
    variance += float(negatives @ (beaten - area) ** 2) / (n - 1) / n
    rows = _effective_rows(area, variance, p, n)
    low, high = wilson(area * rows, rows)
    # Exactly 0 and exactly 1 have cells of their own, whose ties are true ones.
    tied = float(positives[1:-1] @ negatives[1:-1]) / (p * n)
    return Metric(
        value=area,
        low=min(low, area),  # at 0 and 1 the bound may be off by the last bit
        high=max(high, area),
        n=outcomes.scored,
        hidden=tied / 2,
    )


def _effective_rows(area: float, variance: float, p: float, n: float) -> float:
    """Return the rows of which a share of this size would have this variance.

    No order of scores has fewer than the smaller class, and where nothing varies that
    is all there is to go by. Twice all rows is more than models of scores come to; a
    variance that asks for more is that of a lucky sample.
    """
    if variance <= 0:
        return min(p, n)
    return min(max(area * (1 - area) / variance, min(p, n)), 2 * (p + n))


@check(
    "roc_auc",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.03,
    most=1.0,
    default=True,
)
def roc_auc(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by how much the area under the ROC curve has fallen.

    The value is a difference of areas, negative where the model got better. The
    default threshold is an order that is wrong for three pairs more in a hundred.

    Blind to whether scores are probabilities: any rising function of them has the
    same area (use `log_loss` or `brier`), and to the cut that decisions are made at
    (use `f1`). Scores in one of 1,024 bins count as tied, which `hidden` bounds.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); Newcombe,
    "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic", Statistics in Medicine 25 (2006).

    >>> rows = range(400)
    >>> score = [i / 400 for i in rows]
    >>> was = BinaryOutcomes.of([i >= 200 for i in rows], score=score)
    >>> now = BinaryOutcomes.of([i >= 150 and i % 4 > 0 for i in rows], score=score)
    >>> found = roc_auc(was, now)
    >>> found.at_reference, round(found.at_current, 3), found.p_value < 1e-9
    (1.0, 0.855, True)
    """
    return fall(measure, reference, current)
