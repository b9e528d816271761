"""Segments: named parts of the rows, each defined by conditions on columns.

A segment's definition is frozen with the bins, so that the rows of a reference and of
every window are divided in the same way. A row may lie in several segments, or in none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.errors import Unmeasurable
from checks.schema import Kind
from checks.values import numbers, texts

SHOWN = 60
"""Characters of a level that a segment's name shows."""

Bools = npt.NDArray[np.bool_]
Read = Callable[[str], pa.ChunkedArray | None]
"""Gives a column by its name; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a segment asks of one column: some levels, or a half-open range.

    `levels` are texts as `checks.values.texts` writes them, None for a missing value.
    A range holds the values from `low` on and below `high`; None leaves an end open.
    Times are microseconds since the Unix epoch.
    """

    column: str
    kind: Kind
    levels: tuple[str | None, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def said(self) -> str:
        """The condition as people read it.

        >>> age = Condition(column="age", kind=Kind.NUMERIC, low=18.0, high=30.0)
        >>> plan = Condition(column="plan", kind=Kind.CATEGORICAL, levels=("a", None))
        >>> age.said, plan.said
        ('age in [18, 30)', 'plan in (a, missing)')
        """
        if not self.levels:
            low, high = (_end(end, self.kind) for end in (self.low, self.high))
            return f"{self.column} {_range(low, high)}"
        shown = [shorten(level) for level in self.levels]
        if len(shown) == 1:
            return f"{self.column} = {shown[0]}"
        return f"{self.column} in ({', '.join(shown)})"

    @property
    def fixed(self) -> bool:
        """Whether the column has one value in all of the segment's rows."""
        return len(self.levels) == 1

    def to_list(self) -> list[Any]:
        """Return the condition as JSON types; `of` reads it."""
        return [self.column, self.kind.value, list(self.levels), self.low, self.high]

    @classmethod
    def of(cls, written: Sequence[Any]) -> Self:
        """Read what `to_list` wrote."""
        column, kind, levels, low, high = written
        return cls(
            column=column, kind=Kind(kind), levels=tuple(levels), low=low, high=high
        )


def shorten(level: str | None) -> str:
    """Write a level for people: a missing one in a word, a long one cut."""
    if level is None:
        return "missing"
    return level if len(level) <= SHOWN else f"{level[: SHOWN - 1]}…"


def _end(end: float | None, kind: Kind) -> str | None:
    if end is None:
        return None
    if kind is not Kind.DATETIME:
        return f"{end:.15g}"
    moment = str(np.datetime64(int(end), "us"))
    return moment.removesuffix(".000000").removesuffix("T00:00:00")


def _range(low: str | None, high: str | None) -> str:
    if high is None:
        return f"≥ {low}"
    return f"< {high}" if low is None else f"in [{low}, {high})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The rows that meet every one of some conditions, under a name."""

    name: str
    conditions: tuple[Condition, ...]

    @classmethod
    def where(cls, *conditions: Condition) -> Self:
        """Make a segment that is named after its conditions.

        >>> carrier = Condition(
        ...     column="carrier", kind=Kind.CATEGORICAL, levels=("UA",)
        ... )
        >>> Segment.where(carrier).name
        'carrier = UA'
        """
        name = " and ".join(condition.said for condition in conditions)
        return cls(name=name, conditions=conditions)

    @property
    def fixed(self) -> frozenset[str]:
        """The columns that have but one value in it: nothing can drift there."""
        return frozenset(c.column for c in self.conditions if c.fixed)

    def to_list(self) -> list[Any]:
        """Return the segment as JSON types; `of` reads it."""
        return [self.name, [condition.to_list() for condition in self.conditions]]

    @classmethod
    def of(cls, written: Sequence[Any]) -> Self:
        """Read what `to_list` wrote."""
        name, conditions = written
        return cls(name=name, conditions=tuple(map(Condition.of, conditions)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Which segments a user wants.

    `columns` maps a column to how many of its commonest levels are segments, `named`
    are segments of their own definition.
    """

    columns: Mapping[str, int]
    named: tuple[Segment, ...] = ()

    def to_list(self) -> list[Any]:
        """Return what is declared as JSON types."""
        return [dict(self.columns), [segment.to_list() for segment in self.named]]

    def resolved(
        self, levels: Mapping[str, tuple[Kind, Sequence[str]]]
    ) -> tuple[Segment, ...]:
        """Return the segments, given each column's levels, the commonest first.

        A column without levels has no segments. Where two long levels are shown
        alike, the commoner one keeps the name and the other gets a number.
        """
        found = list(self.named)
        taken = {segment.name for segment in found}
        for column, top in self.columns.items():
            kind, known = levels.get(column, (Kind.CATEGORICAL, ()))
            for level in known[:top]:
                made = Segment.where(
                    Condition(column=column, kind=kind, levels=(level,))
                )
                name, again = made.name, 1
                while name in taken:
                    again += 1
                    name = f"{made.name} ({again})"
                taken.add(name)
                found.append(Segment(name=name, conditions=made.conditions))
        return tuple(found)


NONE_DECLARED = Declared(columns={})
"""No segments at all."""


def members(
    segments: Iterable[Segment], read: Read, rows: int
) -> Iterator[tuple[Segment, Ints]]:
    """Walk over the segments with the places of their rows, in order.

    A column is read once, however many segments ask for it. Rows of a column that is
    not there, or cannot be read as its kind, lie in no segment that asks for it.
    """
    segments = tuple(segments)
    asked: dict[tuple[str, Kind], set[str]] = {}
    for condition in (c for segment in segments for c in segment.conditions):
        wanted = asked.setdefault((condition.column, condition.kind), set())
        wanted.update(level for level in condition.levels if level is not None)
    columns = {
        (name, kind): _read(read(name), kind, sorted(wanted))
        for (name, kind), wanted in asked.items()
    }
    for segment in segments:
        inside = np.ones(rows, np.bool_)
        for condition in segment.conditions:
            column = columns[condition.column, condition.kind]
            inside &= column.holds(condition) if column is not None else False
        yield segment, np.flatnonzero(inside)


@dataclass(frozen=True, slots=True)
class _Levels:
    """A column as the places of its values among the levels that are asked for."""

    places: Ints
    missing: Bools
    known: Mapping[str, int]

    def holds(self, condition: Condition) -> Bools:
        found = np.zeros(len(self.places), np.bool_)
        for level in condition.levels:
            if level is None:
                found |= self.missing
            else:
                found |= self.places == self.known[level]
        return found


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A column as numbers, NaN where there is none."""

    values: Floats

    def holds(self, condition: Condition) -> Bools:
        if not condition.levels:
            inside = np.isfinite(self.values)
            if condition.low is not None:
                inside &= self.values >= condition.low
            if condition.high is not None:
                inside &= self.values < condition.high
            return inside
        wanted = [float(level) for level in condition.levels if level is not None]
        found = np.isin(self.values, wanted)
        return found | ~np.isfinite(self.values) if None in condition.levels else found


def _read(
    array: pa.ChunkedArray | None, kind: Kind, wanted: Sequence[str]
) -> _Levels | _Numbers | None:
    if array is None:
        return None
    try:
        if kind.ordered:
            return _Numbers(floats(array, kind))
        return _levels(array, wanted)
    except Unmeasurable:
        return None


def floats(array: pa.ChunkedArray, kind: Kind) -> Floats:
    """Return a column as numbers, row by row, NaN where there is none.

    Raises Unmeasurable when it holds no numbers.
    """
    values, nulls = numbers(array, kind)
    if not nulls:
        return values
    full = np.full(len(array), np.nan)
    full[np.asarray(pc.is_valid(array))] = values
    return full


def _levels(array: pa.ChunkedArray, wanted: Sequence[str]) -> _Levels:
    """Look each value up; a dictionary's levels are looked up once each."""
    known = {level: place for place, level in enumerate(wanted)}
    pieces, empty = [], []
    for chunk in array.chunks:
        if pa.types.is_dictionary(chunk.type):
            levels, missing = _places(pa.chunked_array([chunk.dictionary]), wanted)
            # What stands at no place of the dictionary takes the last cell: a null.
            places = pc.cast(chunk.indices, pa.int64())
            at = np.asarray(pc.fill_null(places, len(levels)))
            pieces.append(np.append(levels, -1)[at])
            empty.append(np.append(missing, True)[at])
        else:
            levels, missing = _places(pa.chunked_array([chunk]), wanted)
            pieces.append(levels)
            empty.append(missing)
    return _Levels(
        np.concatenate([np.empty(0, np.int64), *pieces]),
        np.concatenate([np.empty(0, np.bool_), *empty]),
        known,
    )


def _places(array: pa.ChunkedArray, wanted: Sequence[str]) -> tuple[Ints, Bools]:
    """Return each value's place among the levels, -1 for none, and what is null."""
    written = texts(array)
    values = pa.array(wanted, pa.string())
    found = pc.fill_null(pc.index_in(written, value_set=values), -1)
    return np.asarray(found).astype(np.int64), np.asarray(pc.is_null(written))
