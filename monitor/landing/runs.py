"""Which files of a day are merged next: never one by much smaller ones.

A run of neighbours is merged where its largest file is at most two thirds of it. So a
row is written again only into a file of half as much again or more, which bounds how
often. And what remains of a day are full files, and between them such as outweigh all
smaller ones beside them: their number grows with the logarithm of their sizes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from monitor.landing.days import DayFile

MOST_BYTES = 128 << 20
"""The size of a merged file at most."""
MOST_FILES = 256
"""Files that are merged in one go at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A file of a day, and how many bytes it has."""

    file: DayFile
    bytes: int


def next_run(
    files: Sequence[Sized], least: int, breaks: Collection[int] = ()
) -> Sequence[Sized]:
    """Return the longest run that may be merged, of equal ones the smallest.

    `files` are those of a day, by number; no run is shorter than `least`, or goes past
    a break: the number of a segment that is not to stand in one file with those before.
    """
    best: Sequence[Sized] = ()
    size = 0
    ends = _ends(files, breaks)
    for start, end in enumerate(ends):
        total, largest = 0, 0
        for place in range(start, min(end, start + MOST_FILES)):
            total += files[place].bytes
            largest = max(largest, files[place].bytes)
            if total > MOST_BYTES:
                break
            length = place + 1 - start
            enough = length >= max(2, least) and 3 * largest <= 2 * total
            if enough and (-length, total) < (-len(best), size or total + 1):
                best, size = files[start : place + 1], total
    return best


def _ends(files: Sequence[Sized], breaks: Collection[int]) -> Sequence[int]:
    """Tell of each file how far a run from there may go."""
    ends = [len(files)] * len(files)
    for place in range(len(files) - 2, -1, -1):
        before, after = files[place].file.first, files[place + 1].file.first
        broken = any(before < number <= after for number in breaks)
        ends[place] = place + 1 if broken else ends[place + 1]
    return ends
