"""A segment's portion of a window: whether any check of it could ever fire."""

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks.ability import able
from checks.reference import Reference
from checks.suite import Entry
from monitor.wording import count

FARTHEST = 1 << 12
"""How many times the rows of a window are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A segment that no check can fire in, in a window of so many rows.

    `rows` of the window are its own, and `needed` the rows of a window that would do;
    None where none would, for the reason that `cause` tells.
    """

    segment: str
    rows: int
    cause: str
    needed: int | None


def too_small(
    entries: Iterable[Entry], reference: Reference, rows: int, level: float, least: int
) -> Iterator[Portion]:
    """Walk over the segments that are too small in a window of so many rows.

    `least` rows of a segment are needed on both sides.
    """
    inside: dict[str, list[Entry]] = {}
    for entry in entries:
        inside.setdefault(entry.segment or "", []).append(entry)
    for segment in reference.bins.segments:
        known = reference.segments.get(segment.name)
        held = known.profile.rows if known else 0
        share = held / max(1, reference.profile.rows)
        here = round(rows * share)
        needed: int | None = None
        if known is None or held < least:
            cause = f"{count(held, 'row')} in the reference, and {least} are needed"
        elif here < least:
            cause = f"some {count(here, 'row')} in a window, and {least} are needed"
            needed = math.ceil(least / share)
        else:
            made = inside.get(segment.name, [])
            if _can(made, known, here, level):
                continue
            cause = f"some {count(here, 'row')} in a window"
            needed = _enough(made, known, rows, share, level)
        yield Portion(segment=segment.name, rows=here, cause=cause, needed=needed)


def _can(entries: Sequence[Entry], known: Reference, rows: int, level: float) -> bool:
    """Tell whether any check could fire, or is not known to be unable."""
    unable = False
    for entry in entries:
        can = able(entry, known, rows, level)
        if can:
            return True
        unable |= can is False
    return not unable


def _enough(
    entries: Sequence[Entry], known: Reference, rows: int, share: float, level: float
) -> int | None:
    """Return how many rows of a window let a check fire in the segment."""

    def can(window: int) -> bool:
        return _can(entries, known, round(window * share), level)

    most = rows * FARTHEST
    if not can(most):
        return None
    return bisect.bisect_left(range(most), True, lo=rows, key=can)  # noqa: FBT003 - the first that can
