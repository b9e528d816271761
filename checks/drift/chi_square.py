"""Two-sample chi-square test."""

import math

from checks.column import ColumnProfile
from checks.compare import grouped, homogeneity, measurable
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
    times over). The value is the effect size w: the square root of the test statistic
    times (1/n + 1/m), which unlike the statistic does not grow with the rows. 0.1 is
    small, 0.3 medium, 0.5 large.

    Blind to the order of numeric values (use `wasserstein`).

    Source: Pearson (1900), `scipy.stats.chi2_contingency(correction=False)`; Cohen,
    "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 7.

    >>> from checks.example import levels
    >>> a, b = levels({"x": 50, "y": 50}), levels({"x": 90, "y": 10}, like={"x", "y"})
    >>> found = chi_square(a, b)
    >>> round(found.value, 3), f"{found.p_value:.2g}"
    (0.873, '6.7e-10')
    """
    measurable(reference, current)
    counts = grouped(reference, current, groups)
    test = homogeneity(counts, reference, current)
    effect = test.statistic * test.scale
    low, high = quadratic_distance(
        effect, degrees=test.degrees, scale=test.scale, variance=0.0
    )
    return Statistic(
        value=math.sqrt(effect),
        low=math.sqrt(low),
        high=math.sqrt(high),
        p_value=test.p_value,
        n_reference=reference.n,
        n_current=current.n,
    )
