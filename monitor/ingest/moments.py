"""Points in time as senders write them: RFC 3339, or a number since 1970."""

from datetime import UTC, datetime, timedelta

from monitor.window import EPOCH, parse_time

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""A row that is older was dated wrongly."""
AHEAD = timedelta(days=1)
"""How far the clock of a sender may be ahead."""

_MICROSECOND = timedelta(microseconds=1)
_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1), (1e20, 1e-3))
"""Numbers below the first are counted in microseconds by the second."""


def micros(written: str | float) -> int:
    """Return a time in microseconds since 1970, UTC.

    Numbers count seconds, milli-, micro- or nanoseconds, told by their size.

    >>> micros(1767225600) == micros("2026-01-01T00:00:00Z") == micros(1767225600000.0)
    True

    Raises ValueError for what is no time.
    """
    if isinstance(written, str):
        return since_1970(parse_time(written))
    for most, unit in _UNITS:
        if abs(written) < most:
            return int(written * unit)
    msg = f"{written!r} is no time since 1970"
    raise ValueError(msg)


def since_1970(moment: datetime) -> int:
    """Return an aware time in microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def served(written: str | float, received: int) -> int:
    """Return when a row was served; ValueError for what no clock of a server tells."""
    found = micros(written)
    if found < _EARLIEST:
        msg = "the time lies before 1980"
        raise ValueError(msg)
    if found > received + _AHEAD:
        msg = "the time lies more than a day ahead"
        raise ValueError(msg)
    return found


_EARLIEST = since_1970(EARLIEST)
_AHEAD = AHEAD // _MICROSECOND
