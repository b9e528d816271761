"""Two columns beside each other, row by row: counted, and what differs kept.

Rows are joined before they come here. Parts of them are tallied each by itself and
merged; the laws are asked once, of pairs from all parts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from heapq import nsmallest
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks import cause, laws, wording
from checks.beside import Beside, Categories, beside
from checks.bins import Ints
from checks.cause import Law, Nature
from checks.classes import Bools, Values, arrow, floats
from checks.equality import (
    FINEST,
    TOLERANCE,
    Tolerance,
    alike,
    equal,
    instants,
    near,
    whole,
)
from checks.errors import ProfileError
from checks.exact import Floats
from checks.other import Hits, Other, hits, told
from checks.pairs import HIDDEN, MOST_EXAMPLES, Example, Pairs
from checks.proposal import beyond, chance_of
from checks.schema import Kind
from checks.values import family_of, texts

MAX_EXAMINED = 20_000
"""Differing pairs that are asked for a cause, evenly spread over all of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """One feature over some rows: the counts, and pairs to be asked for a cause.

    `served` and `recomputed` are such pairs, `matched` values that were served where
    the sides agree, `others` what else was served, by its nature and name. `rows` are
    the places of the pairs, as long as the tally is of one set of rows.
    """

    pairs: Pairs
    kind: Kind
    served: pa.Array
    recomputed: pa.Array
    matched: pa.Array
    others: Mapping[tuple[Nature, str], Hits] = field(
        default_factory=lambda: MappingProxyType({})
    )
    categories: Mapping[str, Beside] = field(
        default_factory=lambda: MappingProxyType({})
    )
    personal: bool = False
    rows: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def beside(
        self, others: Sequence[Other], categories: Categories, tolerance: Tolerance
    ) -> "Tally":
        """Return the tally with what else may have been served, and where."""
        counted = {
            (one.nature, one.name): hits(one, self.served, tolerance) for one in others
        }
        found = {
            name: beside(column, self.rows, self.served, self.recomputed)
            for name, column in categories.items()
        }
        return replace(
            self,
            others=MappingProxyType(counted),
            categories=MappingProxyType(found),
        )

    def merge(self, other: "Tally") -> "Tally":
        """Return the tally of both sets of rows; raises ProfileError for others."""
        sides = [(getattr(self, n), getattr(other, n)) for n in _SIDES]
        if any(a.type != b.type for a, b in sides):
            # Text beside numbers: one set of rows had no value that told.
            sides = [(texts(a), texts(b)) for a, b in sides]
        served, recomputed, matched = (pa.concat_arrays(list(both)) for both in sides)
        keys = sorted({*self.others, *other.others})
        names = sorted({*self.categories, *other.categories})
        return Tally(
            pairs=self.pairs.merge(other.pairs),
            kind=self.kind,
            served=served,
            recomputed=recomputed,
            matched=matched,
            others=MappingProxyType(
                {
                    key: self.others.get(key, Hits()).merge(
                        other.others.get(key, Hits())
                    )
                    for key in keys
                }
            ),
            personal=self.personal or other.personal,
            categories=MappingProxyType(
                {
                    name: self.categories.get(name, Beside()).merge(
                        other.categories.get(name, Beside())
                    )
                    for name in names
                }
            ),
        )

    def explained(self) -> Pairs:
        """Return the counts with the laws that the pairs obey."""
        found = _laws(self)
        for name, column in self.categories.items():
            found |= column.by_category(name)
        for (nature, name), one in self.others.items():
            likely = chance_of([(one.dealt, one.deals)])
            if one.count and beyond(one.count / len(self.served), likely):
                found[Law(nature, told(nature, name, one.ages))] = one.count
        if self.personal:
            found = {law: n for law, n in found.items() if law.nature in _VALUELESS}
        return replace(
            self.pairs,
            examined=len(self.served),
            laws=MappingProxyType(found),
            where=self._where,
        )

    def of(self, ids: Sequence[str]) -> "Tally":
        """Return the tally with examples, the first by the ids of the pairs kept."""
        first = nsmallest(MOST_EXAMPLES, range(len(ids)), key=ids.__getitem__)
        places = pa.array(first, pa.int64())
        sides = (_shown(side.take(places)) for side in (self.served, self.recomputed))
        rows = zip([ids[place] for place in first], *sides, strict=True)
        found = tuple(Example(*row) for row in rows)
        return replace(self, pairs=replace(self.pairs, examples=found))

    def hidden(self) -> "Tally":
        """Return the tally without a value: of pseudonyms no law tells anything."""
        ids = (Example(one.id, HIDDEN, HIDDEN) for one in self.pairs.examples)
        return replace(
            self, personal=True, pairs=replace(self.pairs, examples=tuple(ids))
        )

    @property
    def _where(self) -> str:
        """Name the one category in which the rows differ; empty for none."""
        found = [
            (one.rows[only], f"{name} is {only!r}")
            for name, one in self.categories.items()
            if (only := one.only) is not None
        ]
        return min(found, default=(0, ""))[1]


