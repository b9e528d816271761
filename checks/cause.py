"""Why served values differ from recomputed ones: laws that the differing pairs obey.

A law is proposed from the pairs themselves (the median ratio, the commonest default),
and then asked of every pair: `checks.laws` has those of numbers and times, and
`checks.wording` those of text. Only one that explains nearly all of them is a cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MIN_SHARE = 0.9
"""The share of the differing pairs that a law must explain to be named."""
MIN_PAIRS = 5
"""The pairs that it must explain."""
NEARLY_AS_MANY = 0.98
"""The share of what the best law explains at which a simpler one is preferred."""
MIN_DISTINCT = 3
"""The distinct values that it must hold for: every line goes through one point."""


class Nature(StrEnum):
    """What kind of mistake a law describes, the simpler ones first."""

    DEFAULT = "default"
    MISSING = "missing"
    CONSTANT = "constant"
    PRECISION = "precision"
    ROUNDING = "rounding"
    FACTOR = "factor"
    TIME_SHIFT = "time_shift"
    OFFSET = "offset"
    AFFINE = "affine"
    INVERTED = "inverted"
    CASE = "case"
    WHITE_SPACE = "white_space"
    CASE_AND_WHITE_SPACE = "case_and_white_space"
    SPELLING = "spelling"
    CUT = "cut"
    REMAP = "remap"


_ORDER = {nature: position for position, nature in enumerate(Nature)}


@dataclass(frozen=True, slots=True, order=True)
class Law:
    """A nature, and the sentence that tells what exactly happened."""

    nature: Nature
    sentence: str


Explained = dict[Law, int]
"""How many of the differing pairs each law explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The likely cause of a mismatch: a law, and the pairs that it explains."""

    law: Law
    explained: int
    differing: int

    @property
    def share(self) -> float:
        """The share of the differing pairs that the law explains."""
        return self.explained / self.differing

    def __str__(self) -> str:
        return f"{self.law.sentence} (in {self.share:.0%} of {self.differing:,} rows)"


def likely(explained: Mapping[Law, int], differing: int) -> Cause | None:
    """Return the simplest of the laws that explain nearly all, or None.

    >>> law = Law(Nature.FACTOR, "served = recomputed x 10")
    >>> str(likely({law: 97}, 100))
    'served = recomputed x 10 (in 97% of 100 rows)'
    >>> likely({law: 89}, 100)
    """
    best = max(explained.values(), default=0)
    least = max(MIN_PAIRS, MIN_SHARE * differing, NEARLY_AS_MANY * best)
    enough = [(law, count) for law, count in explained.items() if count >= least]
    if not enough:
        return None
    law, count = min(
        enough, key=lambda item: (_ORDER[item[0].nature], -item[1], item[0].sentence)
    )
    return Cause(law=law, explained=count, differing=differing)
