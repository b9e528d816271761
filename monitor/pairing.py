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
import pyarrow.compute as pc

from checks.beside import MOST_CATEGORIES, Categories
from checks.bins import Ints
from checks.cause import Nature
from checks.classes import Bools
from checks.equality import Tolerance
from checks.errors import ChecksError
from checks.other import Other
from checks.pairs import PairingCounts, Pairs
from checks.schema import Column
from checks.tally import MAX_EXAMINED, Tally, tally
from checks.values import family_of, texts
from monitor.errors import SourceError
from monitor.ids import column, instants, numbered, pick

OURS, THEIRS = "predictions", "recomputed features"
MOST_SWAPPED = 100
"""Features beyond which columns are not asked whether they were swapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How served rows find recomputed ones.

    By `id` alone; or by `entity`, the recomputed row with the latest `time` that is not
    after the served one's, and no older than `reach`. Where an entity and a time are
    known beside the id, they tell what the entity's value was before. `at` says when a
    served row is of, and `hidden` are columns none of whose values are told.
    `named` names rows to people, where that is not what they are joined by.
    """

    id: str | None = None
    entity: str | None = None
    time: str | None = None
    at: str | None = None
    named: str | None = None
    hidden: frozenset[str] = frozenset()
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
        meeting = _meet(served, recomputed, joining, alone=not several)
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
    """Joined rows: the row of either table, and of the entity's values before it.

    `history` has rows of the recomputed table, -1 for none, with how much older each
    is than the joined one, in microseconds. `order` sorts the joined rows by their
    ids, None where they have none or where some are elsewhere.
    """

    served: pa.Table
    recomputed: pa.Table
    ours: Ints
    theirs: Ints
    history: Sequence[tuple[Ints, Ints]]
    order: Ints | None
    at: Ints | None
    counts: PairingCounts


def _meet(
    served: pa.Table, recomputed: pa.Table, joining: Joining, *, alone: bool
) -> _Meeting:
    """Find the recomputed row of each served one; `alone` where these are all rows."""
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
    return _Meeting(
        served=served,
        recomputed=recomputed,
        ours=at_ours,
        theirs=at_theirs,
        history=_history(recomputed, at_theirs, joining),
        order=_in_order(served, at_ours, joining) if alone else None,
        at=_moments(served, joining, at_ours),
        counts=counts,
    )


def _in_order(served: pa.Table, rows: Ints, joining: Joining) -> Ints | None:
    """Return the order of joined rows by their ids, numbers as numbers."""
    if joining.id is None:
        return None
    ids = column(served, joining.id).take(pa.array(rows))
    return np.asarray(pc.sort_indices(ids)).astype(np.int64)


def _times(table: pa.Table, joining: Joining) -> Ints:
    """Return when rows are of, in microseconds; the least there is for null."""
    return _instants(table, joining.time or "")


def _instants(table: pa.Table, name: str) -> Ints:
    times = column(table, name)
    found = instants(times, name)
    return np.where(np.asarray(times.is_null()), np.iinfo(np.int64).min, found)


def _moments(served: pa.Table, joining: Joining, rows: Ints) -> Ints | None:
    """Return when joined rows are of; None where they do not say."""
    name = joining.at or joining.time
    if name is None or name not in served.column_names:
        return None
    return _instants(served, name)[rows]


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


BACK = 4
"""Values of an entity before its present one that may have been served for it."""
AGO = tuple(
    timedelta(hours=hours) // timedelta(microseconds=1)
    for hours in (1, 6, 12, 24, 48, 168)
)
"""How long ago the entity's value may be from, in microseconds."""


def _history(
    recomputed: pa.Table, rows: Ints, joining: Joining
) -> list[tuple[Ints, Ints]]:
    """Return rows of values that the entity had before, and how much older they are."""
    asked = (joining.entity, joining.time)
    if None in asked or not {*asked} <= {*recomputed.column_names} or not len(rows):
        return []
    (entity,) = numbered(column(recomputed, joining.entity or ""))
    when = _times(recomputed, joining)
    order = np.lexsort((when, entity))
    of, at = entity[order], when[order]
    previous = np.full(len(entity), -1, np.int64)
    known = (of[1:] == of[:-1]) & (of[1:] >= 0) & (at[1:] > at[:-1])
    previous[order[1:][known]] = order[:-1][known]
    found, last = [], rows
    for _ in range(BACK):
        last = np.where(last >= 0, previous[last], -1)
        found.append(last)
    for ago in AGO:
        place = _last_not_after(of, at, entity[rows], when[rows] - ago)
        found.append(np.where(place >= 0, order[place], -1))
    return [(old, np.where(old >= 0, when[rows] - when[old], 0)) for old in found]


