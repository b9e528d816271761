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

from scipy import special

from checks.bins import Floats


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
