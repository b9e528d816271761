"""How many rows came to a table, hour by hour: of all the traffic, sampled or not.

The counts are kept in one small file, written anew every few seconds: a daemon that is
killed forgets the last of them, and never a row.
"""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from monitor.landing.segment import write_durably
from monitor.logs import logger
from monitor.window import floor, rfc3339

log = logger(__name__)

HOURS = 24 * 100
"""Hours that are remembered."""
ACCEPTED, REJECTED, REPEATED = "accepted", "rejected", "repeated"
NOT_KEPT = "not_kept"
"""Accepted rows that sampling has left out."""

Counts = Mapping[str, Mapping[str, int]]
"""By the hour's beginning, how many rows by what became of them."""


class Tally:
    """Counts of one table; any thread may add to them."""

    def __init__(self, path: Path) -> None:
        """Take up the counts of a file, if there is one."""
        self._path = path
        self._lock = threading.Lock()
        self._hours = {hour: Counter(told) for hour, told in read(path).items()}
        self._changed = False

    def add(self, received: datetime, what: str, count: int) -> None:
        """Count rows by when they were received."""
        if count == 0:
            return
        hour = rfc3339(floor(received, timedelta(hours=1)))
        with self._lock:
            self._hours.setdefault(hour, Counter())[what] += count
            self._changed = True
            while len(self._hours) > HOURS:
                del self._hours[min(self._hours)]

    def totals(self) -> Counter[str]:
        """Return how many rows there were in all hours that are remembered."""
        with self._lock:
            return sum(self._hours.values(), Counter())

    def rejected(self) -> dict[str, int]:
        """Return how many rows were rejected, by what was wrong with them."""
        stem = f"{REJECTED}:"
        told = self.totals().items()
        return {w.removeprefix(stem): n for w, n in told if w.startswith(stem)}

    def write(self) -> None:
        """Write the counts down where they changed; a full disk is tried again."""
        with self._lock:
            if not self._changed:
                return
            told = {hour: dict(counts) for hour, counts in self._hours.items()}
            self._changed = False
        try:
            write_durably(self._path, json.dumps(told).encode())
        except OSError as error:
            self._changed = True
            log.warning("tally_not_written", path=str(self._path), cause=str(error))


def read(path: Path) -> Counts:
    """Return the counts of a table by hour; none where none were written."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return {str(h): {str(w): int(n) for w, n in c.items()} for h, c in told.items()}
    except (OSError, ValueError, AttributeError):
        return {}
