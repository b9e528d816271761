"""Which files a path means: a file, a folder, a glob, and their hive partitions."""

import glob
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import unquote

from monitor.errors import SourceError
from monitor.window import Window

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

DATE_KEYS = ("date", "event_date", "dt", "ds", "day")
"""The partition keys that are taken for the date of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file, with the values that its folders (`date=2013-04-01`) give to its rows."""

    path: Path
    partitions: Mapping[str, str | None] = field(default_factory=dict)

    def may_hold(self, window: Window, keys: Iterable[str], slack: timedelta) -> bool:
        """Tell whether rows of the window can lie in it, judged by its date partition.

        `slack` allows for dates of another time zone and for rows that were late.
        """
        return may_hold(self.partitions, window, keys, slack)


def may_hold(
    partitions: Mapping[str, str | None],
    window: Window,
    keys: Iterable[str],
    slack: timedelta,
) -> bool:
    """Tell whether rows of a window can lie under such partitions, judged by a date."""
    for key in keys:
        day = _as_date(partitions.get(key))
        if day is not None:
            start = datetime.combine(day, time(), UTC)
            after = start - slack >= window.end
            before = start + timedelta(days=1) + slack <= window.start
            return not (after or before)
    return True


def listed(patterns: Iterable[str], base: Path, *suffixes: str) -> list[DataFile]:
    """Return the files that the patterns mean, each once, sorted by path.

    A folder means all files below it that end in one of the `suffixes`. Names that
    begin with `_` or `.` belong to whoever writes the data. Raises SourceError when
    nothing is there.
    """
    found: dict[Path, DataFile] = {}
    for pattern in patterns:
        for file in _matching(base / pattern, suffixes):
            found.setdefault(file.path, file)
    return [found[path] for path in sorted(found)]


def _matching(pattern: Path, suffixes: tuple[str, ...]) -> list[DataFile]:
    if "\0" in str(pattern):
        msg = f"{str(pattern)!r} is no path"
        raise SourceError(msg, permanent=True)
    if pattern.is_file():
        return [DataFile(path=pattern, partitions=partitions(pattern.parts[-3:-1]))]
    if pattern.is_dir():
        root = pattern
        paths = [p for p in pattern.rglob("*") if p.name.endswith(suffixes)]
        if not paths:
            ends = " or ".join(suffixes)
            msg = f"{pattern}: no file in this folder ends in {ends}"
            raise SourceError(msg, permanent=False)
    elif glob.has_magic(str(pattern)):
        root = _root(pattern)
        paths = [Path(p) for p in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207 - Path.glob reads no absolute pattern
        if not paths:
            msg = f"{pattern}: no file matches. Fix: correct the path, or wait for data"
            raise SourceError(msg, permanent=False)
    else:
        msg = (
            f"{pattern}: there is no such file. Fix: correct the path, or put it there"
        )
        raise SourceError(msg, permanent=True)
    return [
        DataFile(path=path, partitions=partitions(path.relative_to(root).parts[:-1]))
        for path in paths
        if not any(p[0] in "._" for p in path.relative_to(root).parts)
        and path.is_file()
    ]


def _root(pattern: Path) -> Path:
    """Return the part of a pattern before its first wildcard."""
    parts: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)


def partitions(folders: Iterable[str]) -> dict[str, str | None]:
    """Return what the names of folders say of the rows below them.

    >>> partitions(["log", "date=2013-04-01", "region=eu%2Fwest"])
    {'date': '2013-04-01', 'region': 'eu/west'}
    """
    split = (unquote(folder).partition("=") for folder in folders if "=" in folder)
    return {k: None if v == _NULL_PARTITION else v for k, _, v in split}


def _as_date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
