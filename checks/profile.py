"""What a window of rows is reduced to: counts against the reference's frozen bins.

Profiles of the same bins merge by adding integers, so merging is associative,
commutative and exact: any split of the rows over any number of workers gives the same
profile, to the byte.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks import codec
from checks.bins import TAIL_LIMIT, ColumnBins, Floats, Ints, LevelBins, NumericBins
from checks.errors import ProfileError, Unmeasurable
from checks.schema import Column, Kind, Role, Schema
from checks.values import family_of, numbers, texts

MAX_UNSEEN = 20
"""Unseen levels that are kept by name: those with the smallest hashes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericProfile:
    """Counts of a numeric or datetime column in the cells of its bins.

    `counts` has 2K + 1 cells (see `checks.bins`). `sums` has K + 1 open cells: inside,
    the sum of (value - first edge) in grid steps; at the ends, the sum of distances
    beyond the edge in tail steps. `rows` counts all rows, of which `nulls` are null,
    `nans` NaN and `infinities` ±inf; these are in no cell.
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

    @property
    def missing(self) -> int:
        """Rows without a finite value."""
        return self.nulls + self.nans + self.infinities

    @property
    def n(self) -> int:
        """Rows with a finite value."""
        return self.rows - self.missing

    @property
    def n_effective(self) -> float:
        """Rows with a value, less what serial correlation takes away."""
        return self.n / self.design_effect

    @classmethod
    def of(cls, column: Column, bins: NumericBins, array: pa.ChunkedArray) -> Self:
        """Count one chunk of a column.

        Raises Unmeasurable when it holds no numbers.
        """
        values, nulls = numbers(array, column.kind)
        finite = np.isfinite(values)
        bad = len(values) - int(np.count_nonzero(finite))
        nans = int(np.count_nonzero(np.isnan(values))) if bad else 0
        ordered = np.sort(values[finite] if bad else values) + 0.0
        counts, sums, saturated = _tally(ordered, bins)
        return cls(
            column=column,
            bins=bins,
            rows=len(array),
            nulls=nulls,
            nans=nans,
            infinities=bad - nans,
            counts=counts,
            sums=sums,
            saturated=saturated,
            minimum=float(ordered[0]) if len(ordered) else None,
            maximum=float(ordered[-1]) if len(ordered) else None,
        )

    def merge(self, other: Self) -> Self:
        """Return the profile of both sets of rows."""
        return replace(
            self,
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            nans=self.nans + other.nans,
            infinities=self.infinities + other.infinities,
            counts=self.counts + other.counts,
            sums=self.sums + other.sums,
            saturated=self.saturated + other.saturated,
            minimum=_extreme(min, self.minimum, other.minimum),
            maximum=_extreme(max, self.maximum, other.maximum),
        )


def _extreme(choose: Any, *values: float | None) -> float | None:
    return choose((v for v in values if v is not None), default=None)


def _tally(ordered: Floats, bins: NumericBins) -> tuple[Ints, Ints, int]:
    """Count sorted finite values in the cells, and sum them on the grids."""
    edges = bins.edges
    k = len(edges)
    if k == 0:
        return np.array([len(ordered)]), np.zeros(1, np.int64), 0
    left = np.searchsorted(ordered, edges, "left")
    right = np.searchsorted(ordered, edges, "right")
    bounds = np.empty(2 * k + 2, np.int64)
    bounds[0], bounds[-1] = 0, len(ordered)
    bounds[1:-1:2], bounds[2:-1:2] = left, right
    sums = np.zeros(k + 1, np.int64)
    first, last = int(right[0]), int(left[-1])
    if last > first:
        inner = np.rint((ordered[first:last] - edges[0]) / bins.step)
        total = np.concatenate([[0], np.cumsum(inner.astype(np.int64))])
        sums[1:-1] = total[left[1:] - first] - total[right[:-1] - first]
    low = (edges[0] - ordered[: left[0]]) / bins.tail_step
    high = (ordered[right[-1] :] - edges[-1]) / bins.tail_step
    saturated = int(np.count_nonzero(low > TAIL_LIMIT))
    saturated += int(np.count_nonzero(high > TAIL_LIMIT))
    sums[0] = np.rint(np.minimum(low, TAIL_LIMIT)).astype(np.int64).sum()
    sums[-1] = np.rint(np.minimum(high, TAIL_LIMIT)).astype(np.int64).sum()
    return np.diff(bounds), sums, saturated


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelProfile:
    """Counts of a categorical or boolean column.

    `counts` has one cell for each level of the bins; `others` counts the values that
    are none of them, and `unseen` names some of those, with their counts: the
    `MAX_UNSEEN` whose hashes are smallest, so that merging stays exact.
    """

    column: Column
    bins: LevelBins
    rows: int
    nulls: int
    counts: Ints
    others: int
    unseen: Mapping[str, int] = field(default_factory=dict)
    design_effect: float = 1.0

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.nulls

    @property
    def n(self) -> int:
        """Rows with a value."""
        return self.rows - self.nulls

    @property
    def n_effective(self) -> float:
        """Rows with a value, less what serial correlation takes away."""
        return self.n / self.design_effect

    @classmethod
    def of(cls, column: Column, bins: LevelBins, array: pa.ChunkedArray) -> Self:
        """Count one chunk of a column.

        Raises Unmeasurable when its values have no levels.
        """
        counts = np.zeros(len(bins.levels), np.int64)
        unseen: dict[str, int] = {}
        others = 0
        for level, count in level_counts(array).items():
            cell = bins.position.get(level)
            if cell is not None:
                counts[cell] = count
            else:
                others += count
                unseen[level] = count
        return cls(
            column=column,
            bins=bins,
            rows=len(array),
            nulls=array.null_count,
            counts=counts,
            others=others,
            unseen=_smallest(unseen) if bins.complete else {},
        )

    def merge(self, other: Self) -> Self:
        """Return the profile of both sets of rows."""
        return replace(
            self,
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            counts=self.counts + other.counts,
            others=self.others + other.others,
            unseen=_smallest(Counter(self.unseen) + Counter(other.unseen)),
        )


def level_counts(array: pa.ChunkedArray) -> dict[str, int]:
    """Count the levels of a column, nulls left out."""
    if not len(array) or array.null_count == len(array):
        return {}
    counted = pc.value_counts(texts(array).drop_null())
    levels, counts = counted.field("values"), counted.field("counts")
    return dict(zip(levels.to_pylist(), counts.to_pylist(), strict=True))


def _smallest(unseen: Mapping[str, int]) -> dict[str, int]:
    if len(unseen) <= MAX_UNSEEN:
        return dict(sorted(unseen.items()))
    ranked = sorted(unseen, key=lambda level: hashlib.sha256(level.encode()).digest())
    return {level: unseen[level] for level in sorted(ranked[:MAX_UNSEEN])}


ColumnProfile = NumericProfile | LevelProfile


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """A window's rows, counted against one set of bins.

    `columns` holds what could be counted; `types` the families of every column that
    was seen, watched or not; `unreadable` the columns that could not be counted, each
    with its cause.
    """

    bins_id: str
    rows: int
    columns: Mapping[str, ColumnProfile]
    types: Mapping[str, tuple[str, ...]]
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile of both windows' rows.

        Raises ProfileError when they were counted against different bins.
        """
        if self.bins_id != other.bins_id:
            msg = f"profiles of bins {self.bins_id} and {other.bins_id} cannot merge"
            raise ProfileError(msg)
        unreadable = {**other.unreadable, **self.unreadable}
        for name in set(unreadable) & set(self.unreadable) & set(other.unreadable):
            unreadable[name] = min(self.unreadable[name], other.unreadable[name])
        columns: dict[str, Any] = {}
        for name in sorted({*self.columns, *other.columns} - {*unreadable}):
            mine, theirs = self.columns.get(name), other.columns.get(name)
            if mine is not None and theirs is not None:
                columns[name] = mine.merge(theirs)  # type: ignore[arg-type]
            else:
                columns[name] = mine or theirs
        types = {
            name: tuple(
                sorted({*self.types.get(name, ()), *other.types.get(name, ())})
            )
            for name in sorted({*self.types, *other.types})
        }
        return Profile(
            bins_id=self.bins_id,
            rows=self.rows + other.rows,
            columns=columns,
            types=types,
            unreadable=dict(sorted(unreadable.items())),
        )

    def to_bytes(self) -> bytes:
        """Write the profile; its bins are stored with the reference."""
        arrays: dict[str, codec.Array] = {}
        header: dict[str, Any] = {
            "bins_id": self.bins_id,
            "rows": self.rows,
            "types": {name: list(kinds) for name, kinds in self.types.items()},
            "unreadable": dict(self.unreadable),
            "columns": {},
        }
        for name, column in sorted(self.columns.items()):
            header["columns"][name] = _header(column)
            arrays[f"{name}/counts"] = column.counts
            if isinstance(column, NumericProfile):
                arrays[f"{name}/sums"] = column.sums
        return codec.pack("profile", header, arrays)

    @property
    def hash(self) -> str:
        """The name that the profile's content gives it."""
        return codec.digest(self.to_bytes())


