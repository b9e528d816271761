"""How many checks of a window share its level, known before there is a window."""

from collections.abc import Iterable

from checks.column import LevelProfile, NumericProfile
from checks.correction import Correction
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Subject
from checks.suite import Entry

RARE = 3
"""Rows of the reference below which their share gives no p-value near a level."""


def level_of(alpha: float, family: float, correction: Correction) -> float:
    """Return the level at which one check alone is certain, among a family of them.

    >>> level_of(0.05, 10, Correction.HOLM)
    0.005
    """
    return alpha if correction is Correction.NONE else alpha / max(1, family)


def family_of(entries: Iterable[Entry], reference: Reference) -> int:
    """Count the checks of a plan that share the level of a window.

    Those that give a p-value, and can give one that comes near the level by chance:
    not a check of what the reference has next to none of.
    """
    known = {
        "volume": len(reference.block_rows) >= MIN_BLOCKS,
        "freshness": len(reference.quiet) >= MIN_BLOCKS,
        "schema_change": False,
    }
    return sum(
        known.get(entry.check.name, True) and _spends(entry, reference)
        for entry in entries
        if entry.check.peer is None
        and (
            entry.check.subject not in (Subject.COLUMN, Subject.VALUES)
            or reference.column(entry.column or "") is not None
        )
    )


def _spends(entry: Entry, reference: Reference) -> bool:
    """Tell whether chance alone can bring a check near its level (Tarone, 1990)."""
    column = reference.column(entry.column or "")
    if column is None or entry.check.subject is not Subject.COLUMN:
        return True
    match entry.check.name:
        case "constant":
            return False
        case "missing":
            return column.missing >= RARE
        case "out_of_range" if isinstance(column, NumericProfile):
            return int(column.counts[0] + column.counts[-1]) >= RARE
        case "unseen_category" if isinstance(column, LevelProfile):
            return column.others + int((column.counts == 1).sum()) >= RARE
    return True
