"""Chebyshev distance between shares."""

import numpy as np
from scipy import special

from checks.bins import MAX_LEVELS
from checks.column import ColumnProfile, LevelProfile
from checks.compare import GROUPS, grouped, homogeneity, measurable, shares, smoothed
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family

MISSES = 0.05
"""The interval holds for the largest of all gaps, at 95 %."""


@check("l_infinity", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.05, most=1.0)
def l_infinity(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
) -> Statistic:
    """Measure by how much the share of any one group has changed at most, from 0 to 1.

    The largest |p - q|, over the categories one by one, or over groups of cells that
    the reference decides where values are ordered. The default threshold, five rows
    in a hundred, is half a decile; its interval allows for the largest of many gaps
    being large by chance.

    Blind to many small changes at once (use `total_variation`) and to the order of
    numeric values (use `wasserstein`). What lies in categories not kept by name is
    bounded by `hidden`.

    Source: the `infinity_norm` of TensorFlow Data Validation's drift comparator;
    Dunn, J. Am. Stat. Assoc. 56 (1961), for the simultaneous interval.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> round(l_infinity(a, levels({"x": 90, "y": 10}, like=a)).value, 3)
    0.4
    """
    measurable(reference, current)
    counts = grouped(reference, current, groups, MAX_LEVELS)
    test = homogeneity(counts, reference, current)
    held = (counts[0] + counts[1]) > 0
    gap = np.abs(shares(counts[0]) - shares(counts[1]))
    most = 0.0
    if isinstance(reference, LevelProfile) and isinstance(current, LevelProfile):
        gap[-1], most = _rest(reference, current)
    gap = gap[held]
    both = (smoothed(counts[0]) + smoothed(counts[1]))[held] / 2
    spread = np.sqrt(both * (1 - both) * test.scale)
    spread *= -float(special.ndtri(MISSES / (2 * len(gap))))
    value = float(gap.max())
    hidden = max(0.0, most - value)
    return Statistic(
        value=value,
        low=max(0.0, float((gap - spread).max())),
        high=min(1.0, max(most, float((gap + spread).max()))),
        p_value=test.p_value,
        n_reference=reference.n,
        n_current=current.n,
        hidden=hidden,
    )


def _rest(reference: LevelProfile, current: LevelProfile) -> tuple[float, float]:
    """Bound the largest gap among the categories that have no cell of their own."""
    named = max(current.unseen.values(), default=0)
    nameless = current.others - sum(current.unseen.values())
    if reference.others:
        most = max(reference.others / reference.n, current.others / current.n)
        return 0.0, most
    return named / current.n, max(named, nameless) / current.n
