"""The landed files of one day: what they are called, and which of them hold its rows.

    00000012.parquet            the rows of segment 12
    00000001-00000009.parquet   those of the segments 1 to 9 that have any, merged
    _00000012.ids               what the rows of a file are known by
    _00000004.merged            what was merged, for whoever has found it before
    .00000012.partial           a file that is not whole yet

A file whose segments stand in a merged one is passed over: so rows stand once for
readers that know the rule from the moment at which the merged file has its name. Names
in front of which `_` or `.` stands, and that end otherwise than the files, are those
that no other reader takes for one: DuckDB and Polars pass over no `_x.parquet`.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ASIDE, KEYS, PARTIAL = ".merged", ".ids", ".partial"
"""How the names end of what was merged, of keys, and of what is not whole yet."""
_LANDED = re.compile(r"(\d{8,})(?:-(\d{8,}))?\.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFile:
    """A file of a day, and the numbers of the first and last segment in it."""

    path: Path
    first: int
    last: int

    @classmethod
    def named(cls, path: Path) -> "DayFile | None":
        """Read a name; None for that of another file.

        >>> DayFile.named(Path("date=2026-03-01/00000001-00000009.parquet")).last
        9
        """
        told = _LANDED.fullmatch(path.name)
        if told is None:
            return None
        first, last = told.group(1), told.group(2)
        return cls(path=path, first=int(first), last=int(last or first))

    @property
    def merged(self) -> bool:
        """Whether it was made of others."""
        return self.first < self.last


def merged_name(first: int, last: int) -> str:
    """Return the name of what is merged of some segments."""
    return f"{first:08d}-{last:08d}.parquet"


def keys_path(file: Path) -> Path:
    """Return where the keys of a landed file lie: a name that readers pass over."""
    return file.with_name(f"_{file.stem}{KEYS}")


def aside(file: Path) -> Path:
    """Return where a landed file lies once it is merged."""
    return file.with_name(f"_{file.stem}{ASIDE}")


def is_merged(number: int, files: Iterable[DayFile]) -> bool:
    """Tell whether what a segment has of a day stands in one of its merged files."""
    return any(file.merged and file.first <= number <= file.last for file in files)


def beside(path: Path, suffix: str) -> DayFile | None:
    """Return the file that another was kept for; None for what nobody here has made.

    >>> beside(Path("_00000012.ids"), KEYS).path.name
    '00000012.parquet'
    """
    if path.suffix != suffix or not path.name.startswith("_"):
        return None
    return DayFile.named(path.with_name(f"{path.stem[1:]}.parquet"))


def wherever(path: Path, act: Callable[[Path], T]) -> T:
    """Do something with a file; with a landed one also if it was merged meanwhile."""
    try:
        return act(path)
    except FileNotFoundError:
        if DayFile.named(path) is None:
            raise
        return act(aside(path))


def standing(day: Path) -> list[DayFile]:
    """Return the files that hold the rows of a day, each row once, by their numbers.

    A listing is no moment: it may miss a merged file that was put in place while it
    went on, and the parts as well, which were renamed since. So it is asked for until
    two are alike: the second begins after all that the first has missed was there.
    """
    found = names_of(day)
    while (again := names_of(day)) != found:
        found = again
    files = (DayFile.named(day / name) for name in found)
    return uncovered(file for file in files if file is not None)


def uncovered(files: Iterable[DayFile]) -> list[DayFile]:
    """Leave out the files that stand in a merged one, and sort the others."""
    kept: list[DayFile] = []
    for file in sorted(files, key=lambda f: (f.first, -f.last)):
        if not kept or file.last > kept[-1].last:
            kept.append(file)
    return kept


def names_of(day: Path) -> list[str]:
    """Return the sorted names in a folder; none where it is not there."""
    try:
        return sorted(os.listdir(day))  # noqa: PTH208 - paths of thousands cost more
    except (FileNotFoundError, NotADirectoryError):
        return []
