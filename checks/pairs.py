"""Row-level skew: the values that were served beside the values recomputed for them.

Rows are joined by prediction id before they come here. What is kept of one feature is
counts, with the laws that explain the differing pairs (`checks.cause`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks import cause, laws, wording
from checks.bins import Ints
from checks.cause import Cause, Law, Nature
from checks.classes import Bools, Values, arrow, floats
from checks.errors import ProfileError
from checks.exact import Floats
from checks.schema import Kind
from checks.values import FLOAT_BITS, family_of, held, texts

TOLERANCE = 1e-6
"""The relative difference up to which two numbers count as equal."""
ABSOLUTE = 1e-6
"""The absolute one, as a share of the relative: 1e-12, for sums that cancel to zero."""
FINEST = 2.0**-52
"""A relative difference below this one may be lost where integers become floats."""
MAX_EXAMINED = 20_000
"""Differing pairs that are asked for a cause, evenly spread over all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingCounts:
    """How the rows of two tables found each other by their ids (TFDV's counters).

    `duplicated` counts ids that stand twice on either side, whose rows are left out,
    because none of them is known to be the right one.
    """

    served_with_id: int = 0
    served_without_id: int = 0
    recomputed_with_id: int = 0
    recomputed_without_id: int = 0
    ids: int = 0
    only_served: int = 0
    only_recomputed: int = 0
    duplicated: int = 0
    joined: int = 0

    def merge(self, other: "PairingCounts") -> "PairingCounts":
        """Return the counts of two sets of rows that share no id."""
        return PairingCounts(
            **{
                part.name: getattr(self, part.name) + getattr(other, part.name)
                for part in fields(self)
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """One feature, served and recomputed, over the joined rows.

    Every joined row is of exactly one of five sorts: equal, different, missing on
    either side, or missing on both, which counts as agreement. `examined` of the
    differing ones were asked for a cause, and `laws` tells how many each explains.
    `unjoined` says why there are no pairs, where there are none.
    """

    column: str
    match: int = 0
    mismatch: int = 0
    served_missing: int = 0
    recomputed_missing: int = 0
    both_missing: int = 0
    examined: int = 0
    laws: Mapping[Law, int] = field(default_factory=lambda: MappingProxyType({}))
    unjoined: str = ""

    @property
    def n_both(self) -> int:
        """Joined rows."""
        return self.match + self.both_missing + self.differing

    @property
    def differing(self) -> int:
        """Joined rows on which the sides disagree, missing values included."""
        return self.mismatch + self.served_missing + self.recomputed_missing

    @property
    def cause(self) -> Cause | None:
        """The law that explains nearly all differing rows, if there is one."""
        return cause.likely(self.laws, self.examined)

    def merge(self, other: "Pairs") -> "Pairs":
        """Return the pairs of both sets of rows together.

        A law is proposed anew in each set; those that agree add up. Raises
        ProfileError for another column.
        """
        if self.column != other.column:
            msg = f"pairs of {self.column!r} cannot be merged with {other.column!r}"
            raise ProfileError(msg)
        found = {
            law: self.laws.get(law, 0) + other.laws.get(law, 0)
            for law in sorted({*self.laws, *other.laws})
        }
        return replace(
            self,
            match=self.match + other.match,
            mismatch=self.mismatch + other.mismatch,
            served_missing=self.served_missing + other.served_missing,
            recomputed_missing=self.recomputed_missing + other.recomputed_missing,
            both_missing=self.both_missing + other.both_missing,
            examined=self.examined + other.examined,
            laws=MappingProxyType(found),
            unjoined=min(self.unjoined, other.unjoined),
        )


def compare(
    served: Values,
    recomputed: Values,
    *,
    column: str,
    kind: Kind,
    tolerance: float = TOLERANCE,
) -> Pairs:
    """Compare two columns row by row; null and NaN are equal to each other.

    Numbers are equal within `tolerance` times the larger of them, times and text only
    where they are the same. Raises Unmeasurable for nested values.

    >>> served, recomputed = [1.0, 2.0, None], [1.0, 2.5, None]
    >>> pairs = compare(served, recomputed, column="x", kind=Kind.NUMERIC)
    >>> pairs.match, pairs.mismatch, pairs.both_missing
    (1, 1, 1)
    """
    ours, theirs = arrow(served), arrow(recomputed)
    if len(ours) != len(theirs):
        msg = f"{len(ours)} served values of {column!r} beside {len(theirs)}"
        raise ProfileError(msg)
    sides = {family_of(ours.type), family_of(theirs.type)} - {"empty"}
    if sides <= {"number", "boolean"} and kind is not Kind.CATEGORICAL:
        exact = _whole(ours, theirs) if tolerance < FINEST else None
        numbers = floats(ours), floats(theirs)
        return _compare_numbers(*numbers, column, kind, tolerance, exact=exact)
    if sides == {"time"}:
        return _compare_times(_instants(ours), _instants(theirs), column)
    return _compare_texts(texts(ours), texts(theirs), column)


def _instants(array: pa.Array) -> Floats:
    """Return times as microseconds since the Unix epoch, UTC, NaN for null."""
    if not pa.types.is_null(array.type):
        zone = getattr(array.type, "tz", None)
        array = pc.cast(array, pa.timestamp("us", zone), safe=False)
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


def _compare_numbers(  # noqa: PLR0913 - two columns, and what is the same in them
    served: Floats,
    recomputed: Floats,
    column: str,
    kind: Kind,
    tolerance: float,
    *,
    exact: Bools | None,
) -> Pairs:
    larger = np.maximum(np.abs(served), np.abs(recomputed))
    with np.errstate(invalid="ignore"):
        near = np.abs(served - recomputed) <= tolerance * (larger + ABSOLUTE)
    # Infinities are equal to themselves, though their difference is no number.
    same = (near & np.isfinite(larger)) | (served == recomputed)
    if exact is not None:
        same &= exact
    pairs = _count(column, same, np.isnan(served), np.isnan(recomputed))
    rows = _examined(same, served, recomputed)
    found = laws.numbers(served[rows], recomputed[rows], served[same])
    if kind is Kind.BOOLEAN and _nearly_all(pairs):
        law = Law(
            Nature.INVERTED, "served is yes where recomputed is no, and no where yes"
        )
        found[law] = int(np.count_nonzero(~np.isnan(served[rows] + recomputed[rows])))
    return replace(pairs, examined=len(rows), laws=MappingProxyType(found))


def _compare_times(served: Floats, recomputed: Floats, column: str) -> Pairs:
    same = served == recomputed
    pairs = _count(column, same, np.isnan(served), np.isnan(recomputed))
    rows = _examined(same, served, recomputed)
    found = laws.times(served[rows], recomputed[rows], served[same])
    return replace(pairs, examined=len(rows), laws=MappingProxyType(found))


def _compare_texts(served: pa.Array, recomputed: pa.Array, column: str) -> Pairs:
    same = np.asarray(pc.fill_null(pc.equal(served, recomputed), fill_value=False))
    absent = np.asarray(pc.is_null(served)), np.asarray(pc.is_null(recomputed))
    pairs = _count(column, same, *absent)
    rows = pa.array(_spread(np.flatnonzero(~same & ~(absent[0] & absent[1]))))
    found = wording.texts(
        served.take(rows).to_pylist(),
        recomputed.take(rows).to_pylist(),
        inverted=_nearly_all(pairs),
        usual=partial(_share_of, served.filter(pa.array(same))),
    )
    return replace(pairs, examined=len(rows), laws=MappingProxyType(found))


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


def _examined(same: Bools, served: Floats, recomputed: Floats) -> Ints:
    return _spread(np.flatnonzero(~same & ~(np.isnan(served) & np.isnan(recomputed))))


def _spread(rows: Ints) -> Ints:
    if len(rows) <= MAX_EXAMINED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MAX_EXAMINED).astype(np.int64)]
