"""Inclusion weights: how many rows of the full traffic each sampled row stands for.

A weight is held in whole units of `1 / UNIT`, so that sums of weights and of their
squares are integers: merging them is associative, commutative and exact. Of the rows
that some weights leave to go by, Kish's effective number (sum w)² / sum w² is what the
certainty of a statistic rests on ("Survey Sampling", 1965).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.errors import Unmeasurable
from checks.schema import Kind, Role, Schema
from checks.values import numbers

WEIGHT = "driftd_weight"
"""The column in which driftd's own sampling keeps the weight of each row."""
UNIT = 1 << 16
"""Units of weight that a row which stands for itself has."""
LARGEST = 1 << 20
"""Rows that one row may stand for, at most."""
SMALLEST = 0.001
"""Rows that one row may stand for, at least: units would round less too far."""
_HALF = 18
"""Bits of half a weight: the largest, in units, has 36."""
_LOW = (1 << _HALF) - 1
GROUPS = 10
"""Groups of cells whose weights are looked at by themselves."""
_ROUGH = 64
"""Units of a squared weight, where squares are added up cell by cell."""

Read = Callable[[str], pa.ChunkedArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The weights of some rows, added up: the sum, the squares, and both extremes.

    All in units. Of no rows the `least` is larger than the `most`.
    """

    rows: int = 0
    total: int = 0
    squares: int = 0
    least: int = LARGEST * UNIT
    most: int = 0

    @classmethod
    def of(cls, units: Ints) -> Self:
        """Add up the weights of rows."""
        if not len(units):
            return cls()
        high, low = units >> _HALF, units & _LOW
        squares = (
            (int((high * high).sum()) << (2 * _HALF))
            + (int((high * low).sum()) << (_HALF + 1))
            + int((low * low).sum())
        )
        return cls(
            rows=len(units),
            total=int(units.sum()),
            squares=squares,
            least=int(units.min()),
            most=int(units.max()),
        )

    @classmethod
    def plain(cls, rows: int) -> Self:
        """Return the weights of rows that each stand for themselves."""
        if not rows:
            return cls()
        total = rows * UNIT
        return cls(rows=rows, total=total, squares=total * UNIT, least=UNIT, most=UNIT)

    def merge(self, other: Self) -> Self:
        """Return the weights of both sets of rows."""
        return type(self)(
            rows=self.rows + other.rows,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            least=min(self.least, other.least),
            most=max(self.most, other.most),
        )

    @property
    def even(self) -> bool:
        """Whether all rows have one weight: then it changes no share."""
        return self.least >= self.most

    @property
    def traffic(self) -> float:
        """How many rows of the full traffic these stand for."""
        return self.total / UNIT

    @property
    def effect(self) -> float:
        """Kish's design effect: rows over effective rows; 1 for even weights.

        >>> uneven = Weight.of(np.array([UNIT, UNIT, 4 * UNIT]))
        >>> uneven.traffic, uneven.effect
        (6.0, 1.5)
        """
        if self.even:
            return 1.0
        return max(1.0, self.rows * self.squares / (self.total * self.total))

    @property
    def variance(self) -> float:
        """The variance of `traffic` where rows were included each by itself.

        The estimator of Horvitz and Thompson for independent inclusion, J. Am. Stat.
        Assoc. 47 (1952): the sum of w (w - 1).
        """
        return max(0.0, (self.squares / UNIT - self.total) / UNIT)

    def to_list(self) -> list[int]:
        """Return it as JSON types; `from_list` reads it."""
        return [self.rows, self.total, self.squares, self.least, self.most]

    @classmethod
    def from_list(cls, written: Sequence[int]) -> Self:
        """Read what `to_list` wrote."""
        rows, total, squares, least, most = written
        return cls(rows=rows, total=total, squares=squares, least=least, most=most)


def together(
    mine: Weight | None, my_rows: int, theirs: Weight | None, their_rows: int
) -> Weight | None:
    """Merge the weights of two sets of rows; rows without any stand for themselves."""
    if mine is None and theirs is None:
        return None
    first = Weight.plain(my_rows) if mine is None else mine
    return first.merge(Weight.plain(their_rows) if theirs is None else theirs)


def squared(units: Ints) -> Ints:
    """Return the squares of weights, rounded so that many of them can be added up."""
    weights = units / UNIT
    return np.maximum(np.rint(weights * weights * _ROUGH), 1).astype(np.int64)


def added(places: Ints, units: Ints, size: int) -> Ints:
    """Add up weights by place, exactly, whatever their number.

    >>> added(np.array([0, 2, 0]), np.array([1, 5, 1 << 35]), 3).tolist()
    [34359738369, 0, 5]
    """
    high = np.bincount(places, weights=units >> _HALF, minlength=size)
    low = np.bincount(places, weights=units & _LOW, minlength=size)
    return np.asarray((high.astype(np.int64) << _HALF) + low.astype(np.int64))


def effect_of(totals: Floats, squares: Floats, rows: int) -> float:
    """Return the design effect of weights that may go with the values, part by part.

    Each part of the rows has an effect of its own, its sum of squares over what as many
    rows of one weight would have, and no share or mean is less certain than the largest
    says. Parts are looked at by their weight: the third moment over the second lies
    near the largest of those that matter, and little above Kish's number where weights
    have nothing to do with the values.

    >>> same, apart = np.array([4.0, 4.0]), np.array([10.0, 1.0])
    >>> effect_of(same, 2 * same, 4), round(effect_of(same, 2 * apart, 4), 2)
    (1.0, 2.48)
    """
    held = totals > 0
    totals, squares = totals[held], squares[held]
    if not len(totals):
        return 1.0
    effects = rows * squares / (totals * totals.sum())
    third, second = (float(totals @ effects**k) for k in (3, 2))
    return max(1.0, third / second)


def effect_in_groups(totals: Floats, squares: Floats, whole: Weight) -> float:
    """Return the design effect of weights that are added up in many cells, in order.

    Neighbours are looked at together, in about as many `GROUPS` of one weight; a cell
    as large as half a group is one of its own. `squares` may be rough, and in units of
    their own: what they come to in all is known exactly.
    """
    sum_of = totals.sum()
    middle = np.cumsum(totals) - totals / 2
    group = np.minimum((middle * GROUPS / sum_of).astype(np.int64), GROUPS - 1)
    common = totals * 2 * GROUPS >= sum_of
    group = np.where(common, GROUPS + np.arange(len(totals)), group)
    group = np.unique(group, return_inverse=True)[1]
    parts, rough = (
        np.asarray(np.bincount(group, weights=held), np.float64)
        for held in (totals, squares)
    )
    return effect_of(parts, rough * (whole.squares / rough.sum()), whole.rows)


def columns_of(schema: Schema, names: Sequence[str]) -> tuple[str, ...]:
    """Return which of some columns bear weights: none where rows have none."""
    declared = [
        column.name
        for column in schema
        if column.role.weighs and column.name in names and column.name != WEIGHT
    ]
    return (*declared, *([WEIGHT] if WEIGHT in names else []))


def units_of(
    schema: Schema, names: Sequence[str], read: Read, rows: int
) -> Ints | None:
    """Return the weight of each row in units; None where no column bears any.

    Where several columns do, as where a sample was sampled again, they multiply. A row
    in which driftd's own is null stands for itself. Raises Unmeasurable for what is no
    number from `SMALLEST` to `LARGEST`.
    """
    bearing = columns_of(schema, names)
    if not bearing:
        return None
    weights = np.ones(rows)
    for name in bearing:
        column = schema.get(name)
        fraction = column is not None and column.role is Role.SAMPLING_FRACTION
        values = _numbers(name, read(name), rows)
        with np.errstate(divide="ignore", over="ignore"):
            weights = weights / values if fraction else weights * values
    if not ((weights >= SMALLEST) & (weights <= LARGEST)).all():
        raise Unmeasurable(_cause(bearing[0]))
    return np.rint(weights * UNIT).astype(np.int64)


def _numbers(name: str, array: pa.ChunkedArray, rows: int) -> Floats:
    try:
        if name == WEIGHT:  # rows from before anything was sampled
            array = pc.fill_null(pc.cast(array, pa.float64()), 1.0)
        values, nulls = numbers(array, Kind.NUMERIC)
    except (Unmeasurable, pa.ArrowException):
        raise Unmeasurable(_cause(name)) from None
    if nulls or len(values) != rows:
        raise Unmeasurable(_cause(name))
    return values


def _cause(name: str) -> str:
    return (
        f"the weights in {name!r} are not all numbers from {SMALLEST} to {LARGEST:,}: "
        "nobody can say what their rows stand for"
    )
