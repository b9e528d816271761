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
    for start in range(len(files)):
        total, largest = 0, 0
        for end in range(start, min(len(files), start + MOST_FILES)):
            if end > start and _broken(files[end - 1], files[end], breaks):
                break
            total += files[end].bytes
            largest = max(largest, files[end].bytes)
            if total > MOST_BYTES:
                break
            length = end - start + 1
            enough = length >= max(2, least) and 3 * largest <= 2 * total
            if enough and (-length, total) < (-len(best), size or total + 1):
                best, size = files[start : end + 1], total
    return best


def _broken(before: Sized, after: Sized, breaks: Collection[int]) -> bool:
    return any(before.file.first < b <= after.file.first for b in breaks)
