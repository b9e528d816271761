"""Two sorted samples laid over each other, looked at closely only where it matters.

The distribution functions of both are known at some cuts. Between two cuts neither can
leave the range from its value at the one to that at the other. Where the two ranges lie
apart the sign of the difference is certain, and sums tell the area; where no difference
in them could be the largest one, nothing need be looked at. Only the other cells are
walked value by value. What comes out is exact, whatever the cuts.
"""

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from checks.bins import Floats, Ints
from checks.classes import Bools

CELL = 2
"""Values of a sample between two cuts, in fourth roots of its size.

Few cells, and much of them is walked; many, and the cuts themselves cost more.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlay:
    """Two sorted samples of finite values, neither of them empty, and K cuts.

    `below` and `upto` count the values of each sample below a cut, and up to it. The
    smallest and the largest value of both are cuts: all values lie between two.
    """

    samples: tuple[Floats, Floats]
    cuts: Floats
    below: tuple[Ints, Ints]
    upto: tuple[Ints, Ints]

    @classmethod
    def of(cls, reference: Floats, current: Floats) -> Self:
        """Lay two sorted samples over each other."""
        samples = (reference, current)
        some = []
        for sample in samples:
            step = max(1, CELL * math.isqrt(math.isqrt(len(sample))))
            some += [sample[::step], sample[-1:]]
        cuts = np.unique(np.concatenate(some))
        return cls(
            samples=samples,
            cuts=cuts,
            below=_places(samples, cuts, "left"),
            upto=_places(samples, cuts, "right"),
        )

    @property
    def gap(self) -> float:
        """The largest difference of the two distribution functions, from 0 to 1.

        The statistic of `scipy.stats.ks_2samp`.
        """
        known = float(np.abs(self._difference(self.cuts)).max())
        (f, f_end), (g, g_end) = self._range(0), self._range(1)
        inside = self._inside(np.maximum(f_end - g, g_end - f) > known)
        return float(np.abs(self._difference(inside)).max(initial=known))

    @property
    def area(self) -> float:
        """The area between the two distribution functions, in units of the values.

        What `scipy.stats.wasserstein_distance` returns.
        """
        (f, f_end), (g, g_end) = self._range(0), self._range(1)
        certain = (f >= g_end) | (g >= f_end)
        n, m = (len(sample) for sample in self.samples)
        # In whole numbers: far out, where both shares are nearly one, each counts.
        apart = self.below[0][:-1] * m - self.below[1][:-1] * n
        lifted = self._lifted(0) * m - self._lifted(1) * n
        known = np.abs(apart * np.diff(self.cuts) + lifted)[certain] / n / m
        return math.fsum((float(known.sum()), self._walked(~certain)))

    def _difference(self, at: Floats) -> Floats:
        """Return the reference's share less the current one, up to some points."""
        f, g = _places(self.samples, at, "right")
        n, m = (len(sample) for sample in self.samples)
        return np.asarray((f * m - g * n) / (n * m))

    def _range(self, which: int) -> tuple[Floats, Floats]:
        """Return where a function begins and ends in each open cell between cuts."""
        n = len(self.samples[which])
        return self.upto[which][:-1] / n, self.below[which][1:] / n

    def _inside(self, chosen: Bools) -> Floats:
        """Return the values of both samples in some of the open cells, unsorted."""
        found = []
        for sample, below, upto in zip(
            self.samples, self.below, self.upto, strict=True
        ):
            start = upto[:-1][chosen]
            held = below[1:][chosen] - start
            first = np.repeat(start - (np.cumsum(held) - held), held)
            found.append(sample[first + np.arange(len(first))])
        return np.concatenate(found)

    def _lifted(self, which: int) -> Floats:
        """Return the area that a sample's values add to each cell, times its size.

        A value x in [a, b) lifts the count below it over b - x of the width.
        """
        sample, below = self.samples[which], self.below[which]
        held = np.diff(below)
        lifts = np.zeros(below[-1] + 1)
        # A distance is taken within its cell, where next to nothing is rounded off.
        np.subtract(np.repeat(self.cuts[1:], held), sample[: below[-1]], out=lifts[:-1])
        return np.where(held > 0, np.add.reduceat(lifts, below[:-1]), 0.0)

    def _walked(self, chosen: Bools) -> float:
        """Return the area between the functions in some cells, value by value."""
        points = np.concatenate([self.cuts[:-1][chosen], self._inside(chosen)])
        points.sort()
        cell = np.searchsorted(self.cuts, points, "right")
        ends = np.minimum(np.append(points[1:], np.inf), self.cuts[cell])
        return float(np.abs(self._difference(points)) @ (ends - points))


def _places(
    samples: tuple[Floats, Floats], at: Floats, side: Literal["left", "right"]
) -> tuple[Ints, Ints]:
    f, g = (np.searchsorted(sample, at, side) for sample in samples)
    return f, g
