"""Two columns beside each other, row by row: counted, and what differs kept.

Rows are joined before they come here. Parts of them are tallied each by itself and
merged; the laws are asked once, of pairs from all parts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks import cause, laws, wording
from checks.beside import Beside, Categories, beside
from checks.bins import Ints
from checks.cause import Law, Nature
from checks.classes import Bools, Values, arrow, floats
from checks.errors import ProfileError
from checks.exact import Floats
from checks.pairs import Pairs
from checks.proposal import beyond, chance_of, dealings
from checks.schema import Kind
from checks.values import FLOAT_BITS, family_of, held, texts

TOLERANCE = 1e-6
"""The relative difference up to which two numbers count as equal."""
CANCELLED = 1e-6
"""The absolute one, as a share of the relative: 1e-12, for sums that cancel to zero."""
FINEST = 2.0**-52
"""A relative difference below this one may be lost where integers become floats."""
MAX_EXAMINED = 20_000
"""Differing pairs that are asked for a cause, evenly spread over all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two numbers are that count as equal: either bound is enough."""

    relative: float = TOLERANCE
    absolute: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """What may have been served instead of the value recomputed for the row itself.

    `values` are of the rows whose pairs were kept; any of several will do, the first
    best. `ages` tell how old they were, in microseconds.
    """

    nature: Nature
    name: str
    values: Sequence[Values]
    ages: Sequence[Ints] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """How often another value was served, and how often chance would have it so."""

    count: int = 0
    dealt: int = 0
    deals: int = 0
    ages: tuple[int, ...] = ()

    def merge(self, other: "Hits") -> "Hits":
        """Return the hits of both sets of rows together."""
        return Hits(
            count=self.count + other.count,
            dealt=self.dealt + other.dealt,
            deals=self.deals + other.deals,
            ages=tuple(sorted(self.ages + other.ages)),
        )


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
    rows: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def beside(
        self, others: Sequence[Other], categories: Categories, tolerance: Tolerance
    ) -> "Tally":
        """Return the tally with what else may have been served, and where."""
        hits = {
            (one.nature, one.name): _hits(one, self.served, tolerance) for one in others
        }
        found = {
            name: beside(column, self.rows, self.served, self.recomputed)
            for name, column in categories.items()
        }
        return replace(
            self,
            others=MappingProxyType(hits),
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
        for name, one in self.categories.items():
            found |= one.by_category(name)
        for (nature, name), hits in self.others.items():
            likely = chance_of([(hits.dealt, hits.deals)])
            if hits.count and beyond(hits.count / len(self.served), likely):
                found[Law(nature, _told(nature, name, hits.ages))] = hits.count
        return replace(
            self.pairs,
            examined=len(self.served),
            laws=MappingProxyType(found),
            where=self._where,
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
    most: int = MAX_EXAMINED,
) -> Tally:
    """Count how two columns compare, and keep `most` of the pairs that differ.

    Raises Unmeasurable for nested values.
    """
    ours, theirs = arrow(served), arrow(recomputed)
    if len(ours) != len(theirs):
        msg = f"{len(ours)} served values of {column!r} beside {len(theirs)}"
        raise ProfileError(msg)
    sides = {family_of(ours.type), family_of(theirs.type)} - {"empty"}
    if sides <= {"number", "boolean"} and kind is not Kind.CATEGORICAL:
        exact = _whole(ours, theirs) if tolerance.relative < FINEST else None
        numbers = floats(ours), floats(theirs)
        same = _near(*numbers, tolerance, exact)
        ours, theirs = (pa.array(side, from_pandas=True) for side in numbers)
    elif sides == {"time"}:
        ours, theirs = _instants(ours), _instants(theirs)
        same = _equal(ours, theirs)
    else:
        ours, theirs = texts(ours), texts(theirs)
        same = _equal(ours, theirs)
    absent = np.asarray(pc.is_null(ours)), np.asarray(pc.is_null(theirs))
    rows = spread(np.flatnonzero(~same & ~(absent[0] & absent[1])), most)
    kept = pa.array(rows)
    return Tally(
        pairs=_count(column, same, *absent),
        kind=kind,
        served=ours.take(kept),
        recomputed=theirs.take(kept),
        matched=ours.take(pa.array(spread(np.flatnonzero(same), most))),
        rows=rows,
    )


def _laws(kept: Tally) -> dict[Law, int]:
    """Ask the laws of the pairs that were kept."""
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


def _hits(other: Other, ours: pa.Array, tolerance: Tolerance) -> Hits:
    """Count the differing rows on which another value was served."""
    size = len(ours)
    tests = [_equals(ours, arrow(values), tolerance) for values in other.values]
    hit = np.zeros(size, np.bool_)
    old: list[int] = []
    for place, equal in enumerate(tests):
        new = equal(slice(None)) & ~hit
        hit |= new
        if other.ages:
            old += other.ages[place][new].tolist()
    deals = [np.any([e(places) for e in tests], axis=0) for places in dealings(size)]
    return Hits(
        count=int(np.count_nonzero(hit)),
        dealt=sum(int(np.count_nonzero(deal)) for deal in deals),
        deals=len(deals) * size,
        ages=tuple(sorted(old)),
    )


def _equals(
    ours: pa.Array, values: pa.Array, tolerance: Tolerance
) -> Callable[[Ints | slice], Bools]:
    """Return what tells where served values, dealt to other places, are the others."""
    if pa.types.is_floating(ours.type):
        numbers, theirs = floats(ours), floats(values)
        return lambda places: _near(numbers[places], theirs, tolerance, None)
    values = _instants(values) if pa.types.is_timestamp(ours.type) else texts(values)
    codes = pa.chunked_array([ours, values.cast(ours.type)]).dictionary_encode()
    named = np.asarray(codes.combine_chunks().indices.fill_null(-1))
    mine, others = named[: len(ours)], named[len(ours) :]
    return lambda places: np.asarray((mine[places] == others) & (others >= 0))


def _told(nature: Nature, name: str, ages: Sequence[int]) -> str:
    """Write what was served instead."""
    if nature is Nature.SHIFTED:
        return f"served is the value of the row {name} it (rows joined one off)"
    if nature is not Nature.STALE:
        return f"served is what {name!r} should be (columns swapped)"
    old = lasting(ages[len(ages) // 2]) if ages else "unknown time"
    return f"served is a value from before (stale by {old}, in the median)"


def lasting(micros: float) -> str:
    """Write a stretch of time in the largest unit that it fills.

    >>> [lasting(s * 1e6) for s in (0.5, 90, 5_400, 86_400)]
    ['0.5 s', '90 s', '90 min', '24 h']
    """
    for size, unit in ((48 * 3_600e6, "d"), (2 * 3_600e6, "h"), (120e6, "min")):
        if micros >= size:
            return f"{micros / _UNITS[unit]:.3g} {unit}"
    return f"{micros / 1e6:.3g} s"


_UNITS = {"d": 86_400e6, "h": 3_600e6, "min": 60e6}


def _instants(array: pa.Array) -> pa.Array:
    """Return times in UTC to the microsecond, null where there is none."""
    zone = getattr(array.type, "tz", None)
    times = pc.cast(array, pa.timestamp("us", zone), safe=False)
    return pc.cast(times, pa.timestamp("us"), safe=False) if zone else times


def _micros(array: pa.Array) -> Floats:
    """Return times as microseconds since the Unix epoch, NaN for null."""
    return floats(pc.cast(array, pa.int64()))


def _whole(served: pa.Array, recomputed: pa.Array) -> Bools | None:
    """Return where two columns of integers are equal, to the last digit.

    None where float64 tells as much.
    """
    sides = served, recomputed
    if not all(pa.types.is_integer(side.type) for side in sides):
        return None
    if all(
        side.type.bit_width <= FLOAT_BITS or held(side.drop_null()) for side in sides
    ):
        return None
    exact = (pc.cast(side, pa.decimal128(20, 0)) for side in sides)
    return np.asarray(pc.fill_null(pc.equal(*exact), fill_value=False))


def _near(
    served: Floats, recomputed: Floats, tolerance: Tolerance, exact: Bools | None
) -> Bools:
    larger = np.maximum(np.abs(served), np.abs(recomputed))
    far = tolerance.relative * (larger + CANCELLED)
    with np.errstate(invalid="ignore"):
        near = np.abs(served - recomputed) <= np.maximum(far, tolerance.absolute)
    # Infinities are equal to themselves, though their difference is no number.
    same = (near & np.isfinite(larger)) | (served == recomputed)
    return np.asarray(same if exact is None else same & exact)


def _equal(served: pa.Array, recomputed: pa.Array) -> Bools:
    return np.asarray(pc.fill_null(pc.equal(served, recomputed), fill_value=False))


def _count(column: str, same: Bools, no_served: Bools, no_recomputed: Bools) -> Pairs:
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
    )


def spread(rows: Ints, most: int) -> Ints:
    """Return at most so many rows, evenly spread over all of them."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
