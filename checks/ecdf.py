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
        f=np.cumsum(reference.counts[:-1]) / reference.n,
        g=np.cumsum(current.counts[:-1]) / current.n,
        scale=1 / reference.n_effective + 1 / current.n_effective,
    )
