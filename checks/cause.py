"""Why served values differ from recomputed ones: laws that the differing pairs obey.

A law is proposed from the pairs themselves (the median ratio, the commonest default),
and then asked of every pair: `checks.laws` has those of numbers and times, and
`checks.wording` those of text. One that explains most of the pairs, and more than
chance would (`checks.proposal`), is a cause.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from checks.interval import wilson

NEARLY_ALL = 0.9
"""The share of the differing pairs that a law may explain of however few of them."""
MOST = 0.5
"""The share that it must surely explain where there are more."""
SURELY = 3.0
"""Standard errors that make it sure: laws are chosen for what they explain."""
MIN_PAIRS = 5
"""The pairs that it must explain."""
NEARLY_AS_MANY = 0.98
"""The share of what the best law explains at which a simpler one is preferred."""
MIN_DISTINCT = 3
"""The distinct values that it must hold for: every line goes through one point."""


class Nature(StrEnum):
    """What kind of mistake a law describes, the simpler ones first."""

    DEFAULT = "default"
    CLIPPED = "clipped"
    CONSTANT = "constant"
    PRECISION = "precision"
    ROUNDING = "rounding"
    SWAPPED = "swapped"
    STALE = "stale"
    SHIFTED = "shifted"
    FACTOR = "factor"
    TIME_SHIFT = "time_shift"
    WRAPPED = "wrapped"
    OFFSET = "offset"
    CYCLIC = "cyclic"
    AFFINE = "affine"
    TRANSFORM = "transform"
    INVERTED = "inverted"
    ONE_WAY = "one_way"
    CASE = "case"
    WHITE_SPACE = "white_space"
    CASE_AND_WHITE_SPACE = "case_and_white_space"
    AFFIX = "affix"
    SPELLING = "spelling"
    CUT = "cut"
    REMAP = "remap"
    MISSING = "missing"


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

    def told(self, circumstances: str = "") -> str:
        """Say the law, of how many rows it holds, and under what circumstances."""
        every = self.explained == self.differing
        part = "all" if every else f"{math.floor(100 * self.share)} % of"
        said = f"{self.law.sentence}, on {part} {self.differing:,} differing rows"
        return f"{said}, {circumstances}" if circumstances else said

    def __str__(self) -> str:
        return self.told()


def likely(explained: Mapping[Law, int], differing: int) -> Cause | None:
    """Return the simplest of the laws that surely explain most, or None.

    That a value is missing is said where no law tells what stands in its place.

    >>> law = Law(Nature.FACTOR, "served = recomputed x 10")
    >>> str(likely({law: 610}, 1_000))
    'served = recomputed x 10, on 61 % of 1,000 differing rows'
    >>> likely({law: 6}, 10)
    """
    told = {law: n for law, n in explained.items() if law.nature is not Nature.MISSING}
    enough = _enough(told, differing) or _enough(explained, differing)
    if not enough:
        return None
    law, count = min(
        enough, key=lambda item: (_ORDER[item[0].nature], -item[1], item[0].sentence)
    )
    return Cause(law=law, explained=count, differing=differing)


def _enough(explained: Mapping[Law, int], differing: int) -> list[tuple[Law, int]]:
    """Return the laws that surely explain most, and nearly as many as the best does."""
    best = max(explained.values(), default=0)
    least = max(MIN_PAIRS, NEARLY_AS_MANY * best)
    return [
        (law, count)
        for law, count in explained.items()
        if count >= least and _most(count, differing)
    ]


def _most(count: int, differing: int) -> bool:
    surely = wilson(count, differing, SURELY)[0] > MOST
    return surely or count >= NEARLY_ALL * differing
