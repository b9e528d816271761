"""Two-proportion z test."""

from checks.column import ColumnProfile, LevelProfile
from checks.compare import measurable
from checks.errors import Unmeasurable
from checks.interval import share_difference
from checks.registry import Facet, check
from checks.schema import Kind
from checks.shares import differs
from checks.statistic import Statistic
from checks.verdict import Family

LEVELS = 2
"""Categories a column may have in the reference."""


@check(
    "proportion_z",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.05,
    most=1.0,
    kinds=(Kind.CATEGORICAL, Kind.BOOLEAN),
)
def proportion_z(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure by how much the commoner of two categories has changed its share.

    For columns with two categories in the reference, such as a boolean: the absolute
    difference of the commoner one's share, five points by default. The p-value is
    that of the two-sided z test of two proportions, or, where fewer than five rows
    are expected on a side, of Fisher's exact test.

    Blind to which other value took the place (use `unseen_category`), and UNKNOWN
    where the reference has more than two categories (use `jensen_shannon`).

    Source: Pearson (1900): z² is `scipy.stats.chi2_contingency(correction=False)` on
    two by two counts; Newcombe, Statistics in Medicine 17 (1998), for the interval.

    >>> from checks.example import levels
    >>> a = levels({"yes": 60, "no": 40})
    >>> found = proportion_z(a, levels({"yes": 45, "no": 55}, like=a))
    >>> round(found.value, 3), round(found.p_value, 4)
    (0.15, 0.0337)
    """
    measurable(reference, current)
    if not isinstance(reference, LevelProfile) or not isinstance(current, LevelProfile):
        cause = "the column is not categorical"
        raise Unmeasurable(cause)
    if not 0 < len(reference.bins.levels) <= LEVELS:
        cause = f"the reference has {len(reference.bins.levels)} categories, not two"
        raise Unmeasurable(cause)
    first, second = float(reference.counts[0]), float(current.counts[0])
    p, q = first / reference.n, second / current.n
    a, c = first / reference.design_effect, second / current.design_effect
    n, m = reference.n_effective, current.n_effective
    below, above = share_difference(a, n, c, m)
    return Statistic(
        value=abs(q - p),
        low=max(0.0, below, -above),
        high=max(above, -below),
        p_value=differs(a, n, c, m),
        n_reference=reference.n,
        n_current=current.n,
        at_reference=p,
        at_current=q,
        detail=f"the share of {reference.bins.levels[0]!r}",
    )
