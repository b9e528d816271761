"""A stream that went quiet before its window was over."""

import math

import numpy as np
from scipy import special

from checks.errors import Unmeasurable
from checks.interval import Z
from checks.profile import Profile
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Subject, check
from checks.schema import Role
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "freshness",
    family=Family.QUALITY,
    subject=Subject.STREAM,
    threshold=0.25,
    most=1.0,
    default=True,
    needs=(Role.TIMESTAMP,),
    any_rows=True,
)
def freshness(
    reference: Reference, current: Profile, span: tuple[int, int]
) -> Statistic:
    """Measure how much longer than usual nothing came at the end of the window.

    The share of the window's length that had passed after its newest row, less the
    median of that share among the reference's own stretches of the same length: 0.25 is
    the last quarter of the window. The p-value takes two things to be true: the silence
    is longer than a new draw from the reference's silences would be (Student's t on
    their cube roots, which makes waiting times nearly normal), and longer than so few
    rows leave by chance when they fall evenly. Nights and closing times are in the
    reference's stretches, and so are usual.

    Blind to a gap that closes again (use `volume`), and to rows that are late but come
    (give the monitor a longer `delay`).

    Source: Wilson and Hilferty, "The distribution of chi-square", PNAS 17 (1931), for
    the cube root; Hahn and Meeker, "Statistical Intervals" (1991), section 4.7.

    >>> from checks.example import reference, window
    >>> from datetime import datetime, UTC
    >>> seen = (0.01, 0.02, 0.03, 0.01) * 5
    >>> usual = reference({"x": [0.0]}, quiet=seen, roles={"t": Role.TIMESTAMP})
    >>> hours = [datetime(2013, 4, 1, hour, tzinfo=UTC) for hour in range(10)]
    >>> day = (1364774400000000, 1364860800000000)
    >>> found = freshness(usual, window(usual, {"x": [0.0] * 10, "t": hours}), day)
    >>> round(found.value, 2), found.p_value < 0.001, found.detail
    (0.61, True, 'the newest row came 15 h before the end, usually 21 min')
    """
    if current.newest is None:
        cause = "no row of the window says when it came"
        raise Unmeasurable(cause)
    blocks = np.array(reference.quiet)
    if len(blocks) < MIN_BLOCKS:
        cause = (
            "the reference has too few stretches of this length to know its silences"
        )
        raise Unmeasurable(cause)
    start, end = span
    quiet = min(1.0, max(0.0, (end - 1 - current.newest) / (end - start)))
    usual = float(np.median(blocks))
    n, roots = len(blocks), np.cbrt(blocks)
    # Rows that fall by chance leave about this much, give or take as much; identical
    # stretches do not prove that there is none.
    chance = 1 / min([current.rows, *_usual_rows(reference)])
    floor = chance / (3 * max(usual, chance) ** (2 / 3))
    spread = max(float(np.std(roots, ddof=1)), floor) * math.sqrt(1 + 1 / n)
    middle = float(np.mean(roots))
    tail = special.stdtr(n - 1, (middle - math.cbrt(quiet)) / spread)
    value = max(0.0, quiet - usual)
    return Statistic(
        value=value,
        low=min(value, max(0.0, quiet - (middle + Z * spread) ** 3)),
        high=max(value, quiet - max(0.0, middle - Z * spread) ** 3),
        p_value=min(1.0, max(float(tail), (1 - value) ** current.rows)),
        n_reference=reference.profile.rows,
        n_current=current.rows,
        at_reference=usual,
        at_current=quiet,
        detail=f"the newest row came {_lasting(quiet * (end - start))} before the end, "
        f"usually {_lasting(usual * (end - start))}",
    )


def _usual_rows(reference: Reference) -> tuple[float, ...]:
    """Return how many rows a stretch usually has, where that is known."""
    return (float(np.median(reference.block_rows)),) if reference.block_rows else ()


def _lasting(micros: float) -> str:
    """Write a stretch of time in its largest unit, and the next where that is small.

    >>> [_lasting(s * 1e6) for s in (0.2, 90, 3 * 3600 + 65, 2 * 86400 + 7200)]
    ['0 s', '90 s', '3 h 1 min', '2 d 2 h']
    """
    seconds = round(micros / 1e6)
    for size, unit, part, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
    ):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"  # noqa: PLR2004 - below it seconds tell more
