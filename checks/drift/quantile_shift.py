"""Shift of a quantile, in standard deviations of the reference."""

import math

import numpy as np

from checks.column import ColumnProfile, NumericProfile
from checks.compare import measurable
from checks.ecdf import distributions, numeric, scale_of
from checks.interval import Z
from checks.option import Part
from checks.registry import Facet, check
from checks.schema import Kind
from checks.shares import exceeds
from checks.shift import Direction, Shift, quantile
from checks.statistic import Statistic
from checks.verdict import Family

MEDIAN = 0.5


@check(
    "quantile_shift",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def quantile_shift(
    reference: ColumnProfile,
    current: ColumnProfile,
    *,
    share: Part = MEDIAN,
    direction: Direction = "both",
) -> Statistic:
    """Measure how far a quantile has moved, in standard deviations of the reference.

    `share` says which one, the median by default: the smallest value that this share
    of rows does not exceed. `direction` says which movement counts: up, down, or
    both; the other way reads 0. The p-value is that of Mood's test: how differently
    both sides divide at the quantile of all rows together. The default threshold is
    that of `mean_shift`, which reads the same where the whole distribution moves.

    Blind to every change that leaves the quantile where it is (use `wasserstein`).
    Values that stand alone among ties make a quantile jump, or not move at all (use
    `mean_shift`).

    Source: `numpy.quantile(method="inverted_cdf")`; Mood, "Introduction to the Theory
    of Statistics" (1950), for the test; Zou and Donner, Statistics in Medicine 27
    (2008), for the interval of a difference.

    >>> from checks.example import column
    >>> a, b = column(range(100)), column(range(20, 120))
    >>> round(quantile_shift(a, b, share=0.25).value, 4)
    0.6929
    >>> quantile_shift(a, b, direction="down").value
    0.0
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    std = scale_of(reference, current)
    before, after = quantile(reference, share), quantile(current, share)
    was, now = _reach(reference, share), _reach(current, share)
    up, down = _divided(reference, current, share)
    shift = Shift(
        before=before[0],
        after=after[0],
        below=math.hypot(after[0] - now[0], was[1] - before[0]),
        above=math.hypot(now[1] - after[0], before[0] - was[0]),
        p_up=up,
        p_down=down,
        hidden=sum(max(at[0] - at[1], at[2] - at[0]) for at in (before, after)),
    )
    return shift.statistic(reference, current, direction, std)


def _reach(profile: NumericProfile, share: float) -> tuple[float, float]:
    """Return the values between which the true quantile lies at 95 %."""
    step = Z * math.sqrt(share * (1 - share) / profile.n_effective)
    return quantile(profile, share - step)[1], quantile(profile, share + step)[2]


def _divided(
    reference: NumericProfile, current: NumericProfile, share: float
) -> tuple[float, float]:
    """Return the p-values that the rows above, and those below, are not more now."""
    both = distributions(reference, current)
    n, m = reference.n_effective, current.n_effective
    pooled = (n * both.f + m * both.g) / (n + m)
    at = int(np.argmin(np.abs(pooled - share)))
    f, g = float(both.f[at]), float(both.g[at])
    up = exceeds((1 - f) * n, n, (1 - g) * m, m)
    return up, exceeds(f * n, n, g * m, m)
