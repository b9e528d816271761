"""Two-sample chi-square test."""

from checks.bins import Floats
from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Divergence, Shares, divergence, rooted
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family


@check("chi_square", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.2, most=2.0)
def chi_square(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
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
    (0.873, '5.5e-10')
    """
    shares = Shares.of(reference, current, groups)
    squared = divergence(reference, current, shares, _effect, curvature=1.0)
    return rooted(squared, most=2.0)


def _effect(p: Floats, q: Floats) -> Divergence:
    gap, both = p - q, p + q
    return Divergence(
        value=float((2 * gap**2 / both).sum()),
        by_p=2 * gap * (p + 3 * q) / both**2,
        by_q=-2 * gap * (3 * p + q) / both**2,
    )
