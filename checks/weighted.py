"""What one column's rows come to in weights: its cells, and what they rest on.

Beside the counts of the rows that were looked at stands what these stand for. A profile
of rows that bear no weights has nothing of it, and merges with one that does as rows
that stand for themselves.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks import codec
from checks.bins import TAIL_LIMIT, Floats, Ints, LevelBins, NumericBins
from checks.cells import MOST, plus, summed
from checks.schema import Kind
from checks.values import numbers, texts
from checks.weight import UNIT, Weight, added, squared

ONE = int(squared(np.array([UNIT]))[0])
"""The square of the weight of a row that stands for itself."""

Kept = Callable[[Mapping[str, int]], dict[str, int]]
"""Chooses the levels that are kept by name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighted:
    """The cells of a column in units of weight.

    `valued` are the weights of the rows with a value, `missing` those of the others.
    `counts` are in units; `sums` are steps of the grids, of which each row's are taken
    as often as it stands for one. `squares` are those of the weights in each cell, and
    one more of all others, roughly (`checks.weight.squared`). `others` and `unseen` are
    those of a column of levels, in units.
    """

    valued: Weight
    missing: Weight
    counts: Ints
    sums: Ints
    squares: Ints
    others: int = 0
    unseen: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> Weight:
        """The weights of all rows."""
        return self.valued.merge(self.missing)

    @property
    def beyond(self) -> bool:
        """Whether they add up to more than can be counted."""
        sums = (self.counts, self.sums, self.squares)
        return any(int(part.max(initial=0)) >= MOST for part in sums)

    @property
    def even(self) -> bool:
        """Whether all rows have one weight."""
        return self.whole.even

    @classmethod
    def plain(  # noqa: PLR0913 - what a profile of rows without weights counts
        cls,
        *,
        n: int,
        missing: int,
        counts: Ints,
        sums: Ints,
        others: int = 0,
        unseen: Mapping[str, int] | None = None,
    ) -> Self:
        """Return what rows come to that each stand for themselves."""
        return cls(
            valued=Weight.plain(n),
            missing=Weight.plain(missing),
            counts=counts * UNIT,
            sums=sums,
            squares=np.append(counts, others) * ONE,
            others=others * UNIT,
            unseen={level: count * UNIT for level, count in (unseen or {}).items()},
        )

    def merge(self, other: Self, kept: Kept = dict) -> Self:
        """Return what both sets of rows come to."""
        return type(self)(
            valued=self.valued.merge(other.valued),
            missing=self.missing.merge(other.missing),
            counts=plus(self.counts, other.counts),
            sums=plus(self.sums, other.sums),
            squares=plus(self.squares, other.squares),
            others=self.others + other.others,
            unseen=kept(Counter(self.unseen) + Counter(other.unseen)),
        )

    @classmethod
    def of_numbers(
        cls, bins: NumericBins, kind: Kind, array: pa.ChunkedArray, units: Ints
    ) -> Self:
        """Weigh one chunk of a column of numbers; raises Unmeasurable."""
        values, nulls = numbers(array, kind)
        valid = np.asarray(pc.is_valid(array)) if nulls else slice(None)
        usable = np.isfinite(values)
        chosen, weights = values[usable] + 0.0, units[valid][usable]
        order = np.argsort(chosen, kind="stable")
        counts, sums, squares = _tally(chosen[order], weights[order], bins)
        valued, every = Weight.of(weights), Weight.of(units)
        held = np.zeros(len(units), np.bool_)
        held[valid] = usable
        missing = Weight() if valued.rows == every.rows else Weight.of(units[~held])
        return cls(
            valued=valued, missing=missing, counts=counts, sums=sums, squares=squares
        )

    @classmethod
    def of_levels(
        cls, bins: LevelBins, array: pa.ChunkedArray, units: Ints, kept: Kept
    ) -> Self:
        """Weigh one chunk of a column of levels; raises Unmeasurable."""
        coded = texts(array).combine_chunks().dictionary_encode()
        levels = coded.dictionary.to_pylist()
        valid = np.asarray(pc.is_valid(coded))
        places = np.asarray(coded.indices.drop_null()).astype(np.int64)
        sums = added(places, units[valid], len(levels)).tolist()
        parts = added(places, squared(units[valid]), len(levels)).tolist()
        counts = np.zeros(len(bins.levels), np.int64)
        squares = np.zeros(len(bins.levels) + 1, np.int64)
        unseen: dict[str, int] = {}
        for level, weight, square in zip(levels, sums, parts, strict=True):
            cell = bins.position.get(level)
            if cell is not None:
                counts[cell], squares[cell] = weight, square
            else:
                unseen[level] = weight
                squares[-1] += square
        return cls(
            valued=Weight.of(units[valid]),
            missing=Weight.of(units[~valid]),
            counts=counts,
            sums=np.empty(0, np.int64),
            squares=squares,
            others=sum(unseen.values()),
            unseen=kept(unseen) if bins.complete else {},
        )

    def to_header(self) -> dict[str, Any]:
        """Return all but the arrays as JSON types; `read` takes them again."""
        told = {
            "valued": self.valued.to_list(),
            "missing": self.missing.to_list(),
            "others": self.others,
            "unseen": dict(self.unseen),
        }
        return {"weighted": told}

    def arrays(self, name: str) -> dict[str, codec.Array]:
        """Return the arrays of a column by that name."""
        return {
            f"{name}/weighted:counts": self.counts,
            f"{name}/weighted:sums": self.sums,
            f"{name}/weighted:squares": self.squares,
        }


