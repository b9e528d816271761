"""Times in which people are not told: by weekday, hour and month, in a time zone."""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.config.node import Node
from monitor.problems import mistake, nearest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)\Z")


def _zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ValueError, OSError, KeyError):
        message = f"there is no time zone {written!r}"
        raise mistake(
            message, "write one of IANA's, such as Europe/Helsinki."
        ) from None
    return written


def _days(written: object) -> object:
    """Read days, and stretches of them such as `mon-fri`."""
    names = [written] if isinstance(written, str) else written
    if not isinstance(names, Iterable):
        return written
    found: list[str] = []
    for name in names:
        first, _, last = str(name).lower().partition("-")
        for day in (first, last or first):
            if day[:3] not in DAYS:
                fix = nearest(day, DAYS, noun="days")
                message = f"there is no day {day!r}"
                raise mistake(message, fix)
        start, end = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
        span = (end - start) % len(DAYS)
        found += [DAYS[(start + i) % len(DAYS)] for i in range(span + 1)]
    return tuple(dict.fromkeys(found))


def _hours(written: str) -> str:
    match = _HOURS.match(written)
    if match is None or (match[3] == "24" and match[4] != "00"):
        message = f"{written!r} are no hours of a day"
        raise mistake(message, "write 22:00-06:00, or 00:00-24:00.")
    return written


class MuteTime(Node):
    """A time in which people are not told; what is left out matches always.

    Hours that end before they begin reach into the next day, and belong to the day on
    which they began.
    """

    weekdays: Annotated[tuple[str, ...], BeforeValidator(_days)] = ()
    hours: Annotated[str, AfterValidator(_hours)] = "00:00-24:00"
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = ()
    days_of_month: tuple[Annotated[int, Field(ge=1, le=31)], ...] = ()
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    def covers(self, now: datetime) -> bool:
        """Tell whether a moment lies in it, by the clock on the wall there."""
        local = now.astimezone(ZoneInfo(self.time_zone))
        start, end = (_minutes(part) for part in self.hours.split("-"))
        at = local.time().hour * 60 + local.time().minute
        if start < end:
            return start <= at < end and self._on(local)
        yesterday = local - timedelta(days=1)
        return (at >= start and self._on(local)) or (at < end and self._on(yesterday))

    def _on(self, day: datetime) -> bool:
        return (
            (not self.weekdays or DAYS[day.weekday()] in self.weekdays)
            and (not self.months or day.month in self.months)
            and (not self.days_of_month or day.day in self.days_of_month)
        )


def _minutes(written: str) -> int:
    """Return the minutes since midnight; 24:00 is the end of the day."""
    if written == "24:00":
        return 24 * 60
    moment = time.fromisoformat(written)
    return moment.hour * 60 + moment.minute