def _tallied(
    meeting: _Meeting, features: Sequence[Column], joining: Joining, most: int
) -> dict[str, Tally | str]:
    """Compare the joined rows of each feature, then those that differ with others."""
    found: dict[str, Tally | str] = {}
    for feature in features:
        found[feature.name] = _compared(meeting, feature, joining, most)
    differing = {
        name: one
        for name, one in found.items()
        if not isinstance(one, str) and one.pairs.differing
    }
    open_ones = [one for one in features if one.name not in joining.hidden]
    categories = _categories(meeting, open_ones) if differing else {}
    for name, one in differing.items():
        beside = {other: c for other, c in categories.items() if other != name}
        others = _others(meeting, one, features)
        told = one.beside(others, beside, joining.tolerance)
        told = told.of(_ids(meeting, joining, one.rows))
        found[name] = told.hidden() if name in joining.hidden else told
    return found


def _ids(meeting: _Meeting, joining: Joining, rows: Ints) -> list[str]:
    """Name some of the joined rows: by their ids, or by entity and time."""
    at = pa.array(meeting.ours[rows])
    names = joining.key if joining.id else joining.names
    if joining.named is not None and joining.named in meeting.served.column_names:
        names = [joining.named]
    told = [column(meeting.served, name).take(at).to_pylist() for name in names]
    return [" at ".join(map(str, one)) for one in zip(*told, strict=True)]


MOST_BESIDE = 20
"""Columns of categories that are asked where a mistake is made."""


def _categories(meeting: _Meeting, features: Sequence[Column]) -> Categories:
    """Return the categories of the joined rows, as they were served."""
    found: dict[str, pa.DictionaryArray] = {}
    for feature in features:
        name = feature.name
        if feature.kind.ordered or name not in meeting.served.column_names:
            continue
        values = column(meeting.served, name)
        if pa.types.is_nested(values.type) or len(found) == MOST_BESIDE:
            continue
        names = texts(values.take(pa.array(meeting.ours))).dictionary_encode()
        if len(names.dictionary) <= MOST_CATEGORIES:
            found[name] = names
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
            at=meeting.at,
            most=most,
        )
    except (ChecksError, SourceError, pa.ArrowException) as error:
        return str(error)


def _others(meeting: _Meeting, one: Tally, features: Sequence[Column]) -> list[Other]:
    """Return what may have been served in a feature's place, for the rows kept."""
    name, rows = one.pairs.column, one.rows
    own = column(meeting.recomputed, name)
    found = [_stale(own, meeting.history, rows), *_shifted(own, meeting, rows)]
    if len(features) <= MOST_SWAPPED:
        at = pa.array(meeting.theirs[rows])
        for other in features:
            if other.name in (name, *_absent(meeting, other)):
                continue
            values = column(meeting.recomputed, other.name)
            if family_of(values.type) == family_of(own.type):
                there = [values.take(at)]
                found.append(
                    Other(nature=Nature.SWAPPED, name=other.name, values=there)
                )
    return [other for other in found if other.values]


def _absent(meeting: _Meeting, feature: Column) -> list[str]:
    there = feature.name in meeting.recomputed.column_names
    return [] if there else [feature.name]


def _stale(own: pa.Array, history: Sequence[tuple[Ints, Ints]], rows: Ints) -> Other:
    """Return the values that the entity had before."""
    places = [(old[rows], ages[rows]) for old, ages in history]
    return Other(
        nature=Nature.STALE,
        name="",
        values=[own.take(pa.array(old, mask=old < 0)) for old, _ in places],
        ages=[ages for _, ages in places],
    )


def _shifted(own: pa.Array, meeting: _Meeting, rows: Ints) -> list[Other]:
    """Return the values of the rows before and after, in the order of their ids."""
    if meeting.order is None:
        return []
    size = len(meeting.order)
    position = np.empty(size, np.int64)
    position[meeting.order] = np.arange(size)
    found = []
    for name, step in (("before", -1), ("after", 1)):
        there = position[rows] + step
        inside = (there >= 0) & (there < size)
        beside = meeting.theirs[meeting.order[np.clip(there, 0, size - 1)]]
        values = [own.take(pa.array(beside, mask=~inside))]
        found.append(Other(nature=Nature.SHIFTED, name=name, values=values))
    return found
