"""Least squares on several coordinates at once, and a curve as bent as it must be.

Stretches of a stream differ in their level, and what a level does to the rest of a
distribution is no straight line: a normal one that is moved by d changes by all powers
of d, each of which is seen where there are rows enough. So the powers are added one by
one for as long as the newest explains more than chance would, and the first that does
not is kept: further out than any stretch it may matter yet. Out there the powers
disagree most, and a prediction is worth as little as its leverage says.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from checks.bins import Floats

CHANCE = 0.01
"""What chance explains as well as this, so rarely, is believed in."""
FEWEST_POWERS = 2
MOST_POWERS = 6
PER_POWER = 8
"""Points that each power needs, and the constant too."""


@dataclass(frozen=True, slots=True)
class Regression:
    """A linear regression: its coefficients, and how far out a further row lies."""

    coefficients: Floats
    spread: Floats

    @classmethod
    def of(cls, design: Floats, points: Floats) -> "Regression":
        """Regress points on a design by least squares.

        >>> found = Regression.of(np.ones((4, 1)), np.array([[1.0], [3], [5], [7]]))
        >>> found.coefficients.tolist(), found.leverage(np.ones((1, 1))).tolist()
        ([[4.0]], [0.25])
        """
        spread = np.asarray(np.linalg.pinv(design.T @ design), np.float64)
        return cls(spread @ design.T @ points, spread)

    def turned(self, axes: Floats) -> "Regression":
        """Return the same regression in other coordinates of the points."""
        return Regression(self.coefficients @ axes, self.spread)

    def leverage(self, terms: Floats) -> Floats:
        """Return by which share of the residual variance each prediction is unsure."""
        return np.asarray(((terms @ self.spread) * terms).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Curve:
    """What a level explains of other coordinates, by so many of its powers."""

    powers: int
    regression: Regression

    @classmethod
    def of(cls, level: Floats, points: Floats) -> "Curve":
        """Regress points on as many powers of a level as explain something.

        >>> x = np.linspace(-2, 2, 60)
        >>> noise = np.cos(37 * np.arange(60.0) ** 2) / 100
        >>> Curve.of(x, (np.exp(x) + noise)[:, None]).powers
        6
        """
        powers = _powers(level, points)
        return cls(powers, Regression.of(_terms(level, powers), points))

    def left(self, level: Floats, points: Floats) -> Floats:
        """Return what the levels leave over of the points."""
        return points - _terms(level, self.powers) @ self.regression.coefficients

    def leverage(self, level: Floats) -> Floats:
        """Return by which share of the residual variance each prediction is unsure."""
        return self.regression.leverage(_terms(level, self.powers))


def _terms(level: Floats, powers: int) -> Floats:
    """Return the powers as Hermite's polynomials: for normal levels, uncorrelated."""
    found = [np.ones(len(level)), level]
    for k in range(1, powers):
        found.append((level * found[k] - k**0.5 * found[k - 1]) / (k + 1) ** 0.5)
    return np.stack(found, axis=1)


def _powers(level: Floats, points: Floats) -> int:
    """Return up to which power something is explained, and one more."""
    n = len(level)
    most = max(FEWEST_POWERS, min(MOST_POWERS, n // PER_POWER - 1))
    axes = np.linalg.qr(_terms(level, most))[0]
    straight = axes[:, :FEWEST_POWERS]
    before = points - straight @ (straight.T @ points)
    for power in range(FEWEST_POWERS, most):
        axis = axes[:, power, None]
        left = before - axis @ (axis.T @ before)
        if by_chance(before, left, 1, n - power - 1) >= CHANCE:
            return power
        before = left
    return most


def by_chance(before: Floats, left: Floats, terms: int, free: float) -> float:
    """Return how often chance explains as much as some terms do, by an F test.

    `before` is what there was without them and `left` what they leave over, with
    `free` degrees of freedom: Box's approximation of a sum of unequal squares.
    """
    after = left.T @ left
    total = float(np.trace(after))
    gain = float((before**2).sum()) - total
    if total <= 0.0:
        return float(gain <= 0.0)
    kinds = total**2 / float((after**2).sum())
    figure = gain / terms / (total / free)
    return float(special.fdtrc(kinds * terms, kinds * free, figure))
