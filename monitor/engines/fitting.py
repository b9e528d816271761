"""The values of one column of a reference that its bins are fitted on."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from checks.bins import ColumnBins, Floats, Ints, LevelBins, NumericBins
from checks.column import (
    ColumnProfile,
    LevelProfile,
    NumericProfile,
    finite,
    level_counts,
)
from checks.errors import Unmeasurable
from checks.schema import Column
from checks.values import numbers, repeated

FIT_LEVELS = 200_000
"""Levels of a column that are counted by name while bins are fitted on a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    """Finite values that are sorted, each so many `times` (None: once)."""

    ordered: Floats
    times: Ints | None = None
    nans: int = 0
    infinities: int = 0

    def bins(self, *, spent: bool) -> NumericBins:
        """Fit the bins, on values that may be `spent`; raises Unmeasurable."""
        if self.times is None:
            return NumericBins.fit_sorted(self.ordered, spent=spent)
        return NumericBins.fit_repeated(self.ordered, self.times)


class Fit:
    """What has been seen of a column, of which bins and counts are made in the end."""

    def __init__(self, column: Column, *, few: bool) -> None:
        """See nothing yet; of `few` rows every one is to be fitted on."""
        self._column = column
        self._few = few
        self._rows = 0
        self._nulls = 0
        self._levels: Counter[str] = Counter()
        self._values: list[Floats] = []
        self._times: Counter[float] = Counter()
        self._ends: tuple[float, ...] = ()
        self._cause: str | None = None

    def add(self, piece: pa.Array, some: pa.Array | None) -> None:
        """Add a piece of the column, of which only `some` rows are to be fitted on."""
        if self._cause is not None:
            return
        self._rows += len(piece)
        array = pa.chunked_array([piece])
        try:
            if self._column.kind.ordered:
                self._add_numbers(array, some)
            else:
                self._add_levels(array)
        except Unmeasurable as unmeasurable:
            self._cause = unmeasurable.cause

    def bins(self) -> ColumnBins | str:
        """Fit the bins, or say why there are none; lets the values go."""
        try:
            if self._is_levels():
                return LevelBins.fit(self._levels)
            return self._sorted().bins(spent=True)
        except Unmeasurable as unmeasurable:
            return unmeasurable.cause

    def counted(self) -> tuple[ColumnBins | str, ColumnProfile | None]:
        """Fit the bins as `bins` does, and count in them all that was fitted on."""
        column, rows = self._column, self._rows
        try:
            if self._is_levels():
                levels = LevelBins.fit(self._levels)
                counts = self._levels
                return levels, LevelProfile.of_levels(column, levels, counts, rows=rows)
            found = self._sorted()
            edges = found.bins(spent=False)
        except Unmeasurable as unmeasurable:
            return unmeasurable.cause, None
        return edges, NumericProfile.of_sorted(
            column,
            edges,
            found.ordered,
            times=found.times,
            nulls=self._nulls,
            nans=found.nans,
            infinities=found.infinities,
        )

    def _is_levels(self) -> bool:
        """Tell which bins the column has; raises Unmeasurable where it has none."""
        if self._cause is not None:
            raise Unmeasurable(self._cause)
        return not self._column.kind.ordered

    def _sorted(self) -> _Numbers:
        """Return the values that are fitted on, sorted, and let them go."""
        ends = () if self._few else self._ends
        often = np.array(sorted(self._times.items()), np.float64).reshape(-1, 2)
        values, times = often[:, 0].copy(), often[:, 1].astype(np.int64)
        if not self._values and not ends:
            return _Numbers(ordered=values, times=times)
        values = self._joined(np.concatenate([np.repeat(values, times), ends]))
        values.sort()
        ordered, nans, infinities = finite(values)
        return _Numbers(ordered=ordered, nans=nans, infinities=infinities)

    def _joined(self, more: Floats) -> Floats:
        """Put the values together, letting each piece go once it is copied."""
        end = sum(map(len, self._values))
        joined = np.empty(end + len(more))
        joined[end:] = more
        while self._values:
            piece = self._values.pop()
            joined[end - len(piece) : end] = piece
            end -= len(piece)
        return joined

    def _add_levels(self, array: pa.ChunkedArray) -> None:
        self._levels.update(level_counts(array))
        if not self._few and len(self._levels) > FIT_LEVELS:
            # The commonest stay in front all the same (Manku and Motwani,
            # "Approximate frequency counts over data streams", VLDB 2002).
            self._levels = Counter(dict(self._levels.most_common(FIT_LEVELS // 2)))

    def _add_numbers(self, array: pa.ChunkedArray, some: pa.Array | None) -> None:
        """Keep the least and the greatest value there is, and those to be fitted on."""
        kind = self._column.kind
        if some is not None:
            values, _ = numbers(array, kind)
            values = values[np.isfinite(values)]
            if len(values):
                ends = [*self._ends, float(values.min()), float(values.max())]
                self._ends = (min(ends), max(ends))
            array = array.take(some)
        seldom = repeated(array, kind)
        if seldom is not None:
            self._nulls += array.null_count
            for value, times in zip(*(part.tolist() for part in seldom), strict=True):
                self._times[value] += times
        else:
            values, nulls = numbers(array, kind)
            self._nulls += nulls
            self._values.append(values)
