"""What to do about row-level skew, by the cause that its sentence names."""

import re
from collections.abc import Mapping

from checks.cause import Nature

REMEDIES: Mapping[Nature, str] = {
    Nature.DEFAULT: "let one piece of code that training and serving share fill what "
    "is missing",
    Nature.MISSING: "find out why one side has no value: a join that fails, a feature "
    "that is not there yet, a category that is not known",
    Nature.CONSTANT: "look for a fallback that serving takes when the lookup fails",
    Nature.CLIPPED: "cut values to the same bounds in training and in serving",
    Nature.WRAPPED: "hold the number in a type that is wide enough on both sides",
    Nature.PRECISION: "hold the number in one type on both sides, or allow for it with "
    "a larger tolerance",
    Nature.ROUNDING: "round in one place for both sides, or allow for it with a larger "
    "absolute_tolerance",
    Nature.SWAPPED: "hand columns over by name, not by their place",
    Nature.SHIFTED: "join rows by their id, not by their place",
    Nature.STALE: "see how old values in the feature store or the cache may get, and "
    "whether the training table looks ahead",
    Nature.TIME_SHIFT: "read and write times in UTC, on both sides",
    Nature.FACTOR: "convert the unit in one place that training and serving share",
    Nature.TRANSFORM: "apply the transformation in one place that training and serving "
    "share",
    Nature.CASE: "clean text in one function that training and serving share",
    Nature.INVERTED: "compare the thresholds of both sides, and what serving falls "
    "back to when a lookup fails",
    Nature.REMAP: "keep one table of categories that training and serving share",
}
"""What to do, by the nature that stands for others which ask for the same."""
_SENTENCES = tuple(
    (re.compile(pattern), nature)
    for pattern, nature in (
        (r"where (recomputed|served) is null", Nature.DEFAULT),
        (r"is null where (recomputed|served) has a value", Nature.MISSING),
        (r"is cut to \d+ characters", Nature.CASE),
        (r"is cut to (at|between)", Nature.CLIPPED),
        (r"ran over as an", Nature.WRAPPED),
        (r"has been a float\d|last digits of a float", Nature.PRECISION),
        (r"(rounded|cut off|down|up) to |rounds halves", Nature.ROUNDING),
        (r"columns swapped", Nature.SWAPPED),
        (r"rows joined one off", Nature.SHIFTED),
        (r"stale by", Nature.STALE),
        (r"time zone|, modulo \d|(ahead of|behind) recomputed", Nature.TIME_SHIFT),
        (r"day and month swapped", Nature.TRANSFORM),
        (r"served = recomputed [×+-]|were read as", Nature.FACTOR),
        (r"served = ", Nature.TRANSFORM),
        (r"is always ", Nature.CONSTANT),
        (r"hardly ever the other way", Nature.INVERTED),
        (r"where recomputed is ", Nature.REMAP),
        (r"differ|the same |read as Latin|composed|escaped", Nature.CASE),
        (r" has '.*' (before|after) it", Nature.CASE),
    )
)


def remedy(said: str) -> str | None:
    """Say what to do about a cause; None where no cause is told.

    >>> remedy("served = recomputed × 1.609344 (miles → kilometres)")
    'convert the unit in one place that training and serving share'
    >>> remedy("values that differ from the recomputed ones: 2 % of the rows")
    """
    cause = said.partition(" of the rows, ")[2] or said
    found = (nature for pattern, nature in _SENTENCES if pattern.search(cause))
    nature = next(found, None)
    if nature is None or cause.startswith("values that differ"):
        return None
    return REMEDIES[nature]
