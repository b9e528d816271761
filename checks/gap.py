"""The squared gap between two distribution functions, weighed along the axis.

Cramér-von Mises, Anderson-Darling and the energy distance differ in that weight alone.
Between two edges of the bins the functions are known at both ends only, which bounds
the gap inside; what two samples of one distribution show is a weighted sum of
chi-square variables, whose weights are the eigenvalues of the Brownian bridge under
the same weight (Durbin, "Distribution Theory for Tests Based on the Sample
Distribution Function", 1973).
"""

import math
from dataclasses import dataclass

import numpy as np

from checks.bins import Floats
from checks.column import NumericProfile
from checks.distinct import different
from checks.ecdf import Distributions
from checks.interval import quadratic_distance, quadratic_tail
from checks.statistic import Statistic

POINTS = 64
"""Points of the axis at which the Brownian bridge is looked at."""

Powers = tuple[float, float, float]
"""Sums of the eigenvalues of a kernel, of their squares and of their cubes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gap:
    """The gap F - G along the 2K + 1 cells of the bins, atoms at the odd places.

    `left` and `right` are the gap at both ends of each cell, `least` and `most` its
    bounds inside. `f` and `g` are the shares of either side in the cell. `level` is
    the mean of both functions at the 2K boundaries, each side counting the same.
    """

    left: Floats
    right: Floats
    least: Floats
    most: Floats
    f: Floats
    g: Floats
    level: Floats

    @classmethod
    def of(cls, both: Distributions) -> "Gap":
        """Lay the gap of two distribution functions over the cells."""
        difference = np.concatenate([[0.0], both.difference, [0.0]])
        f = np.diff(both.f, prepend=0.0, append=1.0)
        g = np.diff(both.g, prepend=0.0, append=1.0)
        left = difference[:-1]
        return cls(
            left=left,
            right=difference[1:],
            least=left - g,
            most=left + f,
            f=f,
            g=g,
            level=(both.f + both.g) / 2,
        )

    @property
    def mass(self) -> Floats:
        """The mean share of both sides in each cell."""
        return np.asarray((self.f + self.g) / 2)

    @property
    def middle(self) -> Floats:
        """The gap half-way through each cell."""
        return np.asarray((self.left + self.right) / 2)

    @property
    def chord(self) -> Floats:
        """The mean square of the gap in each cell if it changes evenly."""
        left, right = self.left, self.right
        return np.asarray((left * left + left * right + right * right) / 3)

    @property
    def squares(self) -> tuple[Floats, Floats]:
        """The least and the largest square that the gap may have in each cell."""
        least, most = self.least**2, self.most**2
        crossing = (self.least < 0) & (self.most > 0)
        low = np.where(crossing, 0.0, np.minimum(least, most))
        return low, np.maximum(least, most)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Square:
    """A squared gap over the whole axis, with its bounds and its slopes.

    `by_f` and `by_g` are by how much a row in each cell changes the value, up to a
    constant; `variance` is what the cells' shares do not tell of. `tested` is the
    part whose distribution under the null `powers` describe.
    """

    value: float
    least: float
    most: float
    by_f: Floats
    by_g: Floats
    powers: Powers
    tested: float
    variance: float = 0.0


def rooted(
    reference: NumericProfile, current: NumericProfile, gap: Gap, square: Square
) -> Statistic:
    """Return the root of a squared gap as a statistic."""
    n, m = reference.n_effective, current.n_effective
    scale = 1 / n + 1 / m
    first, second, third = square.powers
    # A shift shows in the largest weights: these, not the mean one, set the scale.
    weight = third / second if second > 0 else 1.0
    low, high = quadratic_distance(
        square.value,
        degrees=first / weight,
        scale=scale * weight,
        variance=square.variance
        + _spread(gap.f, square.by_f) / n
        + _spread(gap.g, square.by_g) / m,
    )
    value = math.sqrt(square.value)
    below = max(0.0, value - math.sqrt(max(0.0, square.least)))
    above = max(0.0, math.sqrt(square.most) - value)
    return Statistic(
        value=value,
        low=max(0.0, math.sqrt(low) - below),
        high=math.sqrt(high) + above,
        p_value=min(1.0, quadratic_tail(square.tested / scale, square.powers)),
        n_reference=reference.n,
        n_current=current.n,
        hidden=max(below, above),
    )


def _spread(share: Floats, slope: Floats) -> float:
    mean = float(share @ slope)
    return max(0.0, float(share @ slope**2) - mean * mean)


def beyond(parts: Floats) -> Floats:
    """Return for each cell the sum over all later cells and half of its own."""
    return np.asarray(np.cumsum(parts[::-1])[::-1] - parts / 2)


def cuts(level: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Choose the boundaries that tell most: all, or some closer towards the ends."""
    if len(level) <= POINTS:
        return np.arange(len(level))
    steps = np.arange(1, POINTS // 2) * (2 * math.pi / POINTS)
    at = np.searchsorted(level, (1 - np.cos(steps)) / 2)
    return different(np.clip(np.concatenate([at - 1, at]), 0, len(level) - 1))


def bridge(weight: Floats, level: Floats) -> Powers:
    """Describe the weighted sum over boundaries of a squared Brownian bridge."""
    begin = cuts(level)
    begin[0] = 0
    total = np.add.reduceat(weight, begin)
    held = total > 0
    at = np.add.reduceat(weight * level, begin)[held] / total[held]
    root = np.sqrt(total[held])
    return powers(np.outer(root, root) * (np.minimum.outer(at, at) - np.outer(at, at)))


def powers(kernel: Floats) -> Powers:
    """Return the sums of a symmetric kernel's eigenvalues, their squares and cubes."""
    square = kernel @ kernel
    return (
        float(np.trace(kernel)),
        float(np.trace(square)),
        float((square * kernel).sum()),
    )
