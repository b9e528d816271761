"""Counts of the full traffic, kept beside a sample of it: few, small, and mergeable.

Whoever sees every row counts them; whoever sees a sample adds up its weights under the
same names. What the two should agree on tells whether the sample is a fair one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa

from checks.bins import Ints
from checks.errors import Unmeasurable
from checks.schema import Kind, Role, Schema
from checks.segment import floats
from checks.values import hashes, texts
from checks.weight import UNIT, Weight

ROWS = "rows"
"""The name under which all rows are counted."""
REQUESTS = "requests"
"""The name under which the serving side counts what it was asked."""
UNANSWERED = "unanswered"
"""The name under which rows are counted of calls that are known by halves."""
REJECTED = "rejected"
"""The name under which rows are counted that came and were refused."""
MENDED = "mended"
"""The name under which those of them are counted that were taken later."""
DROPPED = "dropped"
"""The name under which rows are counted that their senders never sent."""
SCORE_PARTS = 20
"""Equal parts of [0, 1] that scores are counted in."""
MOST_LEVELS = 64
"""Levels of a column that are counted by name: those with the smallest hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How many rows there are of each kind that is counted, by its name.

    `rows`, `nulls/COLUMN`, `level/COLUMN/LEVEL` of columns that divide rows, and
    `score/PART`, which is one of `SCORE_PARTS` equal parts of [0, 1].
    """

    counts: Mapping[str, Weight] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table, schema: Schema, units: Ints | None = None) -> Self:
        """Count the rows of a table, each as often as its weight in units says.

        A column that cannot be read as its kind is not counted.
        """
        if units is None:
            units = np.full(table.num_rows, UNIT)
        counts = {ROWS: Weight.of(units)}
        for column in schema.profiled:
            if column.name in table.column_names:
                try:
                    array = table.column(column.name)
                    counts |= dict(_counted(array, column.name, column.kind, units))
                    if column.role is Role.SCORE:
                        counts |= dict(_scores(array, units))
                    elif column.role is Role.SEGMENT and not column.kind.ordered:
                        counts |= dict(_levels(array, column.name, units))
                except Unmeasurable:
                    continue
        return cls(counts=counts)

    @classmethod
    def named(cls, counts: Mapping[str, int]) -> Self:
        """Return counts of rows that somebody else has made."""
        return cls(counts={name: Weight.plain(n) for name, n in counts.items()})

    def merge(self, other: Self) -> Self:
        """Return what both sets of rows come to."""
        found = dict(self.counts)
        for name, held in other.counts.items():
            found[name] = found[name].merge(held) if name in found else held
        return type(self)(counts=dict(_named(found)))

    @property
    def astray(self) -> int:
        """Rows that are none of `rows`, and should be: refused, or never sent."""
        refused = max(0, self.count(REJECTED) - self.count(MENDED))
        return refused + self.count(DROPPED)

    def count(self, name: str) -> int:
        """Return how many rows were looked at of a kind; 0 where it is not counted."""
        return self.counts[name].rows if name in self.counts else 0


def _named(counts: Mapping[str, Weight]) -> Iterator[tuple[str, Weight]]:
    """Walk over the counts that are kept: of each column, so many levels."""
    levels: dict[str, list[str]] = {}
    for name in sorted(counts):
        kind, _, rest = name.partition("/")
        if kind == "level":
            levels.setdefault(rest.partition("/")[0], []).append(name)
        else:
            yield name, counts[name]
    for names in levels.values():
        for name in _smallest(names):
            yield name, counts[name]


def _smallest(names: list[str]) -> Iterable[str]:
    if len(names) <= MOST_LEVELS:
        return names
    keys = hashes(pa.chunked_array([pa.array(names, pa.string())]))
    return sorted(names[k] for k in np.argsort(keys, kind="stable")[:MOST_LEVELS])


def _counted(
    array: pa.ChunkedArray, name: str, kind: Kind, units: Ints
) -> Iterator[tuple[str, Weight]]:
    """Count the rows without a value: null, and NaN or infinite numbers."""
    if kind.ordered:
        missing = ~np.isfinite(floats(array, kind))
    else:
        missing = np.asarray(texts(array).is_null())
    yield f"nulls/{name}", Weight.of(units[missing])


def _scores(array: pa.ChunkedArray, units: Ints) -> Iterator[tuple[str, Weight]]:
    values = floats(array, Kind.NUMERIC)
    held = (values >= 0) & (values <= 1)
    part = np.minimum(values[held] * SCORE_PARTS, SCORE_PARTS - 1).astype(np.int64)
    some = units[held]
    for k in range(SCORE_PARTS):
        yield f"score/{k}", Weight.of(some[part == k])


def _levels(
    array: pa.ChunkedArray, name: str, units: Ints
) -> Iterator[tuple[str, Weight]]:
    coded = texts(array).combine_chunks().dictionary_encode()
    levels = coded.dictionary.to_pylist()
    places = np.asarray(coded.indices.fill_null(len(levels)))
    kept = set(_smallest([f"level/{name}/{level}" for level in levels]))
    for k, level in enumerate(levels):
        if f"level/{name}/{level}" in kept:
            yield f"level/{name}/{level}", Weight.of(units[places == k])


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What reached the log of all that there was.

    `sample` are the weighed rows that were looked at and `full` the counts of the full
    traffic, where there are any. `requests` is how many rows there should have been and
    `captured` how many there are, None where nobody can say; `told` is how it is known.
    `cause` says why what was asked for could not be had.
    """

    sample: Traffic | None = None
    full: Traffic | None = None
    requests: int | None = None
    captured: Weight | None = None
    told: str = ""
    cause: str = "nothing tells how many rows there should be"
