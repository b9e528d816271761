"""Rows of mixed columns as numbers that a reference alone has fitted.

A number becomes its normal score among the reference's values (the normal quantile of
its share), so that no outlier outweighs the rest; a category the indicators of its
commonest levels, and of all others. A value that is missing has an indicator of its
own, and is in the middle of its column.

Rows that were looked at to choose codes are not compared with a window: what is common
among them by luck is so nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

from checks.bins import Floats
from checks.column import level_counts
from checks.errors import Unmeasurable
from checks.ranks import Matrix
from checks.sample import arrow
from checks.schema import Column, Kind
from checks.table import measured
from checks.values import texts

LEVELS = 8
"""Levels of a category that have indicators of their own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """How the values of a numeric column become normal scores."""

    column: Column
    ordered: Floats

    @property
    def width(self) -> int:
        """Numbers that a value becomes: its score, and whether it is missing."""
        return 2

    def code(self, table: pa.Table) -> Matrix:
        """Return rows × width; raises Unmeasurable where there are no numbers."""
        values = measured(table, self.column)
        if values is None:
            cause = f"column {self.column.name!r} holds no numbers"
            raise Unmeasurable(cause)
        n, there = len(self.ordered), np.isfinite(values)
        known = values[there]
        below = np.searchsorted(self.ordered, known, "left")
        upto = np.searchsorted(self.ordered, known, "right")
        share = np.clip((below + upto) / (2 * n), 0.5 / n, 1 - 0.5 / n)
        coded = np.zeros((len(values), 2))
        coded[there, 0] = special.ndtri(share)
        coded[:, 1] = ~there
        return coded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Indicators:
    """How the levels of a category become indicators."""

    column: Column
    counts: Mapping[str, int]

    @property
    def common(self) -> list[str]:
        """The commonest levels, in order."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [level for level, _ in ranked[:LEVELS]]

    @property
    def width(self) -> int:
        """Numbers that a value becomes: one a level, another level, missing."""
        return len(self.common) + 2

    def code(self, table: pa.Table) -> Matrix:
        """Return rows × width; raises Unmeasurable where there are no levels."""
        place = {level: k for k, level in enumerate(self.common)}
        other = len(self.common)
        written = pc.dictionary_encode(texts(table.column(self.column.name)))
        written = written.combine_chunks()
        if isinstance(written, pa.ChunkedArray):
            written = written.chunk(0)
        places = np.array(
            [place.get(level, other) for level in written.dictionary.to_pylist()]
            + [other + 1],
            dtype=np.int64,
        )
        index = np.asarray(pc.fill_null(written.indices, len(places) - 1))
        coded = np.zeros((table.num_rows, self.width))
        coded[np.arange(table.num_rows), places[index]] = 1.0
        return coded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coder:
    """How whole rows become numbers; `left` names the features that cannot."""

    codes: tuple[Scores | Indicators, ...]
    left: tuple[str, ...]

    @classmethod
    def fit(
        cls, reference: pa.Table, current: pa.Table, features: Sequence[Column]
    ) -> Self:
        """Fit on the reference, for the features that both sides can be read in."""
        codes: list[Scores | Indicators] = []
        left: list[str] = []
        for column in features:
            code = _fitted(reference, column)
            try:
                if code is not None and column.name in current.column_names:
                    code.code(current.slice(0, 1))
                    codes.append(code)
                    continue
            except Unmeasurable:
                pass
            left.append(column.name)
        return cls(codes=tuple(codes), left=tuple(left))

    @property
    def owners(self) -> tuple[str, ...]:
        """The column that each number belongs to."""
        return tuple(code.column.name for code in self.codes for _ in range(code.width))

    @property
    def scored(self) -> tuple[int, ...]:
        """The places of the normal scores among the numbers."""
        places, start = [], 0
        for code in self.codes:
            if isinstance(code, Scores):
                places.append(start)
            start += code.width
        return tuple(places)

    def code(self, table: pa.Table) -> Matrix:
        """Return rows × numbers; raises Unmeasurable where a column has changed."""
        if not self.codes:
            cause = "no feature can be read in both the reference and the window"
            raise Unmeasurable(cause)
        return np.hstack([code.code(table) for code in self.codes])


def halves(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Deal sampled rows to those that codes are fitted on and those to compare."""
    places = np.arange(rows.num_rows)
    return rows.take(arrow(places[1::2])), rows.take(arrow(places[::2]))


def _fitted(reference: pa.Table, column: Column) -> Scores | Indicators | None:
    if column.name not in reference.column_names:
        return None
    try:
        if column.kind is Kind.CATEGORICAL:
            counts = level_counts(reference.column(column.name))
            return Indicators(column=column, counts=counts) if counts else None
        values = measured(reference, column)
    except Unmeasurable:
        return None
    if values is None or not np.isfinite(values).any():
        return None
    return Scores(column=column, ordered=np.sort(values[np.isfinite(values)]))


def without(left: Sequence[str]) -> list[str]:
    """Tell which features could not be looked at: a phrase, or none.

    >>> without(["a", "b", "c", "d"]), without([])
    (['without a, b, c and 1 more'], [])
    """
    if not left:
        return []
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""  # noqa: PLR2004 - three are named
    return [f"without {', '.join(left[:3])}{more}"]
