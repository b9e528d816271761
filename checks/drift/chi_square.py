"""Two-sample chi-square test."""

import math

from checks.column import ColumnProfile
from checks.compare import grouped, homogeneity, measurable, shares
from checks.interval import quadratic_distance
from checks.registry import check
from checks.statistic import Statistic
from checks.verdict import Family


@check("chi_square", family=Family.DRIFT, threshold=0.2)
def chi_square(
    reference: ColumnProfile, current: ColumnProfile, *, groups: int = 10
) -> Statistic:
    """Measure the difference of two samples' counts as the effect size of their test.

    The p-value is that of Pearson's two-sample test of homogeneity, in which both
    sides are samples (treating the reference as exact raises false alarms several
    times over). The value is the effect size w, from 0 to 2: the root of the sum of
    (p - q)² over the mean of p and q, which unlike the test statistic depends neither
    on the rows nor on which side has more of them. 0.1 is small, 0.3 medium, 0.5
    large.

    Blind to the order of numeric values (use `wasserstein`).

    Source: Pearson (1900), `scipy.stats.chi2_contingency(correction=False)`; Cohen,
    "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 7.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> found = chi_square(a, levels({"x": 90, "y": 10}, like=a))
    >>> round(found.value, 3), f"{found.p_value:.2g}"
    (0.873, '6.7e-10')
    """
    measurable(reference, current)
    counts = grouped(reference, current, groups)
    test = homogeneity(counts, reference, current)
    p, q = shares(counts[0]), shares(counts[1])
    held = (p + q) > 0
    p, q = p[held], q[held]
    gap, both = p - q, p + q
    effect = float((2 * gap**2 / both).sum())
    by_p = 2 * gap * (p + 3 * q) / both**2
    by_q = -2 * gap * (3 * p + q) / both**2
    variance = (
        float((p * by_p**2).sum() - (p * by_p).sum() ** 2) / reference.n_effective
        + float((q * by_q**2).sum() - (q * by_q).sum() ** 2) / current.n_effective
    )
    low, high = quadratic_distance(
        effect, degrees=max(1, len(p) - 1), scale=test.scale, variance=variance
    )
    return Statistic(
        value=math.sqrt(effect),
        low=math.sqrt(low),
        high=min(2.0, math.sqrt(high)),
        p_value=test.p_value,
        n_reference=reference.n,
        n_current=current.n,
    )
