"""Sums of floats without rounding, so that the order and the grouping leave no trace.

A float64 is a whole number of 53 bits times a power of two. The whole numbers are
added up for each power apart, in two halves that cannot overflow, and put together in
Python's unbounded integers: any split of the values, in any order, has the same sum.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FRACTION = 52
_POWERS = 0x7FF
_BIAS = 1023
_HALF = 26
_CHUNK = 1 << 25
"""Values added up at once: their halves, of 27 bits, stay below 2**53 together."""
_TIMES = 9
"""Bits of how often a value counts that are looked at together."""
_SOME = 1 << 17
"""Values added up at once that each count up to 2**9 times: 27 + 9 + 17 bits."""


def total(values: Floats, times: Ints | None = None) -> Fraction:
    """Return the exact sum of finite floats, of which each counts so many `times`.

    >>> total(np.array([1e100, 1.0, -1e100])) == 1
    True
    >>> total(np.array([1e100, 0.5, -1e100]), np.array([3, 7, 3])) == 3.5
    True
    """
    whole = Fraction(0)
    if times is None:
        for start in range(0, len(values), _CHUNK):
            whole += _chunk(values[start : start + _CHUNK])
        return whole
    for start in range(0, len(values), _SOME):
        some = values[start : start + _SOME]
        often = times[start : start + _SOME]
        for shift in range(0, int(often.max()).bit_length(), _TIMES):
            part = (often >> shift) & ((1 << _TIMES) - 1)
            whole += _chunk(some, part) * (1 << shift)
    return whole


def _chunk(values: Floats, times: Ints | None = None) -> Fraction:
    bits = np.ascontiguousarray(values).view(np.int64)
    power = (bits >> _FRACTION) & _POWERS
    # Numbers below 2**-1022 lack the leading one, and share the lowest power.
    mantissa = (bits & ((1 << _FRACTION) - 1)) | ((power > 0).astype(np.int64) << 52)
    np.maximum(power, 1, out=power)
    sign = np.where(bits < 0, -1.0, 1.0)
    if times is not None:
        sign *= times
    lowest = int(power.min())
    power -= lowest
    high = np.bincount(power, weights=(mantissa >> _HALF) * sign)
    low = np.bincount(power, weights=(mantissa & ((1 << _HALF) - 1)) * sign)
    number = 0
    for k in np.flatnonzero((high != 0) | (low != 0)).tolist():
        number += ((int(high[k]) << _HALF) + int(low[k])) << k
    scale = lowest - _BIAS - _FRACTION
    return Fraction(number << scale) if scale >= 0 else Fraction(number, 1 << -scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The exact sum of some values and of their squares."""

    total: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)

    @classmethod
    def of(cls, values: Floats, times: Ints | None = None) -> "Moments":
        """Add up finite values and their squares, each so many `times`."""
        return cls(total=total(values, times), squares=total(values * values, times))

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
