"""Energy distance, on the scale of the reference's standard deviation."""

from dataclasses import replace

import numpy as np

from checks.bins import Floats
from checks.column import ColumnProfile, NumericProfile
from checks.compare import measurable
from checks.ecdf import (
    Distributions,
    area_below,
    distributions,
    numeric,
    rounding,
    scale_of,
)
from checks.gap import Gap, Square, beyond, bridge, rooted
from checks.registry import Facet, check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

TINY = float(np.finfo(np.float64).tiny)


@check(
    "energy",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def energy(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure how much farther apart the two sides lie than each lies within itself.

    The root of twice the area of the squared gap between the two distribution
    functions, over the root of the reference's standard deviation, which makes it the
    same in any unit of the values. A shift of normal values by s standard deviations
    reads 0.75 s while s is small, so that the default threshold is a shift of 0.13. It
    lies between `cramer_von_mises`, to which distance is nothing, and `wasserstein`,
    in which one far value weighs by its full distance. As in that one, the p-value
    looks at values clipped to the reference's range.

    Blind to nothing in one column, but small gaps are squared: a few far values
    hardly count (use `wasserstein` or `out_of_range`).

    Source: Székely and Rizzo, "Energy statistics", J. Stat. Planning and Inference
    143 (2013); `scipy.stats.energy_distance` over the root of `numpy.std(reference)`.

    >>> from checks.example import column
    >>> found = energy(column(range(100)), column(range(20, 120)))
    >>> round(found.value, 3), found.p_value < 0.001
    (0.504, True)
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    std = scale_of(reference, current)
    both = distributions(reference, current)
    gap = Gap.of(both)
    width = _widths(reference, current)
    area = _areas(reference, current, both)
    far = (reference.counts + current.counts)[[0, -1]] / reference.design_effect
    square = _square(gap, 2 * width / std, area / width, np.maximum(far, 1.0))
    # The area of a square moves by at most twice what the grids do to the gap's.
    slack = 4 * (rounding(reference) + rounding(current)) / std
    square = replace(square, least=square.least - slack, most=square.most + slack)
    return rooted(reference, current, gap, square)


def _widths(reference: NumericProfile, current: NumericProfile) -> Floats:
    """Return how wide each open cell is; an end reaches to the farthest value."""
    edges = reference.bins.edges
    low = [p.minimum for p in (reference, current) if p.minimum is not None]
    high = [p.maximum for p in (reference, current) if p.maximum is not None]
    first, last = min(*low, float(edges[0])), max(*high, float(edges[-1]))
    # A width of nothing holds no values: any other serves as well.
    return np.maximum(np.diff(edges, prepend=first, append=last), TINY)


def _areas(
    reference: NumericProfile, current: NumericProfile, both: Distributions
) -> Floats:
    """Return the area between the functions in each open cell, with its sign."""
    width = np.diff(both.edges)
    inner = area_below(reference, both.f[1:-1:2], width)
    inner = inner - area_below(current, both.g[1:-1:2], width)
    step = reference.bins.tail_step
    tails = (reference.sums / reference.n - current.sums / current.n) * step
    # Above the last edge it is the shares above that are summed up.
    return np.concatenate([tails[:1], inner, -tails[-1:]])


def _square(gap: Gap, width: Floats, height: Floats, far: Floats) -> Square:
    """Add up the squared gap over the open cells, whose mean gap is `height`.

    `far` are the effective rows beyond either end.
    """
    least, most = gap.least[::2], gap.most[::2]
    height = np.clip(height, least, most)
    # With its bounds and its mean a gap's mean square is bounded on both sides.
    low = height**2
    high = (least + most) * height - least * most
    left, right = gap.left[::2], gap.right[::2]
    # A parabola through both ends that has the mean known.
    bump = height - (left + right) / 2
    inside = gap.chord[::2] + bump * (left + right) + 1.2 * bump**2
    # Beyond the edges shares are taken to fall off evenly, by half every so often.
    inside[[0, -1]] = high[[0, -1]] / 2
    inside = np.clip(inside, low, high)
    parts = np.zeros_like(gap.left)
    parts[::2] = 2 * height * width
    slope = beyond(parts)
    inner = width.copy()
    inner[[0, -1]] = 0.0
    weight = np.repeat(inner / 2, 2)[1:-1]
    return Square(
        value=float(width @ inside),
        least=float(width @ low),
        most=float(width @ high),
        by_f=slope,
        by_g=-slope,
        powers=bridge(weight, gap.level),
        tested=float(inner @ inside),
        # Of few far rows both the number and the reach are chance: 1 + 4 over them.
        variance=float((5 * (width * inside)[[0, -1]] ** 2 / far).sum()),
    )
