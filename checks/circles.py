"""Laws of numbers that run in a circle: hours, weekdays, and integers that ran over."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from checks.cause import Law, Nature
from checks.classes import Bools
from checks.exact import Floats
from checks.proposal import Proposal, turned

CIRCLES = (
    (7, "weekdays that begin on another day"),
    (12, "months"),
    (24, "hours of the day in another time zone"),
    (60, "minutes"),
    (360, "degrees"),
)
"""What comes round again, and what it counts."""
BITS = (8, 16, 32)
"""The sizes of integers that run over."""


def cyclic(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain hours, weekdays and the like that are counted from another start."""
    both = np.concatenate([served, recomputed])
    first, last = float(both.min()), float(both.max())
    if first not in (0.0, 1.0):
        return
    size, name = next((c for c in CIRCLES if last <= c[0] - 1 + first), (0, ""))
    if not size:
        return
    shifts, counts = np.unique(np.mod(served - recomputed, size), return_counts=True)
    shift = float(shifts[int(np.argmax(counts))])
    shorter = shift if shift <= size / 2 else shift - size
    sign = "+" if shorter > 0 else "-"
    yield Proposal(
        law=Law(
            Nature.CYCLIC,
            f"served = recomputed {sign} {abs(shorter):g}, modulo {size} ({name})",
        ),
        holds=lambda s, r: np.asarray(np.mod(s - r, size) == shift),
    )


def wrapped(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain integers that did not fit into those of one of the sides."""
    del served, recomputed
    for bits in BITS:
        for lowest, kind in ((-(2.0 ** (bits - 1)), ""), (0.0, "unsigned ")):
            holds = partial(_wrapped, 2.0**bits, lowest)
            told = f"ran over as an {kind}integer of {bits} bits"
            for name, one in (("served", holds), ("recomputed", turned(holds))):
                yield Proposal(law=Law(Nature.WRAPPED, f"{name} {told}"), holds=one)


def _wrapped(size: float, lowest: float, short: Floats, whole: Floats) -> Bools:
    """Tell where one side is what is left of the other, which does not fit."""
    outside = (whole < lowest) | (whole >= lowest + size)
    return np.asarray(outside & (np.mod(whole - lowest, size) + lowest == short))
