"""Cramér-von Mises distance."""

from checks.column import ColumnProfile
from checks.compare import measurable
from checks.ecdf import distributions, numeric
from checks.gap import Gap, Square, beyond, bridge, rooted
from checks.registry import Facet, check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

MOST = 0.5**0.5
"""The value of two constants: half of all values lie where the whole gap is."""


@check(
    "cramer_von_mises",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.075,
    most=MOST,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def cramer_von_mises(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure the typical gap between two distribution functions, from 0 to 0.577.

    The root mean square of the gap over the values of both sides, each side counting
    the same; where values are tied it may reach 0.707. It gathers evidence along the
    whole axis, and finds a shift that is smaller than `kolmogorov_smirnov` can see. The
    default threshold is the typical gap where a shift of normal values makes that one's
    largest gap 0.1.

    Blind to how far the mass has moved (use `wasserstein`). Weak in the tails (use
    `anderson_darling`).

    Source: Anderson, Annals of Mathematical Statistics 33 (1962); the root of
    2 / n times the statistic of `scipy.stats.cramervonmises_2samp` where both sides
    have n rows.

    >>> from checks.example import column
    >>> found = cramer_von_mises(column(range(100)), column(range(20, 120)))
    >>> round(found.value, 3), found.p_value < 0.001
    (0.186, True)
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    gap = Gap.of(distributions(reference, current))
    return rooted(reference, current, gap, _square(gap))


def _square(gap: Gap) -> Square:
    mass = gap.mass
    inside = gap.chord
    least, most = gap.squares
    for bound in (inside, least, most):
        # An atom's rows see the gap on either side of it.
        bound[1::2] = (gap.left[1::2] ** 2 + gap.right[1::2] ** 2) / 2
    later = 2 * beyond(mass * gap.middle)
    own = gap.middle**2 / 2
    value = float(mass @ inside)
    return Square(
        value=value,
        least=float(mass @ least),
        most=float(mass @ most),
        by_f=later + own,
        by_g=own - later,
        powers=bridge((mass[1:] + mass[:-1]) / 2, gap.level),
        tested=value,
    )
