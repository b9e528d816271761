"""How much farther out stretches lie, now and then, than normal ones would.

Days of wind are calm, and a few are storms: their distances from the whole have heavier
tails than those of normal variables with the same variance, and one storm more would
look impossible. By how much heavier is measured on the stretches: the variance of their
squared distances, which an F distribution with fewer degrees of freedom explains, and
the skewness of their levels, which Pearson's third type does. Both are lowered by one
standard error, so that normal stretches are rarely taken for others.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from checks.bins import Floats

BEYOND = 9
"""Times the square of the farthest distance: three times as far as any was."""


@dataclass(frozen=True, slots=True)
class Tails:
    """The tails of squared distances that are made up of so many `kinds` of squares.

    `degrees` of freedom are those of the F distribution that explains how unequal the
    distances are; infinite where they are as unequal as normal variables make them.
    `skewness` is that of the coordinate where there is but one.
    """

    kinds: float
    degrees: float = math.inf
    skewness: float = 0.0

    @classmethod
    def of(cls, points: Floats, kinds: float) -> "Tails":
        """Measure the tails of points, rows of coordinates around zero.

        >>> import numpy as np
        >>> rng = np.random.default_rng(1)
        >>> Tails.of(rng.uniform(-1, 1, size=(60, 1)), 1.0)
        Tails(kinds=1.0, degrees=inf, skewness=0.0)
        >>> found = Tails.of(rng.exponential(size=(60, 1)) - 1, 1.0)
        >>> found.degrees < 10, found.skewness > 1
        (True, True)
        """
        squares = (points**2).sum(axis=1)
        mean = float(squares.mean())
        if mean <= 0.0:
            return cls(kinds)
        n = len(points)
        # By this factor more unequal than normal variables (1), as the F has it.
        unequal = float(squares.var(ddof=1)) / mean**2 * kinds / 2
        unequal /= 1 + math.sqrt((2 + 12 / kinds) / n)
        degrees = (4 * unequal + kinds - 2) / (unequal - 1) if unequal > 1 else math.inf
        skewness = 0.0
        if points.shape[1] == 1:
            third = float((points**3).mean()) / mean**1.5
            size = max(0.0, abs(third) - math.sqrt(6 / n))
            skewness = math.copysign(size, third) if size else 0.0
        return cls(kinds, degrees, skewness)

    def beyond(self, point: Floats, variance: float, degrees: float) -> float:
        """Return how rarely a further point lies as far out as this one.

        `variance` is that of all its coordinates together, with as many `degrees` of
        freedom for each kind.

        >>> import numpy as np
        >>> round(Tails(1.0).beyond(np.array([-2.0]), 1.0, 1e9), 4)
        0.0455
        >>> round(Tails(1.0, 5.0).beyond(np.array([-2.0]), 1.0, 1e9), 4)
        0.0493
        """
        figure = float(point @ point) / variance
        free = min(self.kinds * degrees, self.degrees)
        # An F distribution of few degrees has a mean above 1; the variance is measured.
        scale = free / (free - 2) if free == self.degrees else 1.0
        found = float(special.fdtrc(self.kinds, free, figure * scale))
        if len(point) == 1 and float(point[0]) * self.skewness > 0:
            found = max(found, 2 * leaning(math.sqrt(figure), abs(self.skewness)))
        return min(1.0, found)


def leaning(sigmas: float, skewness: float) -> float:
    """Return how likely so many standard deviations above a mean are, or more.

    Of Pearson's third type, a gamma distribution, with this positive skewness.

    >>> round(leaning(3.0, 2.0), 5), round(math.exp(-4.0), 5)  # an exponential one
    (0.01832, 0.01832)
    """
    root = 2 / skewness
    return float(special.gammaincc(root**2, max(root**2 + root * sigmas, 0.0)))


def box(covariance: Floats, degrees: float) -> tuple[float, float]:
    """Return a covariance's total, and of how many equal kinds it is the variance."""
    total = float(np.trace(covariance))
    # The squares of a covariance that is estimated are too large by its errors.
    squares = float((covariance**2).sum()) - total**2 / degrees
    squares *= degrees**2 / ((degrees - 1) * (degrees + 2))
    d = float(max(len(covariance), 1))
    return total, min(max(total**2 / squares, 1.0), d) if squares > 0.0 else d


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """How far stretches lie from their centre, whichever way; `farthest` any of them.

    Out where no stretch ever was a curve foretells nothing. But what lies three times
    as far as the farthest of them needs no foretelling.
    """

    total: float
    kinds: float
    degrees: float
    farthest: float

    @classmethod
    def of(cls, left: Floats, *, free: float, degrees: float) -> "Whole":
        """Measure the distances of stretches."""
        total, kinds = box(left.T @ left / free, max(degrees, 2.0))
        farthest = float((left**2).sum(axis=1).max())
        return cls(total=total, kinds=kinds, degrees=degrees, farthest=farthest)

    def beyond(self, point: Floats, variance: float, scale: float) -> float:
        """Return how rarely a point lies so far out; 1 unless it is beyond them all.

        `variance` is the least that its rows have, and `scale` what makes it more.
        """
        distance = float(point @ point)
        total = max(self.total, variance) * scale
        if distance <= BEYOND * max(self.farthest, total):
            return 1.0
        free = self.kinds * self.degrees
        return float(special.fdtrc(self.kinds, free, distance / total))
