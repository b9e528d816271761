"""How far one number of a distribution has moved, and which way."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from checks.bins import Floats
from checks.column import NumericProfile
from checks.statistic import Statistic

TINY = 2.0**-40
"""The least share of rows with weights that a quantile is looked for at."""
Direction = Literal["both", "up", "down"]
"""Which movement counts; the other way reads 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A movement with its sign, its interval, and the p-value of either direction."""

    before: float
    after: float
    below: float
    above: float
    p_up: float
    p_down: float
    hidden: float

    def statistic(
        self,
        reference: NumericProfile,
        current: NumericProfile,
        direction: Direction,
        unit: float,
    ) -> Statistic:
        """Return how far the movement goes in a direction, in a unit."""
        value = self.after - self.before
        low, high = value - self.below, value + self.above
        match direction:
            case "both":
                low, high = max(low, -high), max(high, -low)
                p, said = 2 * min(self.p_up, self.p_down), abs(value)
            case "up":
                p, said = self.p_up, value
            case "down":
                p, said, low, high = self.p_down, -value, -high, -low
        return Statistic(
            value=max(0.0, said) / unit,
            low=max(0.0, low) / unit,
            high=max(0.0, high) / unit,
            p_value=min(1.0, p) if said > 0.0 else 1.0,
            n_reference=reference.n,
            n_current=current.n,
            hidden=self.hidden / unit,
            at_reference=self.before,
            at_current=self.after,
            detail="upward" if value > 0 else "downward" if value < 0 else "",
        )


def variances(
    reference: NumericProfile, current: NumericProfile
) -> tuple[float, float]:
    """Estimate the variance of the values on either side.

    Atoms and the means of cells are known. Inside a cell the variance is between
    nothing and (b - mean)(mean - a) (Bhatia and Davis, American Mathematical Monthly
    107, 2000); the share of that which the reference's own standard deviation
    requires is taken for both sides.
    """
    known, most = _squares(reference)
    wanted = reference.bins.std**2 * reference.n - known
    share = min(1.0, max(0.0, wanted / most)) if most > 0 else 0.0
    now_known, now_most = _squares(current)
    return (
        (known + share * most) / reference.n,
        (now_known + share * now_most) / current.n,
    )


def _squares(profile: NumericProfile) -> tuple[float, float]:
    """Return the squares around the mean that are known, and the most that may hide."""
    bins, centre = profile.bins, profile.mean
    edges, counts = bins.edges, profile.counts
    known = float(counts[1::2] @ (edges - centre) ** 2)
    held = counts[2:-1:2] > 0
    inner = counts[2:-1:2][held]
    at = edges[0] + profile.sums[1:-1][held] * bins.step / inner
    at = np.clip(at, edges[:-1][held], edges[1:][held])
    known += float(inner @ (at - centre) ** 2)
    most = float(inner @ ((edges[1:][held] - at) * (at - edges[:-1][held])))
    for cell, edge, sign, end in (
        (0, edges[0], -1.0, profile.minimum),
        (-1, edges[-1], 1.0, profile.maximum),
    ):
        if counts[cell] and end is not None:
            far = _far(profile, cell, abs(end - float(edge)))
            offset = sign * (float(edge) - centre)
            known += far[1] + 2 * far[0] * offset + float(counts[cell]) * offset**2
    return known, most


def _far(profile: NumericProfile, cell: int, farthest: float) -> tuple[float, float]:
    """Return the sum of distances beyond an edge, and that of their squares.

    The farthest is known; the others are taken to fall off evenly.
    """
    total = float(profile.sums[cell]) * profile.bins.tail_step
    others = max(0.0, total - farthest)
    squares = farthest**2 + 2 * others**2 / float(profile.counts[cell])
    return total, min(squares, farthest * max(total, farthest))


def quantile(profile: NumericProfile, share: float) -> tuple[float, float, float]:
    """Return the smallest value that this share of rows does not exceed, bounded.

    Value, least and most: three times the same where the value is an edge.
    """
    total = np.cumsum(profile.counts)
    n = float(total[-1])
    # Of rows with weights there are parts, and the sum of all may be off by a bit.
    whole = profile.weight_effect == 1
    rank = min(max(math.ceil(n * share), 1.0) if whole else n * max(share, TINY), n)
    cell = int(np.searchsorted(total, rank))
    edges = profile.bins.edges
    if cell % 2:
        at = float(edges[cell // 2])
        return at, at, at
    ends: Floats = np.concatenate([[profile.minimum], edges, [profile.maximum]])
    least, most = float(ends[cell // 2]), float(ends[cell // 2 + 1])
    count = float(profile.counts[cell])
    part = (rank - float(total[cell]) + count - 0.5 * whole) / count
    return least + part * (most - least), least, most
