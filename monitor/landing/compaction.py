"""From batches in the log to tables by day, in which each row stands once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from checks.values import family_of
from monitor.landing.days import keys_path, wherever
from monitor.landing.keys import (
    Keys,
    among,
    first_of_each,
    keys_of,
    read_keys,
    united,
)
from monitor.landing.segment import Contents

UNDATED = "__HIVE_DEFAULT_PARTITION__"
"""The partition of rows without a time, as hive names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What knows a row (none: every row is another), and which column dates it.

    Rows without such a column are dated by when they were received.
    """

    key: tuple[str, ...] = ()
    time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The rows of one day of a segment, with the keys of those that have one.

    `repeated` counts the rows that were left out, because they are there already.
    """

    day: str
    table: pa.Table
    keys: Keys
    repeated: int


def compacted(
    contents: Contents, shape: Shape, known: Callable[[str], Iterable[Keys]]
) -> Iterator[Part]:
    """Divide a segment's rows by day, and keep the first of each key.

    `known` returns the keys that have landed on a day already.
    """
    if not contents.batches:
        return
    table = joined([logged.rows for logged in contents.batches])
    days = _days(contents, table, shape)
    keys, has_key = keys_of(table, shape.key)
    for day in pc.unique(days).to_pylist():
        there = pc.is_null(days) if day is None else pc.equal(days, day)
        rows = np.flatnonzero(np.asarray(there.fill_null(False)))  # noqa: FBT003 - a value
        mine, with_key = keys[rows], has_key[rows]
        name = _name(day)
        fresh = first_of_each(mine, with_key)
        fresh &= ~(with_key & among(mine, united(known(name))))
        kept = rows[fresh]
        yield Part(
            day=name,
            table=table if len(kept) == table.num_rows else table.take(pa.array(kept)),
            keys=np.sort(mine[fresh & with_key]),
            repeated=len(rows) - len(kept),
        )


def joined(batches: list[pa.RecordBatch]) -> pa.Table:
    """Return batches as one table, columns by name; types that clash become text."""
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        kinds: dict[str, set[pa.DataType]] = {}
        for table in tables:
            for field in table.schema:
                kinds.setdefault(field.name, set()).add(field.type)
        common = {name: _common(found) for name, found in kinds.items()}
        alike = [_cast(table, common) for table in tables]
        return pa.concat_tables(alike, promote_options="default")


def landed_keys(path: Path, shape: Shape) -> Keys:
    """Return the sorted keys of a landed file: those beside it, or else its own."""
    kept = read_keys(keys_path(path))
    if kept is not None:
        return kept
    stored = wherever(path, pq.read_schema).names
    wanted = [name for name in shape.key if name in stored]
    table = wherever(path, lambda there: pq.read_table(there, columns=wanted))
    keys, has_key = keys_of(table, shape.key)
    return np.sort(keys[has_key])


def _common(kinds: set[pa.DataType]) -> pa.DataType:
    """Return the type that holds values of several: floats for numbers, else text."""
    told = {kind for kind in kinds if not pa.types.is_null(kind)}
    if len(told) == 1:
        return told.pop()
    numbers = all(family_of(kind) == "number" for kind in told)
    return pa.float64() if numbers and told else pa.string()


def _cast(table: pa.Table, kinds: Mapping[str, pa.DataType]) -> pa.Table:
    columns = [
        pc.cast(column, kinds[name], safe=False)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _days(contents: Contents, table: pa.Table, shape: Shape) -> pa.ChunkedArray:
    """Return the UTC day of each row."""
    if shape.time is not None and shape.time in table.column_names:
        times = table.column(shape.time)
        if pa.types.is_date(times.type):
            return pc.cast(times, pa.date32())
        if pa.types.is_timestamp(times.type):
            micros = pc.cast(times, pa.timestamp("us", times.type.tz), safe=False)
            return pc.cast(micros, pa.timestamp("us")).cast(pa.date32(), safe=False)
    return pa.chunked_array(
        [
            pa.repeat(
                pa.scalar(logged.received, pa.timestamp("us")), len(logged.rows)
            ).cast(pa.date32(), safe=False)
            for logged in contents.batches
        ],
        pa.date32(),
    )


def _name(day: date | None) -> str:
    return UNDATED if day is None else day.isoformat()
