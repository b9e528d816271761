"""Counts of all rows that came, by stretch of time, kept in one file a day.

They are few and add up. A file is read, added to, and put in place whole: a process
that is killed forgets what it had not written yet, and counts nothing twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from checks.errors import Unmeasurable
from checks.traffic import Traffic
from monitor.landing.segment import write_durably
from monitor.logs import logger
from monitor.window import Window, parse_time, rfc3339

log = logger(__name__)

_FORMAT = 1


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """A stretch of time within one UTC day."""

    start: datetime
    length: timedelta

    @property
    def end(self) -> datetime:
        """Where it ends."""
        return self.start + self.length


Counted = Mapping[Stretch, Traffic]


@dataclass(frozen=True, slots=True)
class Counters:
    """The folder of the counts of a landing; one process at a time adds to it."""

    path: Path

    def add(self, day: date, counted: Counted) -> None:
        """Add to the counts of a day, durably; raises OSError, and nothing is added."""
        file = self.path / f"{day:%Y-%m-%d}.json"
        found = dict(self._there(file))
        for stretch, traffic in counted.items():
            found[stretch] = found.get(stretch, Traffic()).merge(traffic)
        self.path.mkdir(exist_ok=True)
        write_durably(file, _written(found))

    def within(self, window: Window | None) -> Traffic:
        """Return the counts of a window (None: all there are).

        Raises OSError, ValueError for a file that is none of ours, and Unmeasurable
        for a window that cuts a stretch.
        """
        total = Traffic()
        for file in self._files(window):
            for stretch, traffic in _read(file):
                if _inside(stretch, window):
                    total = total.merge(traffic)
        return total

    def _files(self, window: Window | None) -> list[Path]:
        files = sorted(self.path.glob("????-??-??.json"))
        if window is None:
            return files
        first, last = (f"{moment:%Y-%m-%d}" for moment in (window.start, window.end))
        return [file for file in files if first <= file.stem <= last]

    def _there(self, file: Path) -> Iterator[tuple[Stretch, Traffic]]:
        """Read what is added to; a file that cannot be read is put aside."""
        try:
            yield from list(_read(file))
        except FileNotFoundError:
            return
        except ValueError as error:
            log.warning("counts_damaged", path=str(file), cause=str(error))
            file.replace(file.with_suffix(".damaged"))


def _inside(stretch: Stretch, window: Window | None) -> bool:
    if window is None:
        return True
    if stretch.end <= window.start or stretch.start >= window.end:
        return False
    if stretch.start < window.start or stretch.end > window.end:
        cause = (
            f"the full traffic is counted by stretches of {stretch.length}, and the"
            " window cuts one"
        )
        raise Unmeasurable(cause)
    return True


def _written(counted: Counted) -> bytes:
    told = {
        f"{rfc3339(stretch.start)}/{stretch.length // timedelta(seconds=1)}": {
            name: traffic.count(name) for name in sorted(traffic.counts)
        }
        for stretch, traffic in sorted(counted.items(), key=lambda item: item[0])
    }
    return json.dumps({"format": _FORMAT, "counts": told}).encode()


def _read(file: Path) -> Iterator[tuple[Stretch, Traffic]]:
    """Walk over the counts of a file; raises OSError and ValueError."""
    try:
        told = json.loads(file.read_bytes())
        if told["format"] != _FORMAT:
            msg = f"{file} is of another format. Fix: update driftd"
            raise ValueError(msg)
        for written, counts in told["counts"].items():
            start, _, length = written.partition("/")
            stretch = Stretch(parse_time(start), timedelta(seconds=int(length)))
            named = {str(name): int(count) for name, count in counts.items()}
            yield stretch, Traffic.named(named)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        msg = f"{file} holds no counts ({error}). Fix: delete it"
        raise ValueError(msg) from error
