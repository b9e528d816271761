"""One column's raw values, for the checks that are asked to look at rows themselves.

A profile is all that most checks need, and all that is kept. Some statistics exist on
raw rows alone, and some users want a number without a bound of what bins may hide: for
these a column is read once more. The values are sorted, so that the order in which
rows came leaves no trace.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pyarrow as pa

from checks.bins import Floats, NumericBins
from checks.column import (
    ColumnProfile,
    LevelProfile,
    NumericProfile,
    finite,
    level_counts,
)
from checks.schema import Column, Kind
from checks.values import numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """All values of one column, cleaned as profiles clean them.

    `numbers` are the finite values of a numeric or datetime column, sorted; `levels`
    the counts of a categorical or boolean one. `rows` counts all rows, of which
    `missing` have no (finite) value; `nans` of these are NaN and `infinities` infinite.
    `design_effect` is that of the reference. `arrays` holds the rows in their order,
    where a check is to see that, and `times` their times in microseconds since 1970
    (NaN where one has none), where they carry any; else nothing.
    """

    column: Column
    numbers: Floats = field(default_factory=lambda: np.empty(0))
    levels: Mapping[str, int] = field(default_factory=dict)
    rows: int
    missing: int
    nans: int = 0
    infinities: int = 0
    arrays: tuple[pa.ChunkedArray, ...] = ()
    times: Floats | None = None
    design_effect: float = 1.0

    @classmethod
    def of(cls, column: Column, *arrays: pa.ChunkedArray) -> Self:
        """Gather the values of one column, which may come in several arrays.

        Raises Unmeasurable when they cannot be read as the column's kind.

        >>> from checks.schema import Kind
        >>> x = Column(name="x", kind=Kind.NUMERIC)
        >>> found = Values.of(x, pa.chunked_array([[3.0, None, 1.0]]))
        >>> found.numbers.tolist(), found.rows, found.missing
        ([1.0, 3.0], 3, 1)
        """
        rows = sum(len(array) for array in arrays)
        if not column.kind.ordered:
            levels: Counter[str] = Counter()
            for array in arrays:
                levels.update(level_counts(array))
            missing = rows - levels.total()
            return cls(
                column=column,
                levels=dict(sorted(levels.items())),
                rows=rows,
                missing=missing,
            )
        found = [numbers(array, column.kind)[0] for array in arrays]
        ordered = np.concatenate(found) if found else np.empty(0)
        ordered.sort()
        ordered, nans, infinities = finite(ordered)
        return cls(
            column=column,
            numbers=ordered,
            rows=rows,
            missing=rows - len(ordered),
            nans=nans,
            infinities=infinities,
        )

    def in_order(self, *arrays: pa.ChunkedArray, times: Floats | None = None) -> Self:
        """Return the values with the arrays that they were gathered from."""
        return replace(self, arrays=arrays, times=times)

    @property
    def n(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def n_effective(self) -> float:
        """Rows with a value, less what serial correlation takes away."""
        return self.n / self.design_effect

    def corrected(self, design_effect: float) -> Self:
        """Return the values with the design effect of their stream."""
        return replace(self, design_effect=design_effect)

    def profile(self, bins: NumericBins) -> NumericProfile:
        """Count the numbers in bins."""
        return NumericProfile.of_sorted(
            self.column,
            bins,
            self.numbers,
            nulls=self.missing,
            design_effect=self.design_effect,
        )

    def are_those_of(self, profile: ColumnProfile) -> bool:
        """Tell whether a profile was counted from these values, or from equal ones."""
        if (profile.rows, profile.missing) != (self.rows, self.missing):
            return False
        if isinstance(profile, LevelProfile):
            counts = [self.levels.get(level, 0) for level in profile.bins.levels]
            return bool(counts == profile.counts.tolist())
        mine = self.profile(profile.bins)
        return bool(
            (mine.minimum, mine.maximum) == (profile.minimum, profile.maximum)
            and np.array_equal(mine.counts, profile.counts)
            and np.array_equal(mine.sums, profile.sums)
        )


def in_rows(kind: Kind, *arrays: pa.ChunkedArray) -> Floats:
    """Return numbers or times row by row, NaN where there is none.

    Raises Unmeasurable when they cannot be read as this kind.

    >>> in_rows(Kind.NUMERIC, pa.chunked_array([[3, None, 1]])).tolist()
    [3.0, nan, 1.0]
    """
    found = [np.empty(0)]
    for array in arrays:
        rows = np.full(len(array), np.nan)
        rows[np.asarray(array.is_valid())] = numbers(array, kind)[0]
        found.append(rows)
    return np.concatenate(found)
