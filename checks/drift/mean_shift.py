"""Shift of the mean, in standard deviations of the reference."""

import math

from checks.column import ColumnProfile
from checks.compare import measurable
from checks.ecdf import numeric, rounding, scale_of
from checks.interval import Z, normal_tail
from checks.registry import Facet, check
from checks.schema import Kind
from checks.shift import Direction, Shift, variances
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "mean_shift",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def mean_shift(
    reference: ColumnProfile, current: ColumnProfile, *, direction: Direction = "both"
) -> Statistic:
    """Measure how far the mean has moved, in standard deviations of the reference.

    `direction` says which movement counts: up, down, or both; the other way reads 0.
    The p-value is that of a z test with the larger of two variances: each side's own,
    and the pooled one. The default threshold is that of `wasserstein`, which the
    mean's shift never exceeds.

    Blind to every change that leaves the mean where it is, such as a wider spread (use
    `wasserstein`); one far value moves it (use `quantile_shift`).

    Source: Welch, Biometrika 34 (1947); Cohen, "Statistical Power Analysis for the
    Behavioral Sciences" (1988), chapter 2, for the effect size (Glass's delta).

    >>> from checks.example import column
    >>> a, b = column(range(100)), column(range(20, 120))
    >>> round(mean_shift(a, b).value, 4), mean_shift(a, b, direction="down").value
    (0.6929, 0.0)
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    std = scale_of(reference, current)
    before, after = reference.mean, current.mean
    first, second = variances(reference, current)
    n, m = reference.n_effective, current.n_effective
    pooled = (first * n + second * m) / (n + m)
    error = math.sqrt(max(first / n + second / m, pooled * (1 / n + 1 / m)))
    z = (after - before) / error if error > 0 else 0.0
    shift = Shift(
        before=before,
        after=after,
        below=Z * error,
        above=Z * error,
        p_up=normal_tail(z),
        p_down=normal_tail(-z),
        hidden=rounding(reference) + rounding(current),
    )
    return shift.statistic(reference, current, direction, std)
