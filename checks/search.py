"""A search for the part of some rows in which two samples differ most.

Every column is cut into cells that the reference decides: its quarters, or its
commonest levels. A segment is one cell, or two of different columns. In each segment
every column is compared by Pearson's statistic over its cells, and of all segments and
columns the pair with the largest statistic, for its degrees of freedom, is returned.

Absolute times are passed over: those of a window always differ from the reference's.

The largest of so many is large by chance too: what is found here has to be measured on
rows that the search has not seen.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.column import level_counts
from checks.errors import Unmeasurable
from checks.sample import arrow
from checks.schema import Column, Kind
from checks.segment import Condition, Segment, floats
from checks.values import texts

QUARTERS = 4
"""Ranges that a numeric column is cut into."""
MOST_LEVELS = 10
"""Levels of a categorical column that are segments; the rest are compared as one."""
FEWEST_LEVELS = 2
ROOM = 240
"""Cells of all columns together, about, to which levels are held."""
EFFORT = 2e10
"""Multiplications that pairs of cells may take: all pairs of 60 columns, or so."""
FEWEST_PARENTS = 8
"""Cells that are paired with all others, however many columns there are."""
DIGITS = 3
"""Digits of a quarter's ends, so that a segment can be read aloud."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The segment in which a column differs most, as far as the search can see."""

    segment: Segment
    column: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """One column's cells: the rows of both samples in each, and what it asks."""

    column: Column
    conditions: tuple[Condition | None, ...]
    reference: Ints
    current: Ints


def worst(
    reference: pa.Table,
    current: pa.Table,
    columns: Sequence[Column],
    *,
    smallest: int,
) -> Found:
    """Find the segment, of one or two conditions, in which a column differs most.

    Both samples have at least `smallest` rows in it. Raises Unmeasurable when no
    segment is that large.
    """
    cells = _cut(reference, current, columns)
    grid = _Grid.of(cells, smallest)
    best = grid.best()
    if best is None:
        cause = f"no segment has {smallest} rows in both samples"
        raise Unmeasurable(cause)
    places, column = best
    return Found(segment=grid.segment(places), column=cells[column].column.name)


def rising(  # noqa: PLR0913 - two samples, and what each row of them has lost
    reference: pa.Table,
    current: pa.Table,
    columns: Sequence[Column],
    before: Floats,
    after: Floats,
    *,
    smallest: int,
) -> Segment:
    """Find the segment, of one or two conditions, in which the mean loss rises most.

    `before` and `after` are the losses of the rows. Most is by the difference over its
    standard error, so that a few rows are no segment. Raises Unmeasurable when no
    segment has `smallest` rows in both samples.
    """
    grid = _Grid.of(_cut(reference, current, columns), smallest)
    places = grid.rising(before.astype(np.float32), after.astype(np.float32))
    if places is None:
        cause = f"no segment has {smallest} labelled rows in both samples"
        raise Unmeasurable(cause)
    return grid.segment(places)


