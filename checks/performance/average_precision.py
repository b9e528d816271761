"""Average precision: the precision at every positive, from the highest score down."""

import numpy as np

from checks.errors import Unmeasurable
from checks.interval import wilson
from checks.metric import Metric, enough, fall, metric
from checks.outcomes import BinaryOutcomes
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family

MIN_POSITIVES = 10
"""Positives below which the precision at each of them says nothing."""


@metric("average_precision", of=BinaryOutcomes)
def measure(outcomes: BinaryOutcomes) -> Metric:
    """Return the average precision, scores in one bin counting as tied.

    The interval is Wilson's with as many rows as there are positives, the binomial
    approximation of Boyd et al. `hidden` comes of the best and the worst order in
    every bin.
    """
    enough(outcomes.scored, "a score")
    hits = outcomes.positives[::-1].astype(np.float64)
    misses = outcomes.negatives[::-1].astype(np.float64)
    positives = float(hits.sum())
    if positives < MIN_POSITIVES:
        cause = f"{positives:.0f} positive labels beside a score, and"
        cause += f" {MIN_POSITIVES} are needed"
        raise Unmeasurable(cause)
    found, false = np.cumsum(hits), np.cumsum(misses)
    some = hits > 0
    value = float(hits[some] @ (found / (found + false).clip(1))[some]) / positives
    value = min(value, 1.0)
    best = found / (found + false - misses).clip(1)
    worst = (found - hits + 1) / (found - hits + 1 + false)
    # Exactly 0 and exactly 1 have cells of their own, whose ties are true ones.
    inner = some.copy()
    inner[[0, -1]] = False
    steps = found / (found + false).clip(1)
    above = float(hits[inner] @ (best - steps)[inner]) / positives
    under = float(hits[inner] @ (steps - worst)[inner]) / positives
    low, high = wilson(value * positives, positives)
    return Metric(
        value=value,
        low=min(low, value),  # at 1 the bound may be off by the last bit
        high=max(high, value),
        n=outcomes.scored,
        hidden=max(above, under, 0.0),
    )


@check(
    "average_precision",
    family=Family.PERFORMANCE,
    subject=Subject.OUTCOMES,
    tasks={Task.BINARY_CLASSIFICATION},
    threshold=0.05,
    most=1.0,
)
def average_precision(reference: BinaryOutcomes, current: BinaryOutcomes) -> Statistic:
    """Measure by how much the average precision has fallen.

    The value is a difference of scores, negative where the model got better. The
    default threshold is wider than that of `roc_auc`, because average precision also
    falls when positives merely become rarer.

    Blind to the order among the lowest scores, where few positives are (use
    `roc_auc`, which no prevalence moves).

    Source: Boyd, Eng and Page, "Area under the precision-recall curve: point estimates
    and confidence intervals", ECML PKDD (2013).

    >>> rows = range(400)
    >>> score = [i / 400 for i in rows]
    >>> was = BinaryOutcomes.of([i >= 300 for i in rows], score=score)
    >>> now = BinaryOutcomes.of([i >= 200 and i % 2 > 0 for i in rows], score=score)
    >>> found = average_precision(was, now)
    >>> round(found.at_reference, 3), 0.5 < found.at_current < 0.55
    (1.0, True)
    """
    return fall(measure, reference, current)
