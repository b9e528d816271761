"""Sums of floats without rounding, so that the order and the grouping leave no trace.

A float64 is a whole number of 53 bits times a power of two. The whole numbers are added
up for each power apart, in two halves that cannot overflow, and put together in Python's
unbounded integers: the sum of any split of the values, in any order, is the same number.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MANTISSA = 53
_HALF = 26
_CHUNK = 1 << 25
"""Values added up at once: their halves, of 27 bits, stay below 2**53 together."""


def total(values: Floats) -> Fraction:
    """Return the exact sum of finite floats.

    >>> total(np.array([1e100, 1.0, -1e100])) == 1
    True
    """
    whole = Fraction(0)
    for start in range(0, len(values), _CHUNK):
        whole += _chunk(values[start : start + _CHUNK])
    return whole


def _chunk(values: Floats) -> Fraction:
    fraction, exponent = np.frexp(values)
    mantissa = np.ldexp(fraction, _MANTISSA).astype(np.int64)
    lowest = int(exponent.min())
    power = exponent - lowest
    high = np.bincount(power, weights=mantissa >> _HALF)
    low = np.bincount(power, weights=mantissa & ((1 << _HALF) - 1))
    number = 0
    for k in np.flatnonzero((high != 0) | (low != 0)).tolist():
        number += ((int(high[k]) << _HALF) + int(low[k])) << k
    scale = lowest - _MANTISSA
    return Fraction(number << scale) if scale >= 0 else Fraction(number, 1 << -scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The exact sum of some values and of their squares."""

    total: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)

    @classmethod
    def of(cls, values: Floats) -> "Moments":
        """Add up finite values and their squares."""
        return cls(total=total(values), squares=total(values * values))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of values together."""
        return Moments(
            total=self.total + other.total, squares=self.squares + other.squares
        )

    def mean(self, n: int) -> float:
        """Return the mean over `n` values."""
        return float(self.total / n)

    def variance_of_mean(self, n: int) -> float:
        """Return the squared standard error of the mean over `n` > 1 values."""
        centred = self.squares - self.total * self.total / n
        return max(0.0, float(centred / (n * (n - 1))))

    def to_json(self) -> list[int]:
        """Write both sums as whole numbers and powers of two."""
        return [*_parts(self.total), *_parts(self.squares)]

    @classmethod
    def from_json(cls, parts: list[int]) -> "Moments":
        """Read what `to_json` wrote."""
        first, first_power, second, second_power = parts
        return cls(
            total=Fraction(first, 1 << first_power),
            squares=Fraction(second, 1 << second_power),
        )


def _parts(number: Fraction) -> tuple[int, int]:
    """Split a sum of floats, whose denominator is always a power of two."""
    return number.numerator, number.denominator.bit_length() - 1