def halves(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split rows at random, the same rows always in the same way."""
    chance = np.random.Generator(np.random.PCG64(rows.num_rows))
    order = chance.permutation(rows.num_rows)
    middle = rows.num_rows // 2
    first, second = (np.sort(part) for part in (order[:middle], order[middle:]))
    return rows.take(arrow(first)), rows.take(arrow(second))


def _cut(
    reference: pa.Table, current: pa.Table, columns: Sequence[Column]
) -> list["_Cells"]:
    levels = max(FEWEST_LEVELS, min(MOST_LEVELS, ROOM // max(1, len(columns))))
    cells = [
        found
        for column in columns
        if column.kind is not Kind.DATETIME
        and (found := _cells(column, reference, current, levels)) is not None
    ]
    if not cells:
        cause = "no column but times is in both samples with values that differ"
        raise Unmeasurable(cause)
    return cells


def _cells(
    column: Column, reference: pa.Table, current: pa.Table, levels: int
) -> _Cells | None:
    """Cut a column into cells; None where it has fewer than two, or cannot be read."""
    name = column.name
    if not (name in reference.column_names and name in current.column_names):
        return None
    cut = _quarters if column.kind.ordered else _levels
    try:
        return cut(column, reference.column(name), current.column(name), levels)
    except Unmeasurable:
        return None


def _quarters(
    column: Column, known: pa.ChunkedArray, now: pa.ChunkedArray, levels: int
) -> _Cells | None:
    del levels
    kind = column.kind
    before, after = floats(known, kind), floats(now, kind)
    values = before[np.isfinite(before)]
    if len(values) == 0:
        return None
    shares = np.arange(1, QUARTERS) / QUARTERS
    edges = np.unique(_readable(np.quantile(values, shares)))
    edges = edges[(edges > values.min()) & (edges <= values.max())]
    if len(edges) == 0:
        return None
    ends = [None, *edges.tolist(), None]
    return _Cells(
        column=column,
        conditions=tuple(
            Condition(column=column.name, kind=kind, low=low, high=high)
            for low, high in itertools.pairwise(ends)
        ),
        reference=_cell(before, edges),
        current=_cell(after, edges),
    )


def _cell(values: Floats, edges: Floats) -> Ints:
    places = np.searchsorted(edges, values, side="right")
    return np.where(np.isfinite(values), places, -1)


def _readable(ends: Floats) -> Floats:
    """Round ends to a few digits."""
    return np.array([float(f"{end:.{DIGITS}g}") for end in ends])


def _levels(
    column: Column, known: pa.ChunkedArray, now: pa.ChunkedArray, levels: int
) -> _Cells | None:
    counts = level_counts(known)
    ranked = sorted(counts, key=lambda level: (-counts[level], level))[:levels]
    if not ranked:
        return None
    kept = pa.array(ranked, pa.string())

    def places(array: pa.ChunkedArray) -> Ints:
        written = texts(array)
        found = pc.fill_null(pc.index_in(written, value_set=kept), len(ranked))
        at = np.asarray(found).astype(np.int64)
        return np.where(np.asarray(pc.is_null(written)), -1, at)

    asked = [
        Condition(column=column.name, kind=column.kind, levels=(level,))
        for level in ranked
    ]
    return _Cells(
        column=column,
        conditions=(*asked, None),
        reference=places(known),
        current=places(now),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
    """Both samples as rows × cells of ones and zeros, the cells column by column."""

    reference: Matrix
    current: Matrix
    starts: Ints
    owner: Ints
    conditions: tuple[Condition | None, ...]
    smallest: int

    @classmethod
    def of(cls, cells: Sequence[_Cells], smallest: int) -> "_Grid":
        sizes = np.array([len(one.conditions) for one in cells])
        starts = np.cumsum(sizes) - sizes
        return cls(
            reference=_ones([one.reference for one in cells], starts, sizes.sum()),
            current=_ones([one.current for one in cells], starts, sizes.sum()),
            starts=starts,
            owner=np.repeat(np.arange(len(cells)), sizes),
            conditions=tuple(c for one in cells for c in one.conditions),
            smallest=smallest,
        )

    def best(self) -> tuple[tuple[int, ...], int] | None:
        """Return the cells of the best segment, and the column that differs in it."""
        known, now = (side.T @ side for side in (self.reference, self.current))
        alone = self._scores(known, now)
        asked = np.array([c is not None for c in self.conditions])
        alone[~asked] = -np.inf
        each = alone.max(axis=1)
        place = int(each.argmax())
        best, top = ((place,), int(alone[place].argmax())), float(each[place])
        if top == -np.inf:
            return None
        parents = np.argsort(-each, kind="stable")
        parents = parents[each[parents] > -np.inf][: self._affordable]
        left = asked.copy()
        for parent in parents.tolist():
            left[parent] = False
            others = left & (self.owner != self.owner[parent])
            second, column, score = self._paired(parent, np.flatnonzero(others))
            if score > top:
                best, top = (tuple(sorted((parent, second))), column), score
        return best

    @property
    def _affordable(self) -> int:
        """How many cells can be paired with all others."""
        cells = len(self.owner)
        rows = float(self.reference.sum() + self.current.sum()) / cells
        return max(FEWEST_PARENTS, int(EFFORT / max(1.0, rows * cells**2)))

    def _paired(self, parent: int, others: Ints) -> tuple[int, int, float]:
        """Return the best second cell of a segment, its column, and the score."""
        known = self.reference[self.reference[:, parent] > 0]
        now = self.current[self.current[:, parent] > 0]
        enough = (known[:, others].sum(axis=0) >= self.smallest) & (
            now[:, others].sum(axis=0) >= self.smallest
        )
        others = others[enough]
        if len(others) == 0:
            return -1, -1, -np.inf
        found = self._scores(known[:, others].T @ known, now[:, others].T @ now, others)
        place, column = divmod(int(found.argmax()), found.shape[1])
        return int(others[place]), column, float(found[place, column])

    def _scores(self, known: Matrix, now: Matrix, rows: Ints | None = None) -> Floats:
        """Score every segment × column; -inf where rows are too few, or nothing moves.

        Pearson's statistic of homogeneity, brought to one scale by the cube root of
        Wilson and Hilferty (PNAS 17, 1931).
        """
        rows = np.arange(len(known)) if rows is None else rows
        at = (np.arange(len(rows)), rows)
        large = (known[at] >= self.smallest) & (now[at] >= self.smallest)
        scores = np.full((len(rows), len(self.starts)), -np.inf)
        scores[large] = self._wilson_hilferty(
            known[large].astype(np.float64), now[large].astype(np.float64)
        )
        return scores

    def _wilson_hilferty(self, known: Floats, now: Floats) -> Floats:
        n, m = (np.add.reduceat(side, self.starts, axis=1) for side in (known, now))
        with np.errstate(divide="ignore", invalid="ignore"):
            gaps = known / n[:, self.owner] - now / m[:, self.owner]
            pooled = (known + now) / (n + m)[:, self.owner]
            parts = np.where(known + now > 0, gaps**2 / pooled, 0.0)
            held = np.add.reduceat((known + now > 0).astype(float), self.starts, axis=1)
            found = np.add.reduceat(parts, self.starts, axis=1) / (1 / n + 1 / m)
            degrees = held - 1
            mean = 1 - 2 / (9 * degrees)
            score = (np.cbrt(found / degrees) - mean) / np.sqrt(2 / (9 * degrees))
        # In a column with few values of its own in the segment, chance is too coarse.
        known_enough = np.minimum(n, m) >= self.smallest
        return np.where((degrees > 0) & known_enough, score, -np.inf)

    def segment(self, places: Sequence[int]) -> Segment:
        """Return the segment that some cells make."""
        asked = [c for place in places if (c := self.conditions[place]) is not None]
        return Segment.where(*asked)

    def rising(self, before: Matrix, after: Matrix) -> tuple[int, ...] | None:
        """Return the cells of the segment in which the mean loss rises most."""
        sides = ((self.reference, before), (self.current, after))
        rows, totals, squares = (
            [ones.T @ (ones * losses[:, None] ** power) for ones, losses in sides]
            for power in (0, 1, 2)
        )
        n, m = (side.astype(np.float64) for side in rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = totals[1] / m - totals[0] / n
            mean = (totals[0] + totals[1]) / (n + m)
            spread = (squares[0] + squares[1]) / (n + m) - mean**2
            score = gap / np.sqrt(spread * (1 / n + 1 / m))
        asked = np.array([c is not None for c in self.conditions])
        usable = (np.minimum(n, m) >= self.smallest) & (spread > 0)
        score = np.where(usable & asked & asked[:, None], score, -np.inf)
        alone = score.diagonal()
        pairs = np.where(np.tri(len(score), dtype=bool), -np.inf, score)
        first, second = divmod(int(pairs.argmax()), len(score))
        if max(alone.max(), pairs.max()) == -np.inf:
            return None
        if alone.max() >= pairs.max():
            return (int(alone.argmax()),)
        return first, second


def _ones(places: Sequence[Ints], starts: Ints, cells: int) -> Matrix:
    """Mark each row's cell in every column; a missing value has none."""
    grid = np.zeros((len(places[0]), cells), np.float32)
    for at, start in zip(places, starts, strict=True):
        rows = np.flatnonzero(at >= 0)
        grid[rows, start + at[rows]] = 1.0
    return grid
