"""Wasserstein distance, in standard deviations of the reference."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, NumericProfile
from checks.compare import measurable
from checks.distinct import different
from checks.ecdf import (
    Distributions,
    area_below,
    distributions,
    numeric,
    rounding,
    scale_of,
)
from checks.interval import Z, area_tail, folded_bias
from checks.registry import Facet, check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

STRETCHES = 64
"""Stretches of the axis over which the null distribution is integrated."""


@check(
    "wasserstein",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
    default=True,
)
def wasserstein(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure how far the mass has moved, in standard deviations of the reference.

    The area between the two distribution functions (the first Wasserstein or earth
    mover's distance) over the reference's standard deviation. Cell sums are kept, so
    that the area is exact wherever the two functions do not cross inside a cell;
    `hidden` bounds the rest. The p-value is that of the area under the null, whose
    mean and variance follow from the Brownian bridge and whose tail is taken to be a
    shifted gamma distribution's; it looks at values clipped to the reference's range,
    so that one outlier, however far, is not evidence by itself.

    Blind to nothing in one column, but a movement of rare values may be too small to
    matter in the average (use `out_of_range` or `kolmogorov_smirnov`).

    Source: `scipy.stats.wasserstein_distance` over `numpy.std(reference)`; del Barrio,
    Giné and Matrán, Annals of Probability 27 (1999), for the null distribution.

    >>> from checks.example import column
    >>> found = wasserstein(column(range(100)), column(range(20, 120)))
    >>> round(found.value, 4), round(found.low, 2), round(found.hidden, 5)
    (0.6929, 0.42, 0.0)
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    std = scale_of(reference, current)
    both = distributions(reference, current)
    inner, hidden = _inner_area(reference, current, both)
    tails, tail_hidden = _tail_area(reference, current)
    chance = Chance.of(reference, current, both)
    value = inner + tails
    hidden += tail_hidden + rounding(reference) + rounding(current)
    return Statistic(
        value=value / std,
        low=max(0.0, value - hidden - chance.bias - Z * chance.spread) / std,
        high=(value + hidden + Z * chance.spread) / std,
        p_value=chance.p_value(inner),
        n_reference=reference.n,
        n_current=current.n,
        hidden=hidden / std,
        at_reference=reference.mean,
        at_current=current.mean,
    )


def _inner_area(
    reference: NumericProfile, current: NumericProfile, both: Distributions
) -> tuple[float, float]:
    """Return the area between the functions inside the edges, and what is hidden."""
    width = reference.bins.width
    if not len(width):
        return 0.0, 0.0
    f_left, f_right = both.f[1:-1:2], both.f[2::2]
    g_left, g_right = both.g[1:-1:2], both.g[2::2]
    f_area = area_below(reference, f_left, width)
    g_area = area_below(current, g_left, width)
    left, right = f_left - g_left, f_right - g_right
    signed = np.abs(f_area - g_area)
    crossing = left * right < 0
    span = np.abs(left) + np.abs(right)
    triangles = np.divide(
        left**2 + right**2, 2 * span, out=np.zeros_like(span), where=span > 0
    )
    area = np.where(crossing, np.maximum(triangles * width, signed), signed)
    from_left = np.abs(left) * width + f_area + g_area - (f_left + g_left) * width
    from_right = np.abs(right) * width + (f_right + g_right) * width - f_area - g_area
    most = np.maximum(np.minimum(from_left, from_right), area)
    # Where a cell is empty on both sides the functions are flat: nothing is hidden.
    empty = (f_left == f_right) & (g_left == g_right)
    slack = np.where(empty, 0.0, np.maximum(most - area, area - signed))
    return float(area.sum()), float(slack.sum())


def _tail_area(
    reference: NumericProfile, current: NumericProfile
) -> tuple[float, float]:
    """Return area and hidden slack of what lies beyond the edges."""
    area = hidden = 0.0
    for f, g in _tails(reference, current):
        area += abs(f - g)
        hidden += 2 * min(f, g)
    return area, hidden


def _tails(
    reference: NumericProfile, current: NumericProfile
) -> list[tuple[float, float]]:
    """Return how far, in the mean of all rows, values lie beyond either end."""
    step = reference.bins.tail_step
    return [
        (
            float(reference.sums[cell]) * step / reference.n,
            float(current.sums[cell]) * step / current.n,
        )
        for cell in (0, -1)
    ]


def _tail_variance(reference: NumericProfile, current: NumericProfile) -> float:
    """Return the variance of the area beyond the edges."""
    variance = 0.0
    for cell, parts in zip((0, -1), _tails(reference, current), strict=True):
        for part, profile in zip(parts, (reference, current), strict=True):
            count = float(profile.counts[cell]) / profile.design_effect
            if count:
                # Few far rows: the sum of k exponential distances varies by 2 / k.
                variance += 2 * part * part / count
    return variance


def _variance(
    both: Distributions, reference: NumericProfile, current: NumericProfile
) -> float:
    """Return the delta-method variance of the area inside the edges.

    Near a difference without crossings the area is the difference of the means of
    a function whose slope is the sign of the gap.
    """
    sign = np.sign(both.difference[1:-1:2] + both.difference[2::2])
    height = np.concatenate([[0.0], np.cumsum(sign * reference.bins.width)])
    middle = np.concatenate([height[:1], (height[1:] + height[:-1]) / 2, height[-1:]])
    squares = height**2, middle**2
    total = 0.0
    for profile in (reference, current):
        atoms, cells = profile.shares[1::2], profile.shares[::2]
        mean = float(atoms @ height + cells @ middle)
        square = float(atoms @ squares[0] + cells @ squares[1])
        total += max(0.0, square - mean * mean) / profile.n_effective
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What chance does to the area between two distribution functions.

    `spread` is the standard error of the area that is observed, `bias` what chance has
    lifted it by; `mean` and `variance` are those of the area inside the edges that two
    samples of one distribution show.
    """

    mean: float
    variance: float
    bias: float
    spread: float

    @classmethod
    def of(
        cls, reference: NumericProfile, current: NumericProfile, both: Distributions
    ) -> "Chance":
        """Describe the area under the null, and the bias it has at the gaps observed.

        At each point the gap of two samples is nearly normal with variance
        H(1-H)(1/n + 1/m); the covariance of two absolute normal variables is known in
        closed form (Nabeya, Annals of the Institute of Statistical Mathematics 3,
        1951).
        """
        cuts = _cuts(len(both.edges))
        width = reference.bins.width
        pooled = (both.f[1:-1:2] + both.f[2::2] + both.g[1:-1:2] + both.g[2::2]) / 4
        sd = np.sqrt(np.maximum(pooled * (1 - pooled), 0.0) * both.scale)
        gap = (both.difference[1:-1:2] + both.difference[2::2]) / 2
        mean = _added(sd * width, cuts)
        level = _added(pooled * width, cuts)
        level = level / np.maximum(np.diff(both.edges[cuts]), 1e-300)
        level = np.minimum(np.maximum(level, 1e-12), 1 - 1e-12)
        odds = np.sqrt(level / (1 - level))
        correlation = np.minimum.outer(odds, odds) / np.maximum.outer(odds, odds)
        shape = correlation * np.arcsin(correlation) + np.sqrt(1 - correlation**2) - 1
        variance = _variance(both, reference, current)
        variance += _tail_variance(reference, current)
        return cls(
            mean=float(mean.sum()) * math.sqrt(2 / math.pi),
            variance=float(mean @ shape @ mean) * 2 / math.pi,
            bias=float(folded_bias(gap, sd) @ width),
            spread=math.sqrt(variance),
        )

    def p_value(self, inner: float) -> float:
        """Return how often chance alone makes so large an area inside the edges."""
        return min(1.0, area_tail(inner, self.mean, self.variance))


@functools.cache
def _cuts(edges: int) -> Ints:
    """Return where some of so many edges are cut into stretches of the axis."""
    return different(np.linspace(0, edges - 1, STRETCHES + 1).astype(np.int64))


def _added(parts: Floats, cuts: Ints) -> Floats:
    """Add up parts between cuts; a single zero where there are none."""
    return np.add.reduceat(parts, cuts[:-1]) if len(parts) else np.zeros(1)
