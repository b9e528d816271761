"""Sorted values, counted in the cells of their bins and summed on the bins' grids."""

from itertools import pairwise

import numpy as np

from checks.bins import GRID_BITS, TAIL_LIMIT, Floats, Ints, NumericBins
from checks.values import FLOAT_BITS

MOST = 1 << 62
"""What sums stay at once they reach it: one more addition cannot overflow."""
EXACT_ROWS = 1 << (FLOAT_BITS - GRID_BITS - 1)
"""Values on the inner grid that float64 is sure to add up exactly."""


def plus(mine: Ints, theirs: Ints) -> Ints:
    """Add sums that are not negative, up to the `MOST`.

    >>> plus(np.array([1, MOST - 1, MOST]), np.array([2, 7, MOST])).tolist() == [
    ...     3, MOST, MOST
    ... ]
    True
    """
    return np.minimum(mine, MOST - theirs) + theirs


def summed(parts: Ints, bounds: Ints) -> Ints:
    """Add up parts that are not negative between each two bounds, up to the `MOST`.

    >>> summed(np.array([3, 4, 5]), np.array([0, 2, 2, 3])).tolist()
    [7, 0, 5]
    """
    found = np.diff(_upto(parts)[bounds])  # right but for what wraps around
    if float(parts.sum(dtype=np.float64)) < MOST:
        return found
    for cell, (start, end) in enumerate(pairwise(bounds.tolist())):
        rough = float(parts[start:end].sum(dtype=np.float64))
        found[cell] = min(found[cell], MOST) if rough < 1.5 * MOST else MOST
    return found


def counted(ordered: Floats, bins: NumericBins) -> tuple[Ints, Ints, int]:
    """Count sorted finite values in the cells, and sum them on the grids."""
    edges = bins.edges
    k = len(edges)
    if k == 0:
        return np.array([len(ordered)]), np.zeros(1, np.int64), 0
    left = np.searchsorted(ordered, edges, "left")
    right = np.searchsorted(ordered, edges, "right")
    bounds = np.empty(2 * k + 2, np.int64)
    bounds[0], bounds[-1] = 0, len(ordered)
    bounds[1:-1:2], bounds[2:-1:2] = left, right
    sums = np.zeros(k + 1, np.int64)
    sums[1:-1] = _inner_sums(ordered, bins, right[:-1], left[1:])
    with np.errstate(over="ignore"):  # beyond every limit is beyond this one
        low = (edges[0] - ordered[: left[0]]) / bins.tail_step
        high = (ordered[right[-1] :] - edges[-1]) / bins.tail_step
    saturated = int(np.count_nonzero(low > TAIL_LIMIT))
    saturated += int(np.count_nonzero(high > TAIL_LIMIT))
    sums[0], sums[-1] = _far(low), _far(high)
    return np.diff(bounds), sums, saturated


def _far(steps: Floats) -> int:
    parts = np.rint(np.minimum(steps, TAIL_LIMIT)).astype(np.int64)
    return int(summed(parts, np.array([0, len(parts)]))[0])


def _inner_sums(ordered: Floats, bins: NumericBins, start: Ints, end: Ints) -> Ints:
    """Sum, on the inner grid, the sorted values of each open cell between two edges."""
    if not (end > start).any():
        return np.zeros(len(start), np.int64)
    first, last = int(start[0]), int(end[-1])
    # One zero more, so that a cell may begin where the values end.
    steps = np.zeros(last - first + 1)
    inner = steps[:-1]
    np.subtract(ordered[first:last], bins.edges[0], out=inner)
    np.divide(inner, bins.step, out=inner)
    np.rint(inner, out=inner)
    # float64 adds whole numbers exactly up to 2**53, and quicker than int64 does.
    exact = steps if len(steps) <= EXACT_ROWS else steps.astype(np.int64)
    cuts = np.stack([start, end], axis=1).ravel() - first
    found = np.add.reduceat(exact, cuts)[::2].astype(np.int64)
    return np.where(end > start, found, 0)


def counted_repeated(
    values: Floats, times: Ints, bins: NumericBins
) -> tuple[Ints, Ints, int]:
    """Count different values that are sorted, of which each stands so many times.

    What it returns is what `counted` does of all the rows.

    >>> bins = NumericBins.fit(np.array([1.0, 2.0, 5.0]))
    >>> values, times = np.array([0.0, 2.0, 3.0, 7.0]), np.array([1, 2, 3, 1])
    >>> found = counted_repeated(values, times, bins)
    >>> found[0].tolist(), found[2]
    ([1, 0, 0, 2, 3, 0, 1], 0)
    >>> told = zip(found, counted(np.repeat(values, times), bins), strict=True)
    >>> all(np.array_equal(a, b) for a, b in told)
    True
    """
    edges, k = bins.edges, len(bins.edges)
    if k == 0:
        return np.array([times.sum()]), np.zeros(1, np.int64), 0
    left = np.searchsorted(values, edges, "left")
    right = np.searchsorted(values, edges, "right")
    bounds = np.empty(2 * k + 2, np.int64)
    bounds[0], bounds[-1] = 0, len(values)
    bounds[1:-1:2], bounds[2:-1:2] = left, right
    steps = np.zeros(len(values))
    below, above = left[0], right[-1]
    steps[:below] = (edges[0] - values[:below]) / bins.tail_step
    steps[above:] = (values[above:] - edges[-1]) / bins.tail_step
    saturated = int(times[:below][steps[:below] > TAIL_LIMIT].sum())
    saturated += int(times[above:][steps[above:] > TAIL_LIMIT].sum())
    np.minimum(steps, TAIL_LIMIT, out=steps)
    steps[below:above] = (values[below:above] - edges[0]) / bins.step
    parts = np.rint(steps).astype(np.int64) * times
    return np.diff(_upto(times)[bounds]), summed(parts, bounds)[::2], saturated


def _upto(parts: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(parts)])