_VALUELESS = (Nature.MISSING, Nature.STALE, Nature.SWAPPED, Nature.SHIFTED)
"""Natures whose sentences have no value of the column in them."""


def _shown(values: pa.Array) -> list[str | None]:
    """Write values as people do."""
    if pa.types.is_timestamp(values.type):
        return [None if v is None else str(v) for v in values.to_pylist()]
    if pa.types.is_floating(values.type):
        return [None if v is None else f"{v + 0.0:.10g}" for v in values.to_pylist()]
    return list(texts(values).to_pylist())


_SIDES = ("served", "recomputed", "matched")


def merge_all(parts: Iterable[Tally]) -> Tally:
    """Merge one or more tallies of one feature."""
    return reduce(Tally.merge, parts)


def compare(
    served: Values,
    recomputed: Values,
    *,
    column: str,
    kind: Kind,
    tolerance: Tolerance | float = TOLERANCE,
) -> Pairs:
    """Compare two columns row by row; null and NaN are equal to each other.

    Numbers are equal within `tolerance` times the larger of them, times and text only
    where they are the same. Raises Unmeasurable for nested values.

    >>> served, recomputed = [1.0, 2.0, None], [1.0, 2.5, None]
    >>> pairs = compare(served, recomputed, column="x", kind=Kind.NUMERIC)
    >>> pairs.match, pairs.mismatch, pairs.both_missing
    (1, 1, 1)
    """
    if not isinstance(tolerance, Tolerance):
        tolerance = Tolerance(relative=tolerance)
    return tally(
        served, recomputed, column=column, kind=kind, tolerance=tolerance
    ).explained()


def tally(  # noqa: PLR0913 - two columns, and what is the same in them
    served: Values,
    recomputed: Values,
    *,
    column: str,
    kind: Kind,
    tolerance: Tolerance,
    at: Ints | None = None,
    most: int = MAX_EXAMINED,
) -> Tally:
    """Count how two columns compare, and keep `most` of the pairs that differ.

    `at` are the times of the rows, in microseconds, the least there is for none.

    Raises Unmeasurable for nested values.
    """
    ours, theirs = alike(arrow(served), arrow(recomputed), kind)
    if len(ours) != len(theirs):
        msg = f"{len(ours)} served values of {column!r} beside {len(theirs)}"
        raise ProfileError(msg)
    sides = {family_of(ours.type), family_of(theirs.type)} - {"empty"}
    if sides <= {"number", "boolean"} and kind is not Kind.CATEGORICAL:
        exact = whole(ours, theirs) if tolerance.relative < FINEST else None
        numbers = floats(ours), floats(theirs)
        same = near(*numbers, tolerance, exact)
        ours, theirs = (pa.array(side, from_pandas=True) for side in numbers)
    elif sides == {"time"}:
        ours, theirs = instants(ours), instants(theirs)
        same = equal(ours, theirs)
    else:
        ours, theirs = texts(ours), texts(theirs)
        same = equal(ours, theirs)
    absent = np.asarray(pc.is_null(ours)), np.asarray(pc.is_null(theirs))
    differing = np.flatnonzero(~same & ~(absent[0] & absent[1]))
    rows = spread(differing, most)
    kept = pa.array(rows)
    return Tally(
        pairs=_count(column, same, *absent, seen=_seen(at, differing)),
        kind=kind,
        served=ours.take(kept),
        recomputed=theirs.take(kept),
        matched=ours.take(pa.array(spread(np.flatnonzero(same), most))),
        rows=rows,
    )


