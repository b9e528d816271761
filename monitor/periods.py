"""Calendar periods, in UTC: which one a moment lies in, and which are over."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from monitor.config import Period
from monitor.window import Window

_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}
_FORMS = (
    (Period.YEAR, re.compile(r"(\d{4})")),
    (Period.QUARTER, re.compile(r"(\d{4})-?Q([1-4])")),
    (Period.MONTH, re.compile(r"(\d{4})-(\d{2})")),
    (Period.DAY, re.compile(r"(\d{4})-(\d{2})-(\d{2})")),
    (Period.WEEK, re.compile(r"(\d{4})-?W(\d{2})")),
)


def containing(moment: datetime, period: Period) -> Window:
    """Return the calendar period that a moment lies in; weeks begin on Monday.

    >>> str(containing(datetime(2013, 5, 17, 9, tzinfo=UTC), Period.QUARTER))
    '2013-04-01T00:00:00Z/2013-07-01T00:00:00Z'
    """
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return Window(day, day + timedelta(days=1))
    if period is Period.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Window(monday, monday + timedelta(days=7))
    length = _MONTHS[period]
    first = (day.month - 1) // length * length + 1
    start = day.replace(month=first, day=1)
    return Window(start, _months_on(start, length))


def _months_on(start: datetime, months: int) -> datetime:
    month = start.month - 1 + months
    return start.replace(year=start.year + month // 12, month=month % 12 + 1)


def over(since: datetime, now: datetime, period: Period) -> Iterator[Window]:
    """Walk over the periods that lie wholly between two moments, oldest first.

    The period that `since` lies in is counted from its beginning.

    >>> may = datetime(2013, 5, 17, tzinfo=UTC)
    >>> [str(w)[:7] for w in over(may, datetime(2013, 7, 1, tzinfo=UTC), Period.MONTH)]
    ['2013-05', '2013-06']
    """
    window = containing(since, period)
    while window.end <= now:
        yield window
        window = containing(window.end, period)


def parse(text: str) -> Window:
    """Read a period as people write it: 2026, 2026-Q4, 2026-10, 2026-W40, 2026-10-31.

    >>> str(parse("2026-10"))
    '2026-10-01T00:00:00Z/2026-11-01T00:00:00Z'

    Raises ValueError when it is none.
    """
    for period, form in _FORMS:
        match = form.fullmatch(text.strip())
        if match is None:
            continue
        first, *rest = (int(part) for part in match.groups())
        if period is Period.WEEK:
            day = datetime.fromisocalendar(first, rest[0], 1)
        elif period is Period.QUARTER:
            day = datetime(first, rest[0] * 3 - 2, 1, tzinfo=UTC)
        else:
            month, date = (*rest, 1, 1)[:2]
            day = datetime(first, month, date, tzinfo=UTC)
        return containing(day.replace(tzinfo=UTC), period)
    msg = f"{text!r} is no period; write 2026-10, 2026-Q4, 2026-W40, 2026-10-31 or 2026"
    raise ValueError(msg)
