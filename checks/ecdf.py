"""Empirical distribution functions of two profiles, known exactly at every edge."""

from dataclasses import dataclass

import numpy as np

from checks.bins import Floats
from checks.column import ColumnProfile, NumericProfile
from checks.errors import Unmeasurable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distributions:
    """Shares of two profiles at or below the cell boundaries e0-, e0, e1-, e1, ...

    `f` and `g` (2K values each) belong to the reference and the current profile.
    """

    edges: Floats
    f: Floats
    g: Floats
    scale: float

    @property
    def difference(self) -> Floats:
        """The reference's share less the current one at each boundary."""
        return np.asarray(self.f - self.g)


def numeric(
    reference: ColumnProfile, current: ColumnProfile
) -> tuple[NumericProfile, NumericProfile]:
    """Return both profiles as numeric ones that hold values.

    Raises Unmeasurable, with the cause, when they do not.
    """
    if not isinstance(reference, NumericProfile) or not isinstance(
        current, NumericProfile
    ):
        cause = "the column is not numeric"
        raise Unmeasurable(cause)
    return reference, current


def distributions(reference: NumericProfile, current: NumericProfile) -> Distributions:
    """Lay the two empirical distribution functions over the same boundaries."""
    return Distributions(
        edges=reference.bins.edges,
        f=reference.below,
        g=current.below,
        scale=1 / reference.n_effective + 1 / current.n_effective,
    )


def scale_of(reference: NumericProfile, current: NumericProfile) -> float:
    """Return the standard deviation that distances are divided by.

    It is frozen with the reference: a unit, without an uncertainty of its own.
    Raises Unmeasurable when there is none, or when values lie too far away.
    """
    if reference.bins.std == 0.0:
        cause = "the reference is constant, so there is no scale to measure against"
        raise Unmeasurable(cause)
    if reference.saturated or current.saturated:
        cause = "values lie more than a million reference ranges away"
        raise Unmeasurable(cause)
    return reference.bins.std


def area_below(profile: NumericProfile, left: Floats, width: Floats) -> Floats:
    """Return the area below a profile's function in each cell between two edges.

    `left` is the function's height where each cell begins.
    """
    return np.asarray(left * width + profile.lifted)


def rounding(profile: NumericProfile) -> float:
    """Return by how much the grids of the sums may have moved the mean."""
    inside = int(profile.counts[2:-1:2].sum())
    beyond = int(profile.counts[0] + profile.counts[-1])
    steps = inside * profile.bins.step + beyond * profile.bins.tail_step
    return steps / 2 / profile.n
