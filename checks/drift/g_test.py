"""Two-sample likelihood-ratio test."""

import math
from functools import partial

from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Shares, divergence, jensen_shannon, rooted
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family

EIGHTH = 1 / 8
"""The Jensen-Shannon divergence, in nats, is this share of the squared effect size."""
MOST = math.sqrt(math.log(2) / EIGHTH)
"""The effect size of disjoint sides."""


@check("g_test", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.2, most=MOST)
def g_test(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
) -> Statistic:
    """Measure the difference of two samples' counts by the likelihood ratio G.

    The p-value is that of the two-sample G test of homogeneity, in which both sides
    are samples. The value is the effect size that G stands for when both sides have
    as many rows, on the scale of Cohen's w: 0.1 is small, 0.3 medium, 0.5 large, and
    2.355 is disjoint. The default threshold is that of `chi_square`, with which it
    agrees where differences are small; it weighs a category that vanished more.

    Blind to the order of numeric values (use `wasserstein`).

    Source: Wilks, Annals of Mathematical Statistics 9 (1938);
    `scipy.stats.chi2_contingency(correction=False, lambda_="log-likelihood")`.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> found = g_test(a, levels({"x": 90, "y": 10}, like=a))
    >>> round(found.value, 3), f"{found.p_value:.2g}"
    (0.902, '5.5e-10')
    """
    shares = Shares.of(reference, current, groups, likelihood=True)
    squared = divergence(
        reference,
        current,
        shares,
        partial(jensen_shannon, nats=EIGHTH),
        curvature=1.0,
    )
    return rooted(squared, most=math.sqrt(math.log(2) / EIGHTH))
