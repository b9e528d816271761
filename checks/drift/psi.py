"""Population stability index."""

import numpy as np

from checks.column import ColumnProfile
from checks.compare import GROUPS, grouped, homogeneity, measurable, smoothed
from checks.interval import quadratic_distance
from checks.registry import check
from checks.statistic import Statistic
from checks.verdict import Family


@check("psi", family=Family.DRIFT, threshold=0.2)
def psi(
    reference: ColumnProfile, current: ColumnProfile, *, groups: int = GROUPS
) -> Statistic:
    """Measure how much mass has moved between deciles of the reference, as the PSI.

    The symmetric Kullback-Leibler divergence, sum of (p - q) ln(p / q) over groups
    that the reference alone decides, with half a row added to each. Folklore reads
    0.1 as moderate and 0.2 as major; below some hundred rows a clean window exceeds
    that by chance, which `low` and the p-value take into account.

    Blind to movement inside a decile (use `kolmogorov_smirnov`) and to how far mass
    has moved (use `wasserstein`).

    Source: Lewis, "An Introduction to Credit Scoring" (1994); variance by the delta
    method, null distribution after Yurdakul, "Statistical properties of population
    stability index" (2018).

    >>> from checks.example import column
    >>> same, moved = column(range(100)), column(range(20, 120))
    >>> round(psi(same, same).value, 3), round(psi(same, moved).value, 3)
    (0.0, 0.783)
    """
    measurable(reference, current)
    counts = grouped(reference, current, groups)
    test = homogeneity(counts, reference, current)
    p, q = smoothed(counts[0]), smoothed(counts[1])
    ratio = np.log(p / q)
    value = float(((p - q) * ratio).sum())
    by_p, by_q = ratio + 1 - q / p, -ratio + 1 - p / q
    variance = (
        float((p * by_p**2).sum() - (p * by_p).sum() ** 2) / reference.n_effective
        + float((q * by_q**2).sum() - (q * by_q).sum() ** 2) / current.n_effective
    )
    low, high = quadratic_distance(
        value, degrees=max(1, len(p) - 1), scale=test.scale, variance=variance
    )
    return Statistic(
        value=value,
        low=low,
        high=high,
        p_value=test.p_value,
        n_reference=reference.n,
        n_current=current.n,
    )
