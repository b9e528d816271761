"""Which files a path means: a file, a folder, a glob, and their hive partitions."""

import errno
import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import unquote

from monitor.errors import SourceError
from monitor.window import Window

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What is said of what is no folder: a file, one that went away, a link to itself."""

DATE_KEYS = ("date", "event_date", "dt", "ds", "day")
"""The partition keys that are taken for the date of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file, with the values that its folders (`date=2013-04-01`) give to its rows."""

    path: Path
    partitions: Mapping[str, str | None] = field(default_factory=dict)


def may_hold(
    partitions: Mapping[str, str | None],
    window: Window,
    keys: Iterable[str],
    slack: timedelta,
) -> bool:
    """Tell whether rows of a window can lie under such partitions, judged by a date.

    `slack` allows for dates of another time zone and for rows that were late.
    """
    for key in keys:
        day = _as_date(partitions.get(key))
        if day is not None:
            start = datetime.combine(day, time(), UTC)
            after = start - slack >= window.end
            before = start + timedelta(days=1) + slack <= window.start
            return not (after or before)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The window whose files are asked for, and what tells that others are not."""

    window: Window
    keys: Sequence[str]
    slack: timedelta

    def may_hold(self, partitions: Mapping[str, str | None]) -> bool:
        """Tell whether rows of the window can lie in files of such partitions."""
        return may_hold(partitions, self.window, self.keys, self.slack)

    def may_lie_below(self, folders: Sequence[str], rest: Sequence[str]) -> bool:
        """Tell whether they can lie below some folders, by a pattern's further parts.

        A date that is told farther down may count for more than one that is told here.
        """
        return any(map(self._may_date, rest[:-1])) or self.may_hold(partitions(folders))

    def _may_date(self, part: str) -> bool:
        key, _, _ = part.partition("=")
        return key in self.keys or glob.has_magic(key)


def listed(
    patterns: Iterable[str], base: Path, *suffixes: str, near: Near | None = None
) -> list[DataFile]:
    """Return the files that the patterns mean, each once, sorted by path.

    A folder means all files below it that end in one of the `suffixes`. Names that
    begin with `_` or `.` belong to whoever writes the data. With `near`, only files
    that can hold rows of its window. Raises SourceError when nothing is there.
    """
    found: dict[str, DataFile] = {}
    for pattern in patterns:
        with _looking():
            for file in _matching(base / pattern, suffixes, near):
                if near is None or near.may_hold(file.partitions):
                    # However its path is written, a file's rows count once.
                    found.setdefault(os.path.abspath(file.path), file)
    return sorted(found.values(), key=lambda file: file.path.parts)


@contextmanager
def _looking() -> Iterator[None]:
    """Turn what can go wrong with a folder into a SourceError that names it."""
    try:
        yield
    except PermissionError as error:
        msg = f"{error.filename}: driftd may not look into it. Fix: allow it to"
        raise SourceError(msg, permanent=True) from error
    except OSError as error:
        msg = f"{error.filename}: it cannot be looked into ({error.strerror})"
        raise SourceError(msg, permanent=False) from error


def _matching(
    pattern: Path, suffixes: tuple[str, ...], near: Near | None
) -> list[DataFile]:
    if "\0" in str(pattern):
        msg = f"{str(pattern)!r} is no path"
        raise SourceError(msg, permanent=True)
    if pattern.is_file():
        return [DataFile(path=pattern, partitions=partitions(pattern.parts[-3:-1]))]
    if pattern.is_dir():
        root = pattern
        paths = [path for path in _walked(pattern) if path.endswith(suffixes)]
        if not paths:
            ends = " or ".join(suffixes)
            msg = f"{pattern}: no file in this folder ends in {ends}"
            raise SourceError(msg, permanent=False)
    elif glob.has_magic(str(pattern)):
        root = _root(pattern)
        paths = _expanded(root, pattern.parts[len(root.parts) :], near)
        # That nothing is there is told apart from that nothing is near.
        if not paths and (near is None or not _expanded_all(pattern)):
            msg = f"{pattern}: no file matches. Fix: correct the path, or wait for data"
            raise SourceError(msg, permanent=False)
    else:
        msg = (
            f"{pattern}: there is no such file. Fix: correct the path, or put it there"
        )
        raise SourceError(msg, permanent=True)
    return list(_below(root, paths))


def _walked(folder: Path) -> Iterator[str]:
    """Walk over the files below a folder; raises OSError where one may not be read."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # it was there a moment ago
            raise error

    for inner, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name[0] not in "._"]
        yield from (os.path.join(inner, name) for name in names)


def _refuse_closed(root: Path, parts: Sequence[str]) -> None:
    """Raise PermissionError for a folder of a glob that may not be looked into.

    A glob passes over it and says nothing, and its rows would be missed by nobody.
    """
    for count in range(len(parts)):
        for folder in _expanded_all(root.joinpath(*parts[:count])):
            below = folder.removeprefix(str(root)).split(os.sep)
            if os.path.isdir(folder) and not any(p[:1] in {"_", "."} for p in below):
                os.scandir(folder).close()


def _expanded_all(pattern: Path) -> list[str]:
    return glob.glob(str(pattern), recursive=True)


def _expanded(root: Path, parts: Sequence[str], near: Near | None) -> list[str]:
    """Return the paths that the parts of a glob mean, below a folder.

    Folders of other dates than those that are near are not looked into: a source may
    have years of them.
    """
    if near is None or "**" in parts:
        _refuse_closed(root, parts)
        return _expanded_all(root.joinpath(*parts))
    found = [""]
    for place, part in enumerate(parts[:-1], 1):
        rest = parts[place:]
        found = [
            folder
            for above in found
            for folder in _named(root, above, part)
            if near.may_lie_below(folder.split(os.sep), rest)
        ]
    names = [name for above in found for name in _named(root, above, parts[-1])]
    return names if root == Path() else [os.path.join(root, name) for name in names]


def _named(root: Path, above: str, part: str) -> list[str]:
    """Return what one part of a glob means in a folder, by its path below the root."""
    place = os.path.join(root, above)
    if any(one[:1] in {"_", "."} for one in above.split(os.sep)):
        return []  # whoever writes the data has it to himself
    if not glob.has_magic(part):
        found = [part] if os.path.lexists(os.path.join(place, part)) else []
    else:
        try:
            every = os.listdir(place)
        except OSError as error:
            if error.errno in _NO_FOLDER:
                return []
            raise
        hidden = part.startswith(".")
        found = [n for n in fnmatch.filter(every, part) if hidden or n[0] != "."]
    return [f"{above}{os.sep}{name}" if above else name for name in found]


def _below(root: Path, paths: Iterable[str]) -> Iterator[DataFile]:
    """Walk over the data files among paths below a folder.

    A source may have thousands of files, and is asked for them at each reading: they
    are told apart as texts.
    """
    above = "" if root == Path() else os.path.join(root, "")
    for path in paths:
        below = path.removeprefix(above).split(os.sep)
        hidden = any(part[:1] in {"_", "."} for part in below)
        if not hidden and os.path.isfile(path):
            yield DataFile(path=Path(path), partitions=partitions(below[:-1]))


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
    found: dict[str, str | None] = {}
    for folder in folders:
        if "=" in folder:
            named = unquote(folder) if "%" in folder else folder
            key, _, value = named.partition("=")
            found[key] = None if value == _NULL_PARTITION else value
    return found


def _as_date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
