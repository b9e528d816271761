"""What a window of rows is reduced to: counts against the reference's frozen bins.

Profiles of the same bins merge by adding integers, so merging is associative,
commutative and exact: any split of the rows over any number of workers gives the same
profile, to the byte.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np
import pyarrow as pa

from checks import codec, weighted
from checks.bins import ColumnBins, Ints, LevelBins, NumericBins
from checks.column import ColumnProfile, LevelProfile, NumericProfile, level_counts
from checks.distinct import Distinct
from checks.errors import ProfileError, Unmeasurable
from checks.sample import arrow
from checks.schema import Column, Kind, Role, Schema
from checks.segment import Declared, Segment, members
from checks.values import family_of, hashes, latest, numbers
from checks.weight import WEIGHT, Weight, units_of
from checks.weight import together as weighed_together


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """A window's rows, counted against one set of bins.

    `columns` holds what could be counted; `types` the families of every column that
    was seen, watched or not; `unreadable` the columns that could not be counted, each
    with its cause. `ids` tells how many different ids there are, and `newest` is the
    latest timestamp, in microseconds since the Unix epoch; both are None where there is
    no such column, or the profile is older than they are. `weight` is what the rows
    stand for; None where each stands for itself.
    """

    bins_id: str
    rows: int
    columns: Mapping[str, ColumnProfile]
    types: Mapping[str, tuple[str, ...]]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, "Profile"] = field(default_factory=dict)
    ids: Distinct | None = None
    newest: int | None = None
    weight: Weight | None = None

    @property
    def traffic(self) -> int:
        """How many rows of the full traffic its rows stand for, as far as is known."""
        return self.rows if self.weight is None else round(self.weight.traffic)

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile of both windows' rows.

        Raises ProfileError when they were counted against different bins.
        """
        if self.bins_id != other.bins_id:
            msg = f"profiles of bins {self.bins_id} and {other.bins_id} cannot merge"
            raise ProfileError(msg)
        unreadable = {
            name: min(
                cause
                for cause in (self.unreadable.get(name), other.unreadable.get(name))
                if cause is not None
            )
            for name in sorted({*self.unreadable, *other.unreadable})
        }
        columns = {
            name: both(self.columns.get(name), other.columns.get(name))
            for name in sorted({*self.columns, *other.columns} - {*unreadable})
        }
        types = {
            name: tuple(sorted({*self.types.get(name, ()), *other.types.get(name, ())}))
            for name in sorted({*self.types, *other.types})
        }
        return Profile(
            bins_id=self.bins_id,
            rows=self.rows + other.rows,
            columns=columns,
            types=types,
            unreadable=unreadable,
            segments=_both_segments(self.segments, other.segments),
            ids=together(self.ids, other.ids),
            newest=max(
                (t for t in (self.newest, other.newest) if t is not None), default=None
            ),
            weight=weighed_together(self.weight, self.rows, other.weight, other.rows),
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
            header["columns"][name] = column.fields
            arrays[f"{name}/counts"] = column.counts
            if isinstance(column, NumericProfile):
                arrays[f"{name}/sums"] = column.sums
            elif column.others and column.rest is not None:
                for part, held in column.rest.arrays.items():
                    arrays[f"{name}/rest:{part}"] = held
            if column.weighted is not None:
                header["columns"][name] |= column.weighted.to_header()
                arrays |= column.weighted.arrays(name)
        if self.segments:
            header["segments"] = {
                name: part.to_bytes().hex() for name, part in self.segments.items()
            }
        if self.newest is not None:
            header["newest"] = self.newest
        if self.weight is not None:
            header["weight"] = self.weight.to_list()
        if self.ids is not None:
            # No array of a column is named so: theirs end in what they hold.
            header["ids"] = self.ids.rows
            arrays |= {f"ids:{part}": held for part, held in self.ids.arrays.items()}
        return codec.pack("profile", header, arrays)

    @property
    def hash(self) -> str:
        """The name that the profile's content gives it."""
        return codec.digest(self.to_bytes())


def _both_segments(
    mine: Mapping[str, Profile], theirs: Mapping[str, Profile]
) -> dict[str, Profile]:
    found = dict(mine)
    for name, part in theirs.items():
        found[name] = found[name].merge(part) if name in found else part
    return dict(sorted(found.items()))


def together(mine: Distinct | None, theirs: Distinct | None) -> Distinct | None:
    """Merge what is known of the ids on both sides."""
    if mine is None or theirs is None:
        return mine or theirs
    return mine.merge(theirs)


def both(mine: ColumnProfile | None, theirs: ColumnProfile | None) -> ColumnProfile:
    """Merge two profiles of one column; where there is only one, that is it.

    Raises ProfileError when they are of two kinds.
    """
    match mine, theirs:
        case NumericProfile(), NumericProfile():
            return mine.merge(theirs)
        case LevelProfile(), LevelProfile():
            return mine.merge(theirs)
        case None, (NumericProfile() | LevelProfile()):
            return theirs
        case ((NumericProfile() | LevelProfile()), None):
            return mine
    msg = "profiles of two kinds of one column cannot merge"
    raise ProfileError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """The frozen bins of every watched column, and how rows are counted in them.

    `segments` are parts of the rows that are counted once more, each by itself.
    """

    schema: Schema
    columns: Mapping[str, ColumnBins]
    segments: tuple[Segment, ...] = ()

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
        if self.segments:
            header["segments"] = [segment.to_list() for segment in self.segments]
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
        segments = tuple(map(Segment.of, header.get("segments", ())))
        read = cls(schema=schema, columns=columns, segments=segments)
        # What was read is what it would write: its name need not be made again.
        read.__dict__["id"] = codec.digest(data)
        return read

    @cached_property
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
            try:
                columns[column.name] = _fit(column, table.column(column.name))
            except Unmeasurable:
                continue
        return cls(schema=schema, columns=columns)

    def empty(self, schema: pa.Schema | None = None) -> Profile:
        """Return the profile of no rows at all, with the columns of an Arrow schema."""
        table = (schema or pa.schema([])).empty_table()
        return self.profile(table)

    def divided(self, declared: Declared) -> "Bins":
        """Return the same bins with the segments that a user wants.

        A column's commonest levels are those that its bins know.
        """
        levels = {
            column.name: (column.kind, bins.levels)
            for column in self.schema.profiled
            if isinstance(bins := self.columns.get(column.name), LevelBins)
        }
        return replace(self, segments=declared.resolved(levels))

    def profile(self, table: pa.Table) -> Profile:
        """Count the rows of a table, and those of each segment by themselves."""
        whole = self.whole(table)
        if not self.segments:
            return whole
        return replace(
            whole,
            segments={
                segment.name: self.counts(table.take(arrow(places)))
                for segment, places in self.members(table, self.segments)
            },
        )

    def whole(self, table: pa.Table) -> Profile:
        """Count the rows of a table, with their ids and times; no segments."""
        ids, moments = self.schema.first(Role.ID), self.schema.first(Role.TIMESTAMP)
        names = table.column_names
        return replace(
            self.counts(table),
            ids=distinct(table.column(ids)) if ids in names else None,
            newest=latest(table.column(moments)) if moments in names else None,
        )

    def members(
        self, table: pa.Table, segments: Iterable[Segment]
    ) -> Iterator[tuple[Segment, Ints]]:
        """Walk over some segments with the places of their rows in a table."""

        def read(name: str) -> pa.ChunkedArray | None:
            return table.column(name) if name in table.column_names else None

        return members(segments, read, table.num_rows)

    def counts(self, table: pa.Table) -> Profile:
        """Count the rows of a table, one watched column at a time; no segments."""
        columns: dict[str, ColumnProfile] = {}
        unreadable: dict[str, str] = {}
        units = self.units(table.column_names, table.column, table.num_rows)
        for column in self.schema.profiled:
            if column.name not in table.column_names:
                continue
            found = self.counted(column, table.column(column.name), units)
            if isinstance(found, str):
                unreadable[column.name] = found
            elif found is not None:
                columns[column.name] = found
        types = {f.name: (family_of(f.type),) for f in table.schema if f.name != WEIGHT}
        return Profile(
            bins_id=self.id,
            rows=table.num_rows,
            columns=columns,
            types=dict(sorted(types.items())),
            unreadable=unreadable,
            weight=None
            if units is None or isinstance(units, str)
            else Weight.of(units),
        )

    def units(
        self, names: Sequence[str], read: Callable[[str], pa.ChunkedArray], rows: int
    ) -> Ints | str | None:
        """Return the weight of each row, None where none is borne.

        Where weights cannot be used the cause is returned, which then is that of every
        column: what nobody can weigh nobody can compare.
        """
        try:
            return units_of(self.schema, names, read, rows)
        except Unmeasurable as unmeasurable:
            return unmeasurable.cause

    def counted(
        self, column: Column, array: pa.ChunkedArray, units: Ints | str | None = None
    ) -> ColumnProfile | str | None:
        """Count values of one watched column, or return why they cannot be counted.

        None where there are no bins to count in, though the values could be read.
        `units` are the weights of its rows, or why these have none to go by.
        """
        bins = self.columns.get(column.name)
        if isinstance(units, str):
            return units
        try:
            if bins is None:
                # What could not be read when the bins were fitted says why, again.
                _fit(column, array)
                return None
            if isinstance(bins, NumericBins):
                return NumericProfile.of(column, bins, array, units)
            return LevelProfile.of(column, bins, array, units)
        except Unmeasurable as unmeasurable:
            return unmeasurable.cause

    def read(self, data: bytes) -> Profile:
        """Read a stored profile of these bins.

        Raises ProfileError when it is damaged, newer, or of other bins.
        """
        header, arrays = codec.unpack("profile", data)
        if header["bins_id"] != self.id:
            msg = f"the profile was counted in bins {header['bins_id']}, not {self.id}"
            raise ProfileError(msg)
        columns: dict[str, ColumnProfile] = {}
        for name, written in header["columns"].items():
            bins = self.columns[name]
            fields = {**written, **weighted.read(name, written, arrays)}
            column = self.schema.get(name)
            if column is None:
                msg = f"the profile has a column {name!r} that the bins do not know"
                raise ProfileError(msg)
            counts = _integers(arrays, f"{name}/counts")
            if isinstance(bins, NumericBins):
                sums = _integers(arrays, f"{name}/sums")
                columns[name] = NumericProfile(
                    column=column, bins=bins, counts=counts, sums=sums, **fields
                )
            else:
                rest = _rest(name, fields["others"], arrays)
                columns[name] = LevelProfile(
                    column=column, bins=bins, counts=counts, rest=rest, **fields
                )
        return Profile(
            bins_id=header["bins_id"],
            rows=header["rows"],
            columns=columns,
            types={name: tuple(kinds) for name, kinds in header["types"].items()},
            unreadable=header["unreadable"],
            segments={
                name: self.read(bytes.fromhex(part))
                for name, part in header.get("segments", {}).items()
            },
            ids=_ids(header, arrays),
            newest=header.get("newest"),
            weight=Weight.from_list(header["weight"]) if "weight" in header else None,
        )


def _integers(arrays: Mapping[str, codec.Array], name: str) -> Ints:
    return arrays[name].astype(np.int64, copy=False)


def _ids(
    header: Mapping[str, Any], arrays: Mapping[str, codec.Array]
) -> Distinct | None:
    """Read how many ids there are; older profiles do not say."""
    if "ids" not in header:
        return None
    return Distinct.from_arrays(
        header["ids"], arrays["ids:hashes"], arrays["ids:registers"]
    )


def _rest(name: str, others: int, arrays: Mapping[str, codec.Array]) -> Distinct | None:
    """Read how many the values are that are no levels; older profiles do not say."""
    found = [arrays.get(f"{name}/rest:{part}") for part in ("hashes", "registers")]
    if others and (found[0] is None or found[1] is None):
        return None
    none = np.empty(0, np.int64)
    first, second = (none if part is None else part for part in found)
    return Distinct.from_arrays(others, first, second)


def distinct(array: pa.ChunkedArray) -> Distinct | None:
    """Tell ids apart; None where they have no plain form."""
    try:
        return Distinct.of(hashes(array))
    except Unmeasurable:
        return None


def _fit(column: Column, array: pa.ChunkedArray) -> ColumnBins:
    if column.kind.ordered:
        values, _ = numbers(array, column.kind)
        return NumericBins.fit(values[np.isfinite(values)])
    return LevelBins.fit(level_counts(array))


def merge_all(profiles: Iterable[Profile]) -> Profile:
    """Merge one or more profiles of the same bins."""
    return reduce(Profile.merge, profiles)
