"""Where time comes from: the machine's clock, or one that a replay or a test moves."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that tells the time and can wait."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock's time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait for real."""
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved, for replays and tests."""

    def __init__(self, start: datetime) -> None:
        """Start at an aware time."""
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time it was last moved to."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Move forward by that much at once."""
        self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> None:
        """Move by a stretch of time."""
        with self._lock:
            self._now += by

    def move_to(self, moment: datetime) -> None:
        """Move to a moment, never backwards (ValueError)."""
        with self._lock:
            if moment < self._now:
                msg = f"the clock stands at {self._now} and cannot go back to {moment}"
                raise ValueError(msg)
            self._now = moment.astimezone(UTC)
