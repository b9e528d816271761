"""How many rows came."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from checks.errors import Unmeasurable
from checks.interval import Z
from checks.profile import Profile
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Subject, check
from checks.statistic import Statistic
from checks.verdict import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How many rows the reference's stretches have: in factors of two, all of it.

    `spread` is the deviation of one further stretch from the `middle`.
    """

    middle: float
    spread: float
    stretches: int

    @classmethod
    def of(cls, reference: Reference) -> "Usual":
        """Raises Unmeasurable where the stretches are too few."""
        blocks = np.array(reference.block_rows, dtype=np.float64)
        n = len(blocks)
        if n < MIN_BLOCKS:
            cause = (
                "the reference has too few stretches of this length to know its volume"
            )
            raise Unmeasurable(cause)
        logs = np.log2(blocks)
        middle = float(np.median(logs))
        # A Poisson count varies at least this much; identical blocks do not prove zero.
        floor = 1 / (math.log(2) * math.sqrt(2.0**middle))
        spread = max(float(np.std(logs, ddof=1)), floor) * math.sqrt(1 + 1 / n)
        return cls(middle=middle, spread=spread, stretches=n)

    def chance(self, distance: float) -> float:
        """Return how often a stretch is so far from the usual, either way."""
        degrees = self.stretches - 1
        return min(1.0, 2 * float(special.stdtr(degrees, -distance / self.spread)))

    def farthest(self, level: float) -> float:
        """Return how far a stretch is from the usual, either way, that often."""
        return -float(special.stdtrit(self.stretches - 1, level / 2)) * self.spread


@check(
    "volume",
    family=Family.QUALITY,
    subject=Subject.TABLE,
    threshold=1.0,
    default=True,
    any_rows=True,
)
def volume(reference: Reference, current: Profile) -> Statistic:
    """Measure how unusual the number of rows is, in factors of two.

    The value is |log2(rows / median rows)| against the reference's own stretches of
    the same length: 1, the default threshold, is half or double, 0.585 is two thirds or
    1.5 times, 2 a quarter or 4 times. People are told the factor itself. The p-value is
    that of a new draw from those stretches' log counts (Student's t for a new
    observation), so a stream that breathes with the week is allowed to. An empty window
    is as far away as one row would be, and then some.

    Of a sampled stream it is the rows of the full traffic that the sample stands for,
    and what sampling makes unsure of them is added.

    Blind to which rows are missing (use the drift checks).

    Source: prediction interval of one further observation, e.g. Hahn and Meeker,
    "Statistical Intervals" (1991), section 4.7.

    >>> from checks.example import reference, window
    >>> usual = reference({"x": [0.0]}, block_rows=(100, 104, 98, 101, 99, 102))
    >>> found = volume(usual, window(usual, {"x": [0.0] * 20}))
    >>> round(found.value, 2), round(found.at_reference), found.p_value < 0.001
    (2.33, 100, True)
    """
    usual = Usual.of(reference)
    usual = replace(usual, spread=math.hypot(usual.spread, _sampling(current)))
    value = abs(math.log2(max(current.traffic, 0.5)) - usual.middle)
    return Statistic(
        value=value,
        low=max(0.0, value - Z * usual.spread),
        high=value + Z * usual.spread,
        p_value=usual.chance(value),
        n_reference=reference.profile.rows,
        n_current=current.rows,
        at_reference=2.0**usual.middle,
        at_current=float(current.traffic),
    )


def _sampling(current: Profile) -> float:
    """Return the standard error that sampling adds to the log count."""
    if current.weight is None or not current.weight.total:
        return 0.0
    error = math.sqrt(current.weight.variance) / current.weight.traffic
    return error / math.log(2)
