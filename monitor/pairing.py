"""Recomputed features beside served ones: rows joined by id, or by entity and time.

Everything here is a pure function of the rows. In which order and in how many pieces
they arrived leaves no trace in the counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, islice

import numpy as np
import pyarrow as pa

from checks.bins import Ints
from checks.cause import Nature
from checks.classes import Bools
from checks.errors import ChecksError
from checks.pairs import PairingCounts, Pairs
from checks.schema import Column
from checks.tally import MAX_EXAMINED, Other, Tally, Tolerance, tally
from checks.values import family_of
from monitor.errors import SourceError
from monitor.ids import column, instants, numbered, pick

OURS, THEIRS = "predictions", "recomputed features"
MOST_SWAPPED = 100
"""Features beyond which columns are not asked whether they were swapped."""
LEAST_SWAPPED = 0.5
"""A column that was swapped differs at least half as often as the one it went to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How served rows find recomputed ones.

    By `id` alone; or by `entity`, the recomputed row with the latest `time` that is not
    after the served one's, and no older than `reach`. Where an entity and a time are
    known beside the id, they tell what the entity's value was before.
    """

    id: str | None = None
    entity: str | None = None
    time: str | None = None
    reach: timedelta = timedelta(0)
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def key(self) -> list[str]:
        """The column by which rows that can meet are kept together."""
        return [name for name in (self.id or self.entity,) if name]

    @property
    def names(self) -> list[str]:
        """The columns that the join itself reads."""
        wanted = (self.id, self.entity, self.time)
        return [name for name in wanted if name is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How rows met, and what became of each feature of those that did."""

    counts: PairingCounts
    features: Mapping[str, Pairs]


def join_pairs(
    parts: Iterable[tuple[pa.Table, pa.Table]],
    *,
    joining: Joining,
    features: Sequence[Column],
    most: int = MAX_EXAMINED,
) -> Pairing:
    """Join served rows to recomputed ones, part by part, and compare each feature.

    `parts` are (served, recomputed) tables, such that rows which can meet are in the
    same one. A feature that one side lacks, or that cannot be compared, has no pairs,
    with the cause. Raises SourceError where either side lacks what it is joined by.
    """
    counts = PairingCounts()
    found: dict[str, Tally | str] = {}
    several, parts = _several(parts)
    most = most // FEWER if several else most
    for served, recomputed in parts:
        meeting = _meet(served, recomputed, joining)
        counts = counts.merge(meeting.counts)
        for name, one in _tallied(meeting, features, joining, most).items():
            found[name] = _both(found[name], one) if name in found else one
    return Pairing(
        counts=counts,
        features={
            name: Pairs(column=name, unjoined=one)
            if isinstance(one, str)
            else one.explained()
            for name, one in found.items()
        },
    )


FEWER = 40
"""How many times fewer pairs are kept of each part, where there are several."""
_Parts = Iterable[tuple[pa.Table, pa.Table]]


def _several(parts: _Parts) -> tuple[bool, _Parts]:
    """Tell whether there is more than one part, and give them all back."""
    walk = iter(parts)
    first = list(islice(walk, 2))
    return len(first) > 1, chain(first, walk)


def _both(known: Tally | str, more: Tally | str) -> Tally | str:
    if isinstance(known, str) or isinstance(more, str):
        return known if isinstance(known, str) else more
    try:
        return known.merge(more)
    except ChecksError as error:
        return str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meeting:
    """Joined rows: the row of either table, and of the value before it, -1 for none."""

    served: pa.Table
    recomputed: pa.Table
    ours: Ints
    theirs: Ints
    before: Ints | None
    ages: Ints | None
    counts: PairingCounts


def _meet(served: pa.Table, recomputed: pa.Table, joining: Joining) -> _Meeting:
    """Find the recomputed row of each served one."""
    pick(served, OURS, *joining.names)
    by_id = joining.id is not None
    pick(recomputed, THEIRS, *(joining.key if by_id else joining.names))
    (key,) = joining.key
    ours, theirs = numbered(column(served, key), column(recomputed, key))
    if by_id:
        counts, at_ours, at_theirs = _pair(ours, theirs)
    else:
        at, known = _times(served, joining), _times(recomputed, joining)
        counts, at_ours, at_theirs = _as_of(ours, theirs, at, known, joining.reach)
    before, ages = _before(recomputed, at_theirs, joining)
    return _Meeting(
        served=served,
        recomputed=recomputed,
        ours=at_ours,
        theirs=at_theirs,
        before=before,
        ages=ages,
        counts=counts,
    )


def _times(table: pa.Table, joining: Joining) -> Ints:
    """Return when rows are of, in microseconds; the least there is for null."""
    name = joining.time or ""
    times = column(table, name)
    found = instants(times, name)
    return np.where(np.asarray(times.is_null()), np.iinfo(np.int64).min, found)


def _pair(ours: Ints, theirs: Ints) -> tuple[PairingCounts, Ints, Ints]:
    """Count how ids meet, and return the row of each joined id on either side."""
    size = int(max(ours.max(initial=-1), theirs.max(initial=-1))) + 1
    mine, other = ours[ours >= 0], theirs[theirs >= 0]
    served = np.bincount(mine, minlength=size)
    recomputed = np.bincount(other, minlength=size)
    joined = (served == 1) & (recomputed == 1)
    counts = PairingCounts(
        served_with_id=len(mine),
        served_without_id=len(ours) - len(mine),
        recomputed_with_id=len(other),
        recomputed_without_id=len(theirs) - len(other),
        ids=size,
        only_served=int(np.count_nonzero(recomputed == 0)),
        only_recomputed=int(np.count_nonzero(served == 0)),
        duplicated=int(np.count_nonzero((served > 1) | (recomputed > 1))),
        joined=int(np.count_nonzero(joined)),
    )
    return counts, _position(ours, joined), _position(theirs, joined)


