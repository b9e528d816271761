"""Kolmogorov-Smirnov distance."""

import math

import numpy as np
from scipy import special

from checks.column import ColumnProfile
from checks.compare import measurable
from checks.ecdf import distributions, numeric
from checks.registry import Facet, check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

BAND = 1.3580986393225505
"""The 95 % point of Kolmogorov's distribution: half the width of the band, scaled."""


@check(
    "kolmogorov_smirnov",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    most=1.0,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def kolmogorov_smirnov(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure the largest gap between two distribution functions, from 0 to 1.

    Known exactly at the edges of the reference's bins; between two edges the gap may
    be larger by at most `hidden`. The confidence band is that of the test itself and
    holds at all points at once.

    Blind to how far the mass has moved: a shift of 3 and one of 3,000 standard
    deviations both read 1 (use `wasserstein`). Weak in the tails.

    Source: Smirnov (1939); Stephens, "EDF statistics for goodness of fit", J. Am.
    Stat. Assoc. 69 (1974), for small samples; `scipy.stats.ks_2samp`.

    >>> from checks.example import column
    >>> round(kolmogorov_smirnov(column(range(100)), column(range(20, 120))).value, 3)
    0.2
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    both = distributions(reference, current)
    value = float(np.abs(both.difference).max())
    f = np.concatenate([[0.0], both.f, [1.0]])
    g = np.concatenate([[0.0], both.g, [1.0]])
    # Inside an open cell each function may jump at either end of it.
    inside = np.maximum(f[1::2] - g[:-1:2], g[1::2] - f[:-1:2])
    root = math.sqrt(1 / both.scale)
    p_value = float(special.kolmogorov((root + 0.12 + 0.11 / root) * value))
    band = BAND * math.sqrt(both.scale)
    hidden = max(0.0, float(inside.max()) - value)
    return Statistic(
        value=value,
        low=max(0.0, value - band),
        high=min(1.0, value + hidden + band),
        p_value=min(1.0, p_value),
        n_reference=reference.n,
        n_current=current.n,
        hidden=hidden,
    )
