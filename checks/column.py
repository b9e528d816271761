"""What one column of a window is reduced to: integer counts in its frozen bins."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints, LevelBins, NumericBins
from checks.cells import counted, counted_repeated, plus
from checks.distinct import Distinct
from checks.schema import Column
from checks.values import hashes, numbers, repeated, texts
from checks.weighted import Kept, Weighted

MAX_UNSEEN = 20
"""Unseen levels that are kept by name: those with the smallest hashes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericProfile:
    """Counts of a numeric or datetime column in the cells of its bins.

    `counts` has 2K + 1 cells (see `checks.bins`). `sums` has K + 1 open cells: inside,
    the sum of (value - first edge) in grid steps; at the ends, the sum of distances
    beyond the edge in tail steps. `rows` counts all rows, of which `nulls` are null,
    `nans` NaN and `infinities` ±inf; these are in no cell. All these are rows that were
    looked at; `weighted` is what they stand for, None where each stands for itself.
    `weight_effect` is the part of the design effect that uneven weights make.
    """

    column: Column
    bins: NumericBins
    rows: int
    nulls: int
    nans: int
    infinities: int
    counts: Ints
    sums: Ints
    saturated: int
    minimum: float | None
    maximum: float | None
    design_effect: float = 1.0
    missing_effect: float = 1.0
    weight_effect: float = 1.0
    weighted: Weighted | None = None

    @property
    def missing(self) -> int:
        """Rows without a finite value."""
        return self.nulls + self.nans + self.infinities

    @property
    def n(self) -> int:
        """Rows with a finite value."""
        return round(self.rows - self.missing)

    @property
    def n_effective(self) -> float:
        """Rows with a value, less what serial correlation takes away."""
        return self.n / self.design_effect

    @property
    def fields(self) -> dict[str, Any]:
        """The plain numbers of the profile, which its stored form keeps by name."""
        return {
            "rows": self.rows,
            "nulls": self.nulls,
            "nans": self.nans,
            "infinities": self.infinities,
            "saturated": self.saturated,
            "minimum": self.minimum,
            "maximum": self.maximum,
        }

    @classmethod
    def of(
        cls,
        column: Column,
        bins: NumericBins,
        array: pa.ChunkedArray,
        units: Ints | None = None,
    ) -> Self:
        """Count one chunk of a column, whose rows may have weights in units.

        Raises Unmeasurable when it holds no numbers.
        """
        seldom = repeated(array, column.kind)
        if seldom is not None:
            values, times = seldom
            found = cls.of_sorted(
                column, bins, values, times=times, nulls=array.null_count
            )
        else:
            values, nulls = numbers(array, column.kind)
            ordered, nans, infinities = finite(np.sort(values))
            found = cls.of_sorted(
                column, bins, ordered, nulls=nulls, nans=nans, infinities=infinities
            )
        if units is None:
            return found
        weighted = Weighted.of_numbers(bins, column.kind, array, units)
        return replace(found, weighted=weighted)

    @classmethod
    def of_sorted(  # noqa: PLR0913 - each is one count of rows without a value
        cls,
        column: Column,
        bins: NumericBins,
        ordered: Floats,
        *,
        times: Ints | None = None,
        nulls: int = 0,
        nans: int = 0,
        infinities: int = 0,
        design_effect: float = 1.0,
    ) -> Self:
        """Count finite values that are sorted, beside so many that are missing.

        Each stands so many `times`; once where that is None.
        """
        if times is None:
            counts, sums, saturated = counted(ordered, bins)
        else:
            counts, sums, saturated = counted_repeated(ordered, times, bins)
        return cls(
            column=column,
            bins=bins,
            rows=int(counts.sum()) + nulls + nans + infinities,
            nulls=nulls,
            nans=nans,
            infinities=infinities,
            counts=counts,
            sums=sums,
            saturated=saturated,
            minimum=float(ordered[0]) if len(ordered) else None,
            maximum=float(ordered[-1]) if len(ordered) else None,
            design_effect=design_effect,
        )

    @cached_property
    def shares(self) -> Floats:
        """The share of the values that each cell holds."""
        return np.asarray(self.counts / self.n)

    @cached_property
    def below(self) -> Floats:
        """The share of the values up to the end of each cell but the last."""
        return np.asarray(np.cumsum(self.counts[:-1]) / self.n)

    @cached_property
    def lifted(self) -> Floats:
        """The area that the values between two edges lift the share below them by."""
        bins, counts = self.bins, self.counts[2:-1:2]
        # A value x inside (a, b) lifts the function over b - x of the width.
        area = counts * (bins.edges[1:] - bins.edges[0]) - self.sums[1:-1] * bins.step
        most = counts * bins.width
        return np.asarray(np.minimum(np.maximum(area, 0.0), most) / self.n)

    @cached_property
    def mean(self) -> float:
        """The mean of the values: exact, up to the grid of the sums."""
        bins, counts, sums = self.bins, self.counts, self.sums
        total = float(counts[1::2] @ (bins.edges - bins.edges[0]))
        total += float(sums[1:-1].sum()) * bins.step
        total += float(counts[-1]) * float(bins.edges[-1] - bins.edges[0])
        total += float(sums[-1] - sums[0]) * bins.tail_step
        return float(bins.edges[0]) + total / self.n

    @property
    def weights(self) -> Weighted:
        """What the rows stand for; each for itself where nothing else is known."""
        return self.weighted or Weighted.plain(
            n=self.n, missing=self.missing, counts=self.counts, sums=self.sums
        )

    def merge(self, other: Self) -> Self:
        """Return the profile of both sets of rows."""
        return replace(
            self,
            weighted=_together(self, other),
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            nans=self.nans + other.nans,
            infinities=self.infinities + other.infinities,
            counts=self.counts + other.counts,
            sums=plus(self.sums, other.sums),
            saturated=self.saturated + other.saturated,
            minimum=_extreme(min, self.minimum, other.minimum),
            maximum=_extreme(max, self.maximum, other.maximum),
        )