_ARRAYS = ("counts", "sums", "squares")


def read(
    name: str, written: Mapping[str, Any], arrays: Mapping[str, codec.Array]
) -> dict[str, Weighted]:
    """Read what the rows of a stored column stand for; nothing without weights."""
    if "weighted" not in written:
        return {}
    told = written["weighted"]
    counts, sums, squares = (arrays[f"{name}/weighted:{part}"] for part in _ARRAYS)
    found = Weighted(
        valued=Weight.from_list(told["valued"]),
        missing=Weight.from_list(told["missing"]),
        counts=counts.astype(np.int64, copy=False),
        sums=sums.astype(np.int64, copy=False),
        squares=squares.astype(np.int64, copy=False),
        others=told["others"],
        unseen=told["unseen"],
    )
    return {"weighted": found}


def _tally(
    ordered: Floats, weights: Ints, bins: NumericBins
) -> tuple[Ints, Ints, Ints]:
    """Weigh sorted finite values in the cells, sum them on the grids, and square."""
    edges, k = bins.edges, len(bins.edges)
    rough = squared(weights)
    if k == 0:
        ends = np.array([0, len(weights)])
        squares = np.append(summed(rough, ends), 0)
        return summed(weights, ends), np.zeros(1, np.int64), squares
    left = np.searchsorted(ordered, edges, "left")
    right = np.searchsorted(ordered, edges, "right")
    bounds = np.empty(2 * k + 2, np.int64)
    bounds[0], bounds[-1] = 0, len(ordered)
    bounds[1:-1:2], bounds[2:-1:2] = left, right
    steps = (ordered - edges[0]) / bins.step
    with np.errstate(over="ignore"):  # beyond every limit is beyond this one
        below, above = left[0], right[-1]
        steps[:below] = _far((edges[0] - ordered[:below]) / bins.tail_step)
        steps[above:] = _far((ordered[above:] - edges[-1]) / bins.tail_step)
    parts = np.rint(np.rint(steps) * (weights / UNIT)).astype(np.int64)
    squares = np.append(summed(rough, bounds), 0)
    return summed(weights, bounds), summed(parts, bounds)[::2], squares


def _far(steps: Floats) -> Floats:
    return np.asarray(np.minimum(steps, TAIL_LIMIT))
