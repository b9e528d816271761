"""Windows of time: half-open, UTC, and which of them are due."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of time `[start, end)` in UTC.

    Raises ValueError for a naive time, another zone, or an end not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse anything but an aware, forward UTC stretch."""
        for moment in (self.start, self.end):
            if moment.utcoffset() != timedelta(0):
                msg = f"{moment.isoformat()} is not in UTC"
                raise ValueError(msg)
        if self.end <= self.start:
            msg = f"the window ends ({self.end}) before it starts ({self.start})"
            raise ValueError(msg)

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    @property
    def span(self) -> tuple[int, int]:
        """When it begins and ends, in microseconds since the Unix epoch."""
        micro = timedelta(microseconds=1)
        return (self.start - EPOCH) // micro, (self.end - EPOCH) // micro

    @property
    def centre(self) -> int:
        """The middle of the window, in microseconds since 1970."""
        return ((self.start - EPOCH) + self.length / 2) // timedelta(microseconds=1)

    def __str__(self) -> str:
        """Write both ends in RFC 3339, an ISO 8601 interval."""
        return f"{rfc3339(self.start)}/{rfc3339(self.end)}"


def rfc3339(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC with a Z.

    >>> rfc3339(datetime(2013, 4, 1, 6, 30, tzinfo=UTC))
    '2013-04-01T06:30:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time as UTC; a time without a zone is taken to be in UTC.

    >>> parse_time("2013-04-01").isoformat()
    '2013-04-01T00:00:00+00:00'

    Raises ValueError when the text is no time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        msg = f"{text!r} lies beyond the calendar in UTC"
        raise ValueError(msg) from error


def floor(moment: datetime, every: timedelta) -> datetime:
    """Round a time down to a whole multiple of `every` since the Unix epoch.

    >>> floor(datetime(2013, 4, 1, 6, 30, tzinfo=UTC), timedelta(days=1)).isoformat()
    '2013-04-01T00:00:00+00:00'
    """
    return moment - (moment - EPOCH) % every


def around(window: Window, every: timedelta) -> Window:
    """Return the whole multiples of `every` that a window has a part of.

    >>> start, minutes = datetime(2013, 4, 1, 6, 30, tzinfo=UTC), timedelta(minutes=30)
    >>> str(around(Window(start, start + minutes), timedelta(hours=1)))
    '2013-04-01T06:00:00Z/2013-04-01T07:00:00Z'
    """
    end = floor(window.end, every)
    return Window(floor(window.start, every), end + every * (end < window.end))


def windows_due(  # noqa: PLR0913 - the whole question, in the open
    *,
    length: timedelta,
    every: timedelta,
    since: datetime,
    now: datetime,
    delay: timedelta,
    done: Container[datetime],
) -> list[Window]:
    """List the windows that should exist by `now` and do not, oldest first.

    Windows of `length` end at each multiple of `every`; the first starts at or after
    `since`, and one is due when `delay` has passed since its end, so that late rows
    are in. `done` holds the starts that exist: catching up after an outage, a
    backfill and the next tick of the clock are the same question.
    """
    due = []
    end = floor(since + length, every)
    if end - length < since:
        end += every
    while end + delay <= now:
        if end - length not in done:
            due.append(Window(end - length, end))
        end += every
    return due
