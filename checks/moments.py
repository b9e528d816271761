"""Laws of times: other zones, other calendars, other units."""

from collections.abc import Iterator

import numpy as np

from checks.cause import Law, Nature
from checks.classes import Bools
from checks.exact import Floats
from checks.proposal import Proposal
from checks.roundings import TIME_STEPS, rounding

HOUR = 3_600.0
DAY = 86_400.0
MOST_DAYS = 7
"""Days up to which a shift is told in days."""
SCALES = (
    (1e-3, "seconds were read as milliseconds"),
    (1e3, "milliseconds were read as seconds"),
    (1e-6, "seconds were read as microseconds"),
)
"""What times are divided by when a number of theirs is read in another unit."""


def is_zone(seconds: float) -> bool:
    """Tell whether a shift is that of a time zone: quarters of an hour, up to 14."""
    quarters = seconds / 900
    return abs(quarters - round(quarters)) < 0.002 and 0 < abs(round(quarters)) <= 56  # noqa: PLR2004


def zone(*shifts: float) -> str:
    """Say by how much served times are off, in one or in either of two amounts.

    >>> zone(-14400.0, -18000.0)
    'served is 4 h or 5 h behind recomputed'
    """
    sizes = []
    for seconds in sorted(abs(shift) for shift in shifts):
        hours, minutes = divmod(round(seconds / 60), 60)
        told = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
        sizes.append(" ".join(told))
    side = "ahead of" if shifts[0] > 0 else "behind"
    return f"served is {' or '.join(sizes)} {side} recomputed"


def time_shift(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain times that are shifted by one amount, or by two an hour apart."""
    shifts, counts = np.unique(_seconds(served, recomputed), return_counts=True)
    order = np.lexsort((shifts, -counts))[:2]
    first, second = float(shifts[order[0]]), float(shifts[order[-1]])
    yield Proposal(law=_shift(first), holds=lambda s, r: _seconds(s, r) == first)
    summer = abs(second - first) == HOUR and first * second > 0
    if is_zone(first) and is_zone(second) and summer:
        sentence = f"{zone(first, second)} (time zone with summer time)"
        yield Proposal(
            law=Law(Nature.TIME_SHIFT, sentence),
            holds=lambda s, r: np.isin(_seconds(s, r), (first, second)),
        )


def _shift(seconds: float) -> Law:
    """Name a shift of so many seconds."""
    if is_zone(seconds):
        return Law(Nature.TIME_SHIFT, f"{zone(seconds)} (time zone)")
    days = seconds / DAY
    if days == round(days) and 0 < abs(days) <= MOST_DAYS:
        side = "ahead of" if days > 0 else "behind"
        much = f"{abs(days):g} day" + ("s" if abs(days) > 1 else "")
        return Law(Nature.OFFSET, f"served is {much} {side} recomputed")
    return Law(Nature.OFFSET, f"served = recomputed {seconds:+.10g} s")


def _seconds(served: Floats, recomputed: Floats) -> Floats:
    return np.asarray(np.rint((served - recomputed) / 1e6))


def misread(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain times whose number was read in another unit, in 1970 or far ahead."""
    del served, recomputed
    for scale, told in SCALES:

        def holds(s: Floats, r: Floats, scale: float = scale) -> Bools:
            # What is divided loses its last digits: a millisecond of them, at most.
            return np.asarray(np.abs(s - r * scale) <= 1e3 * max(scale, 1.0))

        yield Proposal(law=Law(Nature.FACTOR, f"served is off: {told}"), holds=holds)


def day_and_month(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain dates whose day was read as the month, and the month as the day."""
    del served, recomputed
    law = Law(Nature.TRANSFORM, "served has day and month swapped")
    yield Proposal(law=law, holds=_swapped)


def _swapped(served: Floats, recomputed: Floats) -> Bools:
    ours, theirs = _dates(served), _dates(recomputed)
    same = [ours[part] == theirs[part] for part in ("year", "rest")]
    turned = (ours["day"] == theirs["month"]) & (ours["month"] == theirs["day"])
    return np.asarray(same[0] & same[1] & turned)


def _dates(micros: Floats) -> dict[str, Floats]:
    """Take times to pieces: year, month, day, and what is left of the day."""
    times = np.rint(micros).astype("datetime64[us]")
    days = times.astype("datetime64[D]")
    months = times.astype("datetime64[M]")
    years = times.astype("datetime64[Y]")
    return {
        "year": years.astype(np.float64),
        "month": (months - years).astype(np.float64) + 1,
        "day": (days - months).astype(np.float64) + 1,
        "rest": (times - days).astype(np.float64),
    }


def told(micros: float) -> str:
    """Write a time as people do.

    >>> told(0.0), told(1.5e6)
    ('1970-01-01 00:00:00', '1970-01-01 00:00:01.500000')
    """
    time = np.datetime64(round(micros), "us")
    return str(time).replace("T", " ").removesuffix(".000000")


def _rounded(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    return rounding(served, recomputed, TIME_STEPS)


TIME_LAWS = (_rounded, time_shift, misread, day_and_month)
