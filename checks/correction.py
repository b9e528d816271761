"""p-values of many checks at once, adjusted so that a clean window stays clean."""

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum


class Correction(StrEnum):
    """Which error over the family of checks is held below alpha."""

    HOLM = "holm"
    """The chance of any false alarm in the window."""
    BENJAMINI_HOCHBERG = "benjamini_hochberg"
    """The expected share of false alarms among the alarms."""
    NONE = "none"


Attainable = tuple[float, ...] | None
"""The p-values up to UTMOST that a test can give, ascending; None where any can."""
UTMOST = 0.05
"""No window is judged at a larger level."""


def spent(attainable: Attainable, level: float) -> float:
    """Return how often a test whose null is true gives a p-value up to a level.

    A test of counts gives few different ones: the largest of these that is no larger.

    >>> spent(None, 0.01), spent((0.0001, 0.02), 0.01), spent((), 0.01)
    (0.01, 0.0001, 0.0)
    """
    if attainable is None:
        return level
    below = bisect_right(attainable, level)
    return attainable[below - 1] if below else 0.0


def sharing(attainable: Sequence[Attainable], alpha: float) -> float:
    """Count the tests that share a level; those that spend less count for less.

    >>> sharing([None, None, (), (1e-9,)], 0.01)
    2.0
    """
    level = alpha / max(1, len(attainable))
    return round(math.fsum(spent(one, level) for one in attainable) / level, 3)


def adjust(
    p_values: Sequence[float],
    method: Correction,
    attainable: Sequence[Attainable] | None = None,
) -> list[float]:
    """Return the adjusted p-values, in the order given.

    Holm, Scand. J. Statistics 6 (1979); Benjamini and Hochberg, J. R. Stat. Soc. B 57
    (1995), as `scipy.stats.false_discovery_control`. Where it is known which p-values
    each test can give, Holm's sum is of what each spends (Tarone, Biometrics 46, 1990;
    Zhu and Guo, Statistica Neerlandica 74, 2020): a test of missing rows where nothing
    is missing takes nothing from the others.

    >>> adjust([0.01, 0.04, 0.03], Correction.HOLM)
    [0.03, 0.06, 0.06]
    >>> adjust([0.01, 0.04, 1.0], Correction.HOLM, [None, None, ()])
    [0.02, 0.04, 1.0]
    >>> adjust([0.01, 0.04, 0.03], Correction.BENJAMINI_HOCHBERG)
    [0.03, 0.04, 0.04]
    """
    if method is Correction.NONE:
        return list(p_values)
    n = len(p_values)
    order = sorted(range(n), key=lambda i: p_values[i])
    adjusted = [1.0] * n
    if method is Correction.HOLM:
        return _holm(p_values, order, attainable or [None] * n)
    best = 1.0
    for rank in range(n, 0, -1):
        i = order[rank - 1]
        best = min(best, p_values[i] * n / rank)
        adjusted[i] = best
    return adjusted


def _holm(
    p_values: Sequence[float], order: Sequence[int], attainable: Sequence[Attainable]
) -> list[float]:
    """Walk down the p-values, each with what itself and all larger ones spend."""
    n = len(p_values)
    free = sum(one is None for one in attainable)
    # Each step of a discrete test's distribution: where, whose, and how high.
    steps = sorted(
        (p, i, p - before)
        for i, one in enumerate(attainable)
        for before, p in itertools.pairwise((0.0, *(one or ())))
    )
    adjusted, spends, gone = [1.0] * n, [0.0] * n, [False] * n
    total = worst = 0.0
    at = 0
    for rank, i in enumerate(order):
        p, gone[i] = p_values[i], True
        free -= attainable[i] is None
        total, spends[i] = total - spends[i], 0.0
        while at < len(steps) and steps[at][0] <= p:
            _, j, height = steps[at]
            at += 1
            if not gone[j]:
                spends[j] += height
                total += height
        # Above every level that is judged at, the plain rule is near enough.
        rare = p <= UTMOST
        others = p * free + max(0.0, total) if rare else p * (n - rank - 1)
        worst = max(worst, min(1.0, p + others))
        adjusted[i] = worst
    return adjusted
