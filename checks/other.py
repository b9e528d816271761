"""What may have been served instead of a row's own value, and how often it was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from checks.bins import Ints
from checks.cause import Nature
from checks.classes import Bools, Values, arrow, floats
from checks.equality import Tolerance, instants, near
from checks.proposal import dealings
from checks.values import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """What may have been served instead of the value recomputed for the row itself.

    `values` are of the rows whose pairs were kept; any of several will do, the first
    best. `ages` tell how old they were, in microseconds.
    """

    nature: Nature
    name: str
    values: Sequence[Values]
    ages: Sequence[Ints] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """How often another value was served, and how often chance would have it so."""

    count: int = 0
    dealt: int = 0
    deals: int = 0
    ages: tuple[int, ...] = ()

    def merge(self, other: "Hits") -> "Hits":
        """Return the hits of both sets of rows together."""
        return Hits(
            count=self.count + other.count,
            dealt=self.dealt + other.dealt,
            deals=self.deals + other.deals,
            ages=tuple(sorted(self.ages + other.ages)),
        )


def hits(other: Other, ours: pa.Array, tolerance: Tolerance) -> Hits:
    """Count the differing rows on which another value was served."""
    size = len(ours)
    tests = [_equals(ours, arrow(values), tolerance) for values in other.values]
    hit = np.zeros(size, np.bool_)
    old: list[int] = []
    for place, equal in enumerate(tests):
        new = equal(slice(None)) & ~hit
        hit |= new
        if other.ages:
            old += other.ages[place][new].tolist()
    deals = [np.any([e(places) for e in tests], axis=0) for places in dealings(size)]
    return Hits(
        count=int(np.count_nonzero(hit)),
        dealt=sum(int(np.count_nonzero(deal)) for deal in deals),
        deals=len(deals) * size,
        ages=tuple(sorted(old)),
    )


def _equals(
    ours: pa.Array, values: pa.Array, tolerance: Tolerance
) -> Callable[[Ints | slice], Bools]:
    """Return what tells where served values, dealt to other places, are the others."""
    if pa.types.is_floating(ours.type):
        numbers, theirs = floats(ours), floats(values)
        return lambda places: near(numbers[places], theirs, tolerance, None)
    values = instants(values) if pa.types.is_timestamp(ours.type) else texts(values)
    codes = pa.chunked_array([ours, values.cast(ours.type)]).dictionary_encode()
    named = np.asarray(codes.combine_chunks().indices.fill_null(-1))
    mine, others = named[: len(ours)], named[len(ours) :]
    return lambda places: np.asarray((mine[places] == others) & (others >= 0))


def told(nature: Nature, name: str, ages: Sequence[int]) -> str:
    """Write what was served instead."""
    if nature is Nature.SHIFTED:
        return f"served is the value of the row {name} it (rows joined one off)"
    if nature is not Nature.STALE:
        return f"served is what {name!r} should be (columns swapped)"
    old = lasting(ages[len(ages) // 2]) if ages else "unknown time"
    return f"served is a value from before (stale by {old}, in the median)"


def lasting(micros: float) -> str:
    """Write a stretch of time in the largest unit that it fills.

    >>> [lasting(s * 1e6) for s in (0.5, 90, 5_400, 86_400)]
    ['0.5 s', '90 s', '90 min', '24 h']
    """
    for size, unit in ((48 * 3_600e6, "d"), (2 * 3_600e6, "h"), (120e6, "min")):
        if micros >= size:
            return f"{micros / _UNITS[unit]:.3g} {unit}"
    return f"{micros / 1e6:.3g} s"


_UNITS = {"d": 86_400e6, "h": 3_600e6, "min": 60e6}