def _header(column: ColumnProfile) -> dict[str, Any]:
    common: dict[str, Any] = {"rows": column.rows, "nulls": column.nulls}
    if isinstance(column, LevelProfile):
        return common | {"others": column.others, "unseen": dict(column.unseen)}
    return common | {
        "nans": column.nans,
        "infinities": column.infinities,
        "saturated": column.saturated,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """The frozen bins of every watched column, and how rows are counted in them."""

    schema: Schema
    columns: Mapping[str, ColumnBins]

    def to_bytes(self) -> bytes:
        """Write the bins."""
        arrays: dict[str, codec.Array] = {}
        header: dict[str, Any] = {
            "schema": [[c.name, c.kind.value, c.role.value] for c in self.schema],
            "columns": {},
        }
        for name, bins in sorted(self.columns.items()):
            if isinstance(bins, NumericBins):
                header["columns"][name] = {"std": bins.std}
                arrays[f"{name}/edges"] = bins.edges
            else:
                header["columns"][name] = {
                    "levels": list(bins.levels),
                    "complete": bins.complete,
                }
        return codec.pack("bins", header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bins":
        """Read what `to_bytes` wrote; raises ProfileError when it cannot be."""
        header, arrays = codec.unpack("bins", data)
        columns: dict[str, ColumnBins] = {}
        for name, bins in header["columns"].items():
            if "levels" in bins:
                columns[name] = LevelBins(
                    levels=tuple(bins["levels"]), complete=bins["complete"]
                )
            else:
                edges = arrays[f"{name}/edges"].astype(np.float64, copy=False)
                columns[name] = NumericBins(edges=edges, std=bins["std"])
        schema = Schema.of(
            Column(name=name, kind=Kind(kind), role=Role(role))
            for name, kind, role in header["schema"]
        )
        return cls(schema=schema, columns=columns)

    @property
    def id(self) -> str:
        """The name that the bins' content gives them."""
        return codec.digest(self.to_bytes())

    @classmethod
    def fit(cls, schema: Schema, table: pa.Table) -> "Bins":
        """Fit the bins of every watched column on the rows of the reference.

        A column that the table lacks, or that cannot be read as its kind, gets none:
        its checks will be UNKNOWN with the cause.
        """
        columns: dict[str, ColumnBins] = {}
        for column in schema.profiled:
            if column.name not in table.column_names:
                continue
            array = table.column(column.name)
            try:
                if column.kind.ordered:
                    values, _ = numbers(array, column.kind)
                    columns[column.name] = NumericBins.fit(values[np.isfinite(values)])
                else:
                    columns[column.name] = LevelBins.fit(level_counts(array))
            except Unmeasurable:
                continue
        return cls(schema=schema, columns=columns)

    def empty(self, schema: pa.Schema | None = None) -> Profile:
        """Return the profile of no rows at all, with the columns of an Arrow schema."""
        table = (schema or pa.schema([])).empty_table()
        return self.profile(table, self.id)

    def profile(self, table: pa.Table, bins_id: str) -> Profile:
        """Count the rows of a table, one watched column at a time.

        `bins_id` is this object's own `id`, passed in because it is a hash over all
        the edges and the caller counts many tables.
        """
        columns: dict[str, ColumnProfile] = {}
        unreadable: dict[str, str] = {}
        for column in self.schema.profiled:
            bins = self.columns.get(column.name)
            if bins is None or column.name not in table.column_names:
                continue
            array = table.column(column.name)
            try:
                if isinstance(bins, NumericBins):
                    columns[column.name] = NumericProfile.of(column, bins, array)
                else:
                    columns[column.name] = LevelProfile.of(column, bins, array)
            except Unmeasurable as unmeasurable:
                unreadable[column.name] = unmeasurable.cause
        types = {f.name: (family_of(f.type),) for f in table.schema}
        return Profile(
            bins_id=bins_id,
            rows=table.num_rows,
            columns=columns,
            types=dict(sorted(types.items())),
            unreadable=unreadable,
        )

    def read(self, data: bytes) -> Profile:
        """Read a stored profile of these bins.

        Raises ProfileError when it is damaged, newer, or of other bins.
        """
        header, arrays = codec.unpack("profile", data)
        if header["bins_id"] != self.id:
            msg = f"the profile was counted in bins {header['bins_id']}, not {self.id}"
            raise ProfileError(msg)
        columns: dict[str, ColumnProfile] = {}
        for name, fields in header["columns"].items():
            bins = self.columns[name]
            column = self.schema.get(name)
            if column is None:
                msg = f"the profile has a column {name!r} that the bins do not know"
                raise ProfileError(msg)
            counts = arrays[f"{name}/counts"].astype(np.int64, copy=False)
            if isinstance(bins, NumericBins):
                sums = arrays[f"{name}/sums"].astype(np.int64, copy=False)
                columns[name] = NumericProfile(
                    column=column, bins=bins, counts=counts, sums=sums, **fields
                )
            else:
                columns[name] = LevelProfile(
                    column=column, bins=bins, counts=counts, **fields
                )
        return Profile(
            bins_id=header["bins_id"],
            rows=header["rows"],
            columns=columns,
            types={name: tuple(kinds) for name, kinds in header["types"].items()},
            unreadable=header["unreadable"],
        )


def merge_all(profiles: Iterable[Profile]) -> Profile:
    """Merge one or more profiles of the same bins."""
    return reduce(Profile.merge, profiles)
