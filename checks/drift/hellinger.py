"""Hellinger distance."""

import numpy as np

from checks.bins import Floats
from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Divergence, Shares, divergence, rooted
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family


@check("hellinger", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.1, most=1.0)
def hellinger(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
) -> Statistic:
    """Measure how little two distributions overlap, from 0 (same) to 1 (disjoint).

    The root of 1 - sum of √(p q), over groups of cells that the reference decides. It
    needs no smoothing. Two normal distributions are 0.1 apart, the default threshold,
    when one is shifted by 0.28 standard deviations.

    Blind to the order of numeric values: mass that moves to the next decile counts
    as much as mass that moves to the far end (use `wasserstein`).

    Source: Hellinger (1909); Le Cam and Yang, "Asymptotics in Statistics" (2000),
    chapter 3.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> round(hellinger(a, levels({"x": 90, "y": 10}, like=a)).value, 3)
    0.325
    """
    shares = Shares.of(reference, current, groups)
    squared = divergence(reference, current, shares, _squared, curvature=1 / 8)
    return rooted(squared, most=1.0)


def _squared(p: Floats, q: Floats) -> Divergence:
    root_p, root_q = np.sqrt(p), np.sqrt(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_p, by_q = -root_q / root_p / 2, -root_p / root_q / 2
    return Divergence(
        value=float(((root_p - root_q) ** 2).sum()) / 2, by_p=by_p, by_q=by_q
    )