def _seen(at: Ints | None, rows: Ints) -> tuple[int | None, int | None]:
    """Return the times of the first and the last of the rows that have any."""
    times = np.empty(0, np.int64) if at is None else at[rows]
    times = times[times != np.iinfo(np.int64).min]
    if len(times) == 0:
        return None, None
    return int(times.min()), int(times.max())


MIN_ONE_WAY = 10
"""Pairs of two classes that tell a direction."""
ONE_WAY = 0.95
"""The share of them that differ in the direction that is told."""


def _one_way(kept: Tally) -> dict[Law, int]:
    """Explain two classes of which one is often served for the other.

    What is drawn anew is wrong as often one way as the other.
    """
    if kept.kind.ordered or _nearly_all(kept.pairs):
        return {}
    sides = [_shown(side) for side in (kept.served, kept.recomputed)]
    ways = Counter(pair for pair in zip(*sides, strict=True) if None not in pair)
    agreeing = set(_shown(kept.matched.unique().drop_null()))
    if len(agreeing) != 2 or not {v for pair in ways for v in pair} <= agreeing:  # noqa: PLR2004 - two classes
        return {}
    if ways.total() < MIN_ONE_WAY:
        return {}
    ((served, recomputed), count), *_ = ways.most_common(1)
    if count < ONE_WAY * ways.total():
        return {}
    told = f"served is {served!r} where recomputed is {recomputed!r}, hardly ever the "
    return {Law(Nature.ONE_WAY, f"{told}other way round"): count}


def _laws(kept: Tally) -> dict[Law, int]:
    """Ask the laws of the pairs that were kept."""
    return _asked(kept) | _one_way(kept)


def _asked(kept: Tally) -> dict[Law, int]:
    if pa.types.is_timestamp(kept.served.type):
        return laws.times(*(_micros(getattr(kept, name)) for name in _SIDES))
    inverted = _nearly_all(kept.pairs)
    if pa.types.is_floating(kept.served.type):
        served, recomputed, matched = (floats(getattr(kept, n)) for n in _SIDES)
        found = laws.numbers(served, recomputed, matched)
        if kept.kind is Kind.BOOLEAN and inverted:
            both = int(np.count_nonzero(~np.isnan(served + recomputed)))
            found[Law(Nature.INVERTED, _INVERTED)] = both
        return found
    return wording.texts(
        kept.served.to_pylist(),
        kept.recomputed.to_pylist(),
        inverted=inverted,
        usual=partial(_share_of, kept.matched),
    )


_INVERTED = "served is yes where recomputed is no, and no where yes"


def _share_of(values: pa.Array, value: str) -> float:
    """Return how common a value is, 0 of no values."""
    if len(values) == 0:
        return 0.0
    hits = pc.sum(pc.equal(values, pa.scalar(value, values.type))).as_py()
    return (hits or 0) / len(values)


def _nearly_all(pairs: Pairs) -> bool:
    """Tell whether two values differ nearly wherever there are two.

    Of two classes a wrong one is always the other: only then are they swapped.
    """
    present = pairs.match + pairs.mismatch
    return present > 0 and pairs.mismatch >= cause.NEARLY_ALL * present


def _micros(array: pa.Array) -> Floats:
    """Return times as microseconds since the Unix epoch, NaN for null."""
    return floats(pc.cast(array, pa.int64()))


def _count(
    column: str,
    same: Bools,
    no_served: Bools,
    no_recomputed: Bools,
    *,
    seen: tuple[int | None, int | None],
) -> Pairs:
    both = int(np.count_nonzero(no_served & no_recomputed))
    served_missing = int(np.count_nonzero(no_served)) - both
    recomputed_missing = int(np.count_nonzero(no_recomputed)) - both
    match = int(np.count_nonzero(same))
    return Pairs(
        column=column,
        match=match,
        mismatch=len(same) - match - both - served_missing - recomputed_missing,
        served_missing=served_missing,
        recomputed_missing=recomputed_missing,
        both_missing=both,
        first=seen[0],
        last=seen[1],
    )


def spread(rows: Ints, most: int) -> Ints:
    """Return at most so many rows, evenly spread over all of them."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
