"""Small files of a day are merged into few, a day at a time, while readers read them.

A merged file is put in place whole. From then on its name tells readers to pass over
the files that stand in it; these are set aside under a name that nobody lists, and
deleted when whoever had found them before has read them. Each step may be the last one
of this process: the next look at the day goes on from what is there.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from monitor.landing.compaction import Shape
from monitor.landing.days import (
    ASIDE,
    KEYS,
    PARTIAL,
    DayFile,
    aside,
    beside,
    names_of,
    standing,
    uncovered,
)
from monitor.landing.merged import MisfitError, write_merged
from monitor.landing.runs import Sized, next_run
from monitor.landing.segment import sync_folder
from monitor.logs import logger

log = logger(__name__)

LEAST = 8
"""Files of a run at least, while rows of the day still come."""
QUIET = timedelta(hours=1)
"""How long none must have come for smaller runs to be worth it."""
GRACE = timedelta(hours=1)
"""How long a reader may take to open a file that it has found."""
LATER = timedelta(minutes=10)
"""When a day is looked at again that could not be merged."""
SPARE_BYTES = 256 << 20
"""Room on the disk that is left to rows that come."""
_LOOKS = 16
"""Days that are looked at in one turn at most."""


class Merging:
    """Which days of a landing are to be looked at, and what was set aside there."""

    def __init__(self, path: Path, shape: Shape) -> None:
        """Look at all days there are; the folder is at `path`."""
        self._path = path
        self._shape = shape
        self._due: dict[str, datetime | None] = dict.fromkeys(
            day.name for day in path.glob("date=*")
        )
        self._landed: set[str] = set()
        self._quiet: dict[str, datetime] = {}
        self._aside: dict[Path, datetime] = {}
        self._breaks: dict[Path, set[int]] = {}
        self._rests: datetime | None = None

    def landed(self, day: Path) -> None:
        """Take note that rows have landed in a day's folder."""
        self._landed.add(day.name)

    def turn(self, now: datetime, below: int, goes_on: Callable[[], bool]) -> int:
        """Merge some files of one day; return how many, 0 where there are none.

        Segments from `below` on may still be in the log. Raises OSError and pyarrow's
        errors, after which nothing is tried for a while.
        """
        for name in self._landed:
            self._due[name], self._quiet[name] = now, now + QUIET
        self._landed.clear()
        if self._rests is not None and now < self._rests:
            return 0
        self._rests = now + LATER
        merged = self._look(now, below, goes_on)
        self._rests = None  # nothing has failed
        return merged

    def _look(self, now: datetime, below: int, goes_on: Callable[[], bool]) -> int:
        """Look at the days that are due, from the newest, until some were merged."""
        due = [name for name, at in self._due.items() if at is None or at <= now]
        for name in sorted(due, reverse=True)[:_LOOKS]:
            day = self._path / name
            self._due[name] = now + QUIET  # where it fails, others come before it
            set_aside(day)
            expires = self._tidy(day, now, below)
            quiet = self._quiet.get(name, now)
            least = 2 if quiet <= now else LEAST
            if merged := self._merge(day, least, below, goes_on):
                self._due[name] = now
                return merged
            if not goes_on():
                self._due[name] = now + LATER
                break
            self._put_off(name, now, [at for at in (expires, quiet) if at])
        return 0

    def _put_off(self, name: str, now: datetime, moments: list[datetime]) -> None:
        """Look at a day again at the first of some moments to come, if ever."""
        coming = [at for at in moments if at > now]
        if coming:
            self._due[name] = min(coming)
        else:
            del self._due[name]
            self._quiet.pop(name, None)

    def _merge(
        self, day: Path, least: int, below: int, goes_on: Callable[[], bool]
    ) -> int:
        """Merge a run of a day's files; return how many, 0 where there is none."""
        while True:
            files = [_sized(file) for file in standing(day) if file.last < below]
            chosen = next_run(files, least, self._breaks.get(day, ()))
            if not chosen:
                return 0
            run, size = [one.file for one in chosen], sum(one.bytes for one in chosen)
            _need_room(day, size + SPARE_BYTES)
            try:
                merged = write_merged(run, self._shape, goes_on)
            except MisfitError as misfit:
                alone = misfit.file == run[0]
                number = misfit.file.last + 1 if alone else misfit.file.first
                self._breaks.setdefault(day, set()).add(number)
                log.info("kept_apart", cause=str(misfit))
                continue
            if merged is None:
                return 0
            _rename_aside(run)
            log.info("files_merged", file=str(merged), files=len(run), bytes=size)
            return len(run)

    def _tidy(self, day: Path, now: datetime, below: int) -> datetime | None:
        """Delete what nobody reads any more; return when the next of it is due."""
        coming: list[datetime] = []
        for path in [day / name for name in names_of(day)]:
            if beside(path, ASIDE):
                expires = self._aside.setdefault(path, now + GRACE)
                if expires > now:
                    coming.append(expires)
                    continue
                del self._aside[path]
                path.with_suffix(KEYS).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            elif _is_rest(path, below):
                path.unlink(missing_ok=True)
        return min(coming, default=None)


def set_aside(day: Path) -> None:
    """Set aside what stands in merged files, where that was not done before."""
    named = (DayFile.named(day / name) for name in names_of(day))
    files = [file for file in named if file is not None]
    kept = set(uncovered(files))
    covered = [file for file in files if file not in kept]
    if covered:
        sync_folder(day)  # whoever put the merged file in place may not have done so
        _rename_aside(covered)


def _rename_aside(files: Iterable[DayFile]) -> None:
    for file in files:
        file.path.replace(aside(file.path))


def _is_rest(path: Path, below: int) -> bool:
    """Tell whether it was left by a process that did not come to put a file in place.

    That is a file that is not whole, or keys whose file is not there.
    """
    if path.suffix == PARTIAL:
        return path.name.startswith(".")
    file = beside(path, KEYS)
    if file is None or file.last >= below:
        return False
    return not file.path.exists() and not aside(file.path).exists()


def _sized(file: DayFile) -> Sized:
    return Sized(file=file, bytes=file.path.stat().st_size)


def _need_room(day: Path, size: int) -> None:
    """Raise OSError where merging would take the room that rows may need."""
    if shutil.disk_usage(day).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