def _extreme(
    choose: Callable[..., float | None], *values: float | None
) -> float | None:
    return choose((v for v in values if v is not None), default=None)


def finite(ordered: Floats) -> tuple[Floats, int, int]:
    """Cut sorted values down to the finite ones; also count NaNs and infinities."""
    first = int(np.searchsorted(ordered, -np.inf, "right"))
    infinite, last = np.searchsorted(ordered, [np.inf, np.nan]).tolist()
    finite = ordered[first:infinite]
    zeros = np.searchsorted(finite, 0.0), np.searchsorted(finite, 0.0, "right")
    finite[slice(*zeros)] = 0.0  # of which some may have been negative
    return finite, len(ordered) - last, first + last - infinite


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelProfile:
    """Counts of a categorical or boolean column.

    `counts` has one cell for each level of the bins; `others` counts the values that
    are none of them, and `unseen` names some of those, with their counts: the
    `MAX_UNSEEN` whose hashes are smallest, so that merging stays exact. `rest` tells
    how many different values the others are; None where an older profile does not say.
    `stretches` holds, of each stretch of a reference, the rows with a value and the
    number of different values.
    """

    column: Column
    bins: LevelBins
    rows: int
    nulls: int
    counts: Ints
    others: int
    unseen: Mapping[str, int] = field(default_factory=dict)
    rest: Distinct | None = None
    stretches: tuple[tuple[int, float], ...] = ()
    design_effect: float = 1.0
    missing_effect: float = 1.0
    weight_effect: float = 1.0
    weighted: Weighted | None = None

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.nulls

    @property
    def n(self) -> int:
        """Rows with a value."""
        return round(self.rows - self.nulls)

    @property
    def n_effective(self) -> float:
        """Rows with a value, less what serial correlation takes away."""
        return self.n / self.design_effect

    @property
    def fields(self) -> dict[str, Any]:
        """The plain numbers of the profile, which its stored form keeps by name."""
        return {
            "rows": self.rows,
            "nulls": self.nulls,
            "others": self.others,
            "unseen": dict(self.unseen),
        }

    @classmethod
    def of(
        cls,
        column: Column,
        bins: LevelBins,
        array: pa.ChunkedArray,
        units: Ints | None = None,
    ) -> Self:
        """Count one chunk of a column, whose rows may have weights in units.

        Raises Unmeasurable when its values have no levels.
        """
        found = cls.of_levels(column, bins, level_counts(array), rows=len(array))
        if units is None:
            return found
        weighted = Weighted.of_levels(bins, array, units, _smallest)
        return replace(found, weighted=weighted)

    @classmethod
    def of_levels(
        cls, column: Column, bins: LevelBins, counted: Mapping[str, int], *, rows: int
    ) -> Self:
        """Count so many rows, of which each level has as many as it is told to."""
        counts = np.zeros(len(bins.levels), np.int64)
        unseen: dict[str, int] = {}
        others = 0
        for level, count in counted.items():
            cell = bins.position.get(level)
            if cell is not None:
                counts[cell] = count
            else:
                others += count
                unseen[level] = count
        return cls(
            column=column,
            bins=bins,
            rows=rows,
            nulls=rows - sum(counted.values()),
            counts=counts,
            others=others,
            unseen=_smallest(unseen) if bins.complete else {},
            rest=replace(Distinct.of(_hashed(unseen)), rows=others),
        )

    @property
    def weights(self) -> Weighted:
        """What the rows stand for; each for itself where nothing else is known."""
        return self.weighted or Weighted.plain(
            n=self.n,
            missing=self.missing,
            counts=self.counts,
            sums=np.empty(0, np.int64),
            others=self.others,
            unseen=self.unseen,
        )

    @property
    def different(self) -> float | None:
        """How many different values there are; None where nobody counted them."""
        known = float(np.count_nonzero(self.counts))
        if not self.others:
            return known
        return None if self.rest is None else known + self.rest.number

    def merge(self, other: Self) -> Self:
        """Return the profile of both sets of rows."""
        return replace(
            self,
            weighted=_together(self, other, _smallest),
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            counts=self.counts + other.counts,
            others=self.others + other.others,
            unseen=_smallest(Counter(self.unseen) + Counter(other.unseen)),
            rest=None
            if self.rest is None or other.rest is None
            else self.rest.merge(other.rest),
        )


