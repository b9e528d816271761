"""A law that is proposed for differing pairs, and whether chance would do as well."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from checks.bins import Ints
from checks.cause import MIN_DISTINCT, Explained, Law
from checks.classes import Bools
from checks.exact import Floats

DEALS = 4
"""How often the served values are dealt out anew."""
MIN_BEYOND = 0.4
"""The share that a law must explain of the pairs that chance leaves unexplained."""
_GOLDEN = 0.6180339887498949


class Chance(StrEnum):
    """What would look like the law without any: how its count is put to the test."""

    DEALT = "dealt"
    """The served values beside recomputed ones of other rows."""
    MIRRORED = "mirrored"
    """The two sides with their names swapped: for laws about the served value alone."""
    NONE = "none"
    """It cannot come about by chance, or says no more than what was counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A law, for which pairs it holds, and of how many distinct values it must."""

    law: Law
    holds: Callable[[Floats, Floats], Bools]
    chance: Chance = Chance.DEALT
    least: int = MIN_DISTINCT


Holds = Callable[[Floats, Floats], Bools]
"""Tells for which pairs (served, recomputed) a law holds."""


def turned(holds: Holds) -> Holds:
    """Return the same with the sides swapped."""
    return lambda served, recomputed: holds(recomputed, served)


def asked(
    proposals: Iterable[Proposal], served: Floats, recomputed: Floats
) -> Explained:
    """Count the pairs that each law explains, of those that do more than chance.

    The pairs differ, have both values, and stand in an order of their own.
    """
    explained: Explained = {}
    deals = [
        (dealt, dealt != recomputed)
        for dealt in (served[places] for places in dealings(len(served)))
    ]
    for one in proposals:
        holds = one.holds(served, recomputed)
        if len(np.unique(recomputed[holds])) < one.least:
            continue
        count = int(np.count_nonzero(holds))
        if one.chance is Chance.DEALT:
            likely = _share((one.holds(s, recomputed), there) for s, there in deals)
        elif one.chance is Chance.MIRRORED:
            likely = float(np.mean(one.holds(recomputed, served)))
        else:
            likely = 0.0
        if beyond(count / len(served), likely):
            explained[one.law] = max(count, explained.get(one.law, 0))
    return explained


def _share(deals: Iterable[tuple[Bools, Bools]]) -> float:
    found = [
        (int(np.count_nonzero(holds & there)), int(np.count_nonzero(there)))
        for holds, there in deals
    ]
    return chance_of(found)


def chance_of(found: Iterable[tuple[int, int]]) -> float:
    """Return how often a law held of pairs that were dealt and differ; 1 for none."""
    hits, pairs = (sum(column) for column in zip(*found, strict=True))
    return float(hits / pairs) if pairs else 1.0


def beyond(share: float, chance: float) -> bool:
    """Tell whether a law explains much of what chance would not (Cohen's kappa).

    Cohen, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20 (1960).

    >>> beyond(0.6, 0.0), beyond(0.6, 0.5)
    (True, False)
    """
    return chance < 1 and (share - chance) / (1 - chance) >= MIN_BEYOND


def dealings(size: int) -> list[Ints]:
    """Deal out places anew, several times, the same way for the same number.

    Multiples of a number that shares no divisor with the size visit every place once,
    and neighbours land far apart.
    """
    step = max(1, round(size * _GOLDEN))
    while np.gcd(step, max(size, 1)) > 1:
        step += 1
    places = np.arange(size, dtype=np.int64) * step % max(size, 1)
    return [(places + 1 + deal) % max(size, 1) for deal in range(DEALS)]
