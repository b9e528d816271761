"""Ids that come more than once: rows that were logged or sent again."""

import math
from dataclasses import replace

from scipy import special

from checks.distinct import Distinct
from checks.errors import Unmeasurable
from checks.interval import Z, normal_tail, wilson
from checks.option import Part
from checks.profile import Profile
from checks.reference import Reference, Repeats
from checks.registry import Subject, check
from checks.schema import Role
from checks.shares import larger_share
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "duplicate_ids",
    family=Family.QUALITY,
    subject=Subject.TABLE,
    threshold=0.01,
    most=1.0,
    default=True,
    needs=(Role.ID,),
)
def duplicate_ids(
    reference: Reference, current: Profile, *, tolerated: Part = 0.001
) -> Statistic:
    """Measure by how much the share of rows whose id came before has grown.

    Before means: in the same window, and in the reference in the same stretch of a
    window's length. Rows without an id are left out. Where the reference has no ids,
    the `tolerated` share is compared with.

    Up to 8,192 different ids the share is exact. Beyond that the ids are counted by a
    sketch with a standard error of 0.4 %, which the interval and the p-value include.

    Blind to a row that came again in another window or under another id (use
    `volume`), and to rows without an id.

    Source: Fisher's exact test; Newcombe (1998) and Wilson (1927) for the intervals;
    Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017).

    >>> from checks.example import reference, window
    >>> ids = [str(i) for i in range(1000)]
    >>> known = reference({"id": ids}, roles={"id": Role.ID})
    >>> again = [str(i // 2) for i in range(500)]
    >>> found = duplicate_ids(known, window(known, {"id": again}))
    >>> found.value, round(found.low, 2), found.p_value < 1e-9
    (0.5, 0.46, True)
    """
    ids = current.ids
    if ids is None:
        cause = "the window has no ids that can be told apart"
        raise Unmeasurable(cause)
    if ids.rows == 0:
        cause = "no row of the window has an id"
        raise Unmeasurable(cause)
    again = max(0.0, ids.rows - ids.number)
    known = reference.repeats
    if known is None or known.rows == 0:
        found = _beyond(again, ids.rows, tolerated)
        known = Repeats(rows=ids.rows, repeated=tolerated * ids.rows)
    else:
        found = larger_share(
            count_reference=known.repeated,
            n_reference=known.rows,
            count_current=again,
            n_current=ids.rows,
            effect=known.effect,
        )
    return found if ids.exact else _sketched(found, ids, known)


def _beyond(again: float, rows: int, tolerated: float) -> Statistic:
    """Measure the share of repeated ids where no reference says what is usual."""
    low, high = wilson(again, rows)
    value, count = again / rows, math.floor(again)
    tail = special.bdtrc(count - 1, rows, tolerated) if count else 1.0
    return Statistic(
        value=value,
        low=min(low, value) if again else 0.0,
        high=max(high, value),
        p_value=min(1.0, float(tail)),
        n_reference=0,
        n_current=rows,
        at_reference=0.0,
        at_current=value,
    )


def _sketched(found: Statistic, ids: Distinct, known: Repeats) -> Statistic:
    """Add the error of estimated numbers of ids to an interval and a p-value."""
    share = known.repeated / known.rows
    error = math.hypot(ids.error / ids.rows, known.error / known.rows)
    chance = share * (1 - share) * known.effect * (1 / known.rows + 1 / ids.rows)
    below = math.hypot(found.value - found.low, Z * error)
    above = math.hypot(found.high - found.value, Z * error)
    growth = (found.at_current or 0.0) - share
    return replace(
        found,
        low=max(0.0, found.value - below),
        high=found.value + above,
        p_value=normal_tail(growth / math.sqrt(error * error + chance)),
        detail="estimated, ± 0.4 % of the rows",
    )
