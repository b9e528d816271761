"""Bins, fitted on the reference alone and frozen with it.

A numeric column gets up to `MAX_EDGES` edges, each a value of the reference: its
quantiles, with its minimum and maximum. Every edge is a cell of its own (an *atom*), so
that heavy values are counted exactly; between two edges lies an open cell, and beyond
the first and the last an open end. With K edges there are 2K + 1 cells:

    (-inf, e0)  {e0}  (e0, e1)  {e1}  ...  {eK-1}  (eK-1, +inf)

A column with at most MAX_EDGES distinct values is held without any loss. A categorical
column gets one cell for each of its commonest levels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from checks.errors import Unmeasurable

MAX_EDGES = 512
"""Quantile edges of a numeric column: an open cell holds at most 1/512 of the rows."""
MAX_LEVELS = 1_000
"""Levels of a categorical column that get a cell; rarer ones are counted together."""
GRID_BITS = 32
"""Inner sums are kept on a grid of 2**32 steps over the range of the reference."""
TAIL_BITS = 20
"""Sums beyond the edges are kept on a coarser grid, which reaches 2**20 ranges far."""
TAIL_LIMIT = 1 << 40
"""Grid steps beyond which a value in a tail is counted as saturated."""
TINIEST = 1e-150
"""The least span of a reference; its inverse is the largest size of a value."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericBins:
    """The edges of a numeric or datetime column, sorted, unique and finite.

    `std` is the population standard deviation of the reference (ddof 0), by which
    distances are made comparable between columns.
    """

    edges: Floats
    std: float

    @cached_property
    def step(self) -> float:
        """The inner grid's step, a power of two: inner values are whole multiples."""
        if len(self.edges) == 0:
            return 1.0
        half = float(self.edges[-1] / 2 - self.edges[0] / 2)
        span = half or max(abs(float(self.edges[0])) / 2, 0.5)
        return float(2.0 ** (np.ceil(np.log2(span)) + 1 - GRID_BITS))

    @cached_property
    def width(self) -> Floats:
        """How far each edge is from the one before."""
        return np.asarray(np.diff(self.edges))

    @property
    def tail_step(self) -> float:
        """The step of the coarser grid beyond the edges, a power of two."""
        return self.step * float(1 << (GRID_BITS - TAIL_BITS))

    @classmethod
    def fit(cls, values: Floats) -> "NumericBins":
        """Fit edges on the finite values of the reference (any order).

        Raises Unmeasurable when their squares would leave the range of float64.
        """
        return cls.fit_sorted(np.sort(values))

    @classmethod
    def fit_sorted(cls, ordered: Floats, *, spent: bool = False) -> "NumericBins":
        """Fit edges on finite values that are sorted; raises Unmeasurable as `fit`.

        Values that are `spent` may be overwritten, which saves as much memory again.
        """
        if len(ordered) == 0:
            return cls(edges=np.empty(0), std=0.0)
        _squared(ordered)
        # -0.0 and 0.0 are one value; the sum makes the edge the positive one.
        edges = _edges(ordered) + 0.0
        # What `np.std` does, to the last bit.
        off = np.subtract(ordered, np.mean(ordered), out=ordered if spent else None)
        variance = np.mean(np.multiply(off, off, out=off))
        return cls(edges=edges, std=float(np.sqrt(variance)))

    @classmethod
    def fit_repeated(cls, values: Floats, times: Ints) -> "NumericBins":
        """Fit edges on different values that are sorted, each standing so many times.

        The bins are those of all the rows, to the byte; raises Unmeasurable as `fit`.

        >>> values, times = np.array([1.0, 2.0, 7.0]), np.array([3, 1, 2])
        >>> found = NumericBins.fit_repeated(values, times)
        >>> found.edges.tolist()
        [1.0, 2.0, 7.0]
        >>> found.std == NumericBins.fit(np.repeat(values, times)).std
        True
        """
        if len(values) == 0:
            return cls(edges=np.empty(0), std=0.0)
        _squared(values)
        edges = values
        if len(values) > MAX_EDGES:
            upto = np.cumsum(times)
            at = _ranks(int(upto[-1]), MAX_EDGES)
            edges = np.unique(values[np.searchsorted(upto, at, "right")])
        # Added up row by row, as above: only so are the last bits the same.
        off = values - np.mean(np.repeat(values, times))
        variance = np.mean(np.repeat(off * off, times))
        return cls(edges=edges + 0.0, std=float(np.sqrt(variance)))


def _squared(ordered: Floats) -> None:
    """Raise Unmeasurable where squares would leave the range of float64."""
    largest = max(-float(ordered[0]), float(ordered[-1]))
    span = float(ordered[-1]) / 2 - float(ordered[0]) / 2
    if largest > 1 / TINIEST or 0 < span < TINIEST:
        cause = f"values of {largest:.3g} are beyond what float64 can square"
        raise Unmeasurable(cause)


def _edges(ordered: Floats) -> Floats:
    """Return the distinct values, or quantiles where there are too many of them."""
    if len(np.unique(_spread(ordered, 4 * MAX_EDGES))) <= MAX_EDGES:
        # Only now is it worth looking at all of them.
        distinct = ordered[np.flatnonzero(np.diff(ordered, prepend=-np.inf))]
        if len(distinct) <= MAX_EDGES:
            return distinct
    return np.unique(_spread(ordered, MAX_EDGES))


def _spread(ordered: Floats, count: int) -> Floats:
    """Return so many of the sorted values, evenly spaced by rank."""
    return ordered[_ranks(len(ordered), count)]


def _ranks(rows: int, count: int) -> Ints:
    """Return so many places among sorted rows, evenly spaced."""
    return np.asarray(np.linspace(0, rows - 1, count).round().astype(np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelBins:
    """The levels of a categorical or boolean column, the commonest first.

    `complete` tells whether these are all the levels that the reference has: only
    then is a value outside them known to be unseen.
    """

    levels: tuple[str, ...]
    complete: bool

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Where each level's cell is."""
        return {level: i for i, level in enumerate(self.levels)}

    @classmethod
    def fit(cls, counts: Mapping[str, int]) -> "LevelBins":
        """Fit levels on how often each one stands in the reference.

        >>> LevelBins.fit({"b": 2, "a": 2, "c": 5}).levels
        ('c', 'a', 'b')
        """
        ranked = sorted(counts, key=lambda level: (-counts[level], level))
        return cls(
            levels=tuple(ranked[:MAX_LEVELS]), complete=len(ranked) <= MAX_LEVELS
        )


ColumnBins = NumericBins | LevelBins