def _position(ids: Ints, joined: Bools) -> Ints:
    """Return the row of each joined id, in the order of their numbers."""
    rows = np.flatnonzero(ids >= 0)
    position = np.zeros(len(joined), np.int64)
    position[ids[rows]] = rows
    return position[joined]


def _as_of(
    ours: Ints, theirs: Ints, at: Ints, known: Ints, reach: timedelta
) -> tuple[PairingCounts, Ints, Ints]:
    """Find for each served row the entity's last recomputed one that is not after it.

    Where two of an entity are of that very time, none is known to be the right one.
    """
    undated = np.iinfo(np.int64).min
    mine = np.flatnonzero((ours >= 0) & (at != undated))
    other = np.flatnonzero((theirs >= 0) & (known != undated))
    other = other[np.lexsort((known[other], theirs[other]))]
    entity, when = theirs[other], known[other]
    twice = np.zeros(len(other), np.bool_)
    same = (entity[1:] == entity[:-1]) & (when[1:] == when[:-1])
    twice[1:] |= same
    twice[:-1] |= same
    place = _last_not_after(entity, when, ours[mine], at[mine])
    there = place >= 0
    oldest = at[mine] - reach // timedelta(microseconds=1)
    there[there] = when[place[there]] >= oldest[there]
    doubtful = there.copy()
    doubtful[there] = twice[place[there]]
    joined = there & ~doubtful
    used = np.unique(place[there])
    counts = PairingCounts(
        served_with_id=len(mine),
        served_without_id=len(ours) - len(mine),
        recomputed_with_id=len(other),
        recomputed_without_id=len(theirs) - len(other),
        ids=len(mine) + len(other) - len(used),
        only_served=int(np.count_nonzero(~there)),
        only_recomputed=len(other) - len(used),
        duplicated=int(np.count_nonzero(doubtful)),
        joined=int(np.count_nonzero(joined)),
    )
    return counts, mine[joined], other[place[joined]]


def _last_not_after(entity: Ints, when: Ints, of: Ints, at: Ints) -> Ints:
    """Return the place of the last sorted (entity, when) up to (of, at), or -1."""
    both = np.lexsort(
        (
            np.concatenate([np.zeros(len(entity), np.int8), np.ones(len(of), np.int8)]),
            np.concatenate([when, at]),
            np.concatenate([entity, of]),
        )
    )
    theirs = both < len(entity)
    last = np.maximum.accumulate(np.where(theirs, both, -1)) if len(both) else both
    asked = both[~theirs] - len(entity)
    found = np.full(len(of), -1, np.int64)
    found[asked] = last[~theirs]
    strangers = (found >= 0) & (entity[found] != of) if len(entity) else found >= 0
    found[strangers] = -1
    return found


def _before(
    recomputed: pa.Table, rows: Ints, joining: Joining
) -> tuple[Ints | None, Ints | None]:
    """Return the row of the entity's value before, and by how much it is older."""
    asked = (joining.entity, joining.time)
    if None in asked or not {*asked} <= {*recomputed.column_names}:
        return None, None
    (entity,) = numbered(column(recomputed, joining.entity or ""))
    when = _times(recomputed, joining)
    order = np.lexsort((when, entity))
    previous = np.full(len(entity), -1, np.int64)
    known = (entity[order][1:] == entity[order][:-1]) & (entity[order][1:] >= 0)
    known &= when[order][1:] > when[order][:-1]
    previous[order[1:][known]] = order[:-1][known]
    found = previous[rows]
    ages = np.where(found >= 0, when[rows] - when[found], 0)
    return found, ages


def _tallied(
    meeting: _Meeting, features: Sequence[Column], joining: Joining, most: int
) -> dict[str, Tally | str]:
    """Compare the joined rows of each feature, then those that differ with others."""
    found: dict[str, Tally | str] = {}
    for feature in features:
        found[feature.name] = _compared(meeting, feature, joining, most)
    differing = {
        name: one.pairs.mismatch
        for name, one in found.items()
        if not isinstance(one, str) and one.pairs.mismatch
    }
    for name in differing:
        one = found[name]
        if not isinstance(one, str):
            others = _others(meeting, name, differing)
            found[name] = one.beside(others, joining.tolerance)
    return found


def _compared(
    meeting: _Meeting, feature: Column, joining: Joining, most: int
) -> Tally | str:
    name = feature.name
    try:
        return tally(
            column(pick(meeting.served, OURS, name), name).take(pa.array(meeting.ours)),
            column(pick(meeting.recomputed, THEIRS, name), name).take(
                pa.array(meeting.theirs)
            ),
            column=name,
            kind=feature.kind,
            tolerance=joining.tolerance,
            most=most,
        )
    except (ChecksError, SourceError, pa.ArrowException) as error:
        return str(error)


def _others(meeting: _Meeting, name: str, differing: Mapping[str, int]) -> list[Other]:
    """Return what may have been served in a feature's place."""
    own = column(meeting.recomputed, name)
    found = []
    if meeting.before is not None and len(own):
        old = own.take(pa.array(meeting.before, mask=meeting.before < 0))
        found.append(Other(nature=Nature.STALE, name="", values=old, ages=meeting.ages))
    if len(differing) <= MOST_SWAPPED:
        for other, count in differing.items():
            if other == name or count < LEAST_SWAPPED * differing[name]:
                continue
            values = column(meeting.recomputed, other)
            if family_of(values.type) == family_of(own.type):
                taken = values.take(pa.array(meeting.theirs))
                found.append(Other(nature=Nature.SWAPPED, name=other, values=taken))
    return found