def _hashed(levels: Mapping[str, int]) -> npt.NDArray[np.uint64]:
    if not levels:
        return np.empty(0, np.uint64)
    return hashes(pa.chunked_array([pa.array(list(levels), pa.string())]))


def level_counts(array: pa.ChunkedArray) -> dict[str, int]:
    """Count the levels of a column, nulls and NaN left out."""
    if not len(array) or array.null_count == len(array):
        return {}
    if pa.types.is_dictionary(array.type):
        return _encoded_counts(array)
    counted = pc.value_counts(texts(array).drop_null())
    levels, counts = counted.field("values"), counted.field("counts")
    return dict(zip(levels.to_pylist(), counts.to_pylist(), strict=True))


def _encoded_counts(array: pa.ChunkedArray) -> dict[str, int]:
    """Count levels by their places in a dictionary, without writing each value out."""
    total: Counter[str] = Counter()
    for chunk in array.chunks:
        levels = texts(pa.chunked_array([chunk.dictionary])).to_pylist()
        places = np.asarray(chunk.indices.drop_null())
        counts = np.bincount(places, minlength=len(levels)).tolist()
        for level, count in zip(levels, counts, strict=True):
            if count and level is not None:
                total[level] += count
    return dict(total)


def _smallest(unseen: Mapping[str, int]) -> dict[str, int]:
    if len(unseen) <= MAX_UNSEEN:
        return dict(sorted(unseen.items()))
    ranked = sorted(unseen, key=lambda level: hashlib.sha256(level.encode()).digest())
    return {level: unseen[level] for level in sorted(ranked[:MAX_UNSEEN])}


ColumnProfile = NumericProfile | LevelProfile


def _together(
    mine: ColumnProfile, theirs: ColumnProfile, kept: Kept = dict
) -> Weighted | None:
    """Merge what two sets of rows stand for; None where no row bears a weight."""
    if mine.weighted is None and theirs.weighted is None:
        return None
    return mine.weights.merge(theirs.weights, kept)
