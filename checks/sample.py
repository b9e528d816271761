"""A bounded row sample that is the same whatever the order or split of the rows.

Of all rows the ones with the smallest hashes are kept (bottom-k sampling; Cohen and
Kaplan, "Summarizing data using bottom-k sketches", PODC 2007), so that samples merge
exactly and every replica keeps the same rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.errors import Unmeasurable
from checks.schema import Role, Schema
from checks.values import family_of, hashes, mix
from checks.weight import units_of

KEY = "driftd_hash"
"""The column in which a sample keeps the hash of each row."""
FAIR = np.uint64(0xFA125A3B1E000001)
"""What keeps the hash that evens weights out apart from others of the same row."""
KEY_COLUMNS = 6
"""Columns whose values choose a row that has no id; the rest only break ties."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """At most `size` rows of a table, with the hash that each was chosen by.

    `rows` is ordered by the hash column `KEY`; the other columns are the table's.
    """

    size: int
    rows: pa.Table

    @classmethod
    def of(cls, table: pa.Table, size: int, by: str | None) -> "Sample":
        """Sample a table by the hash of one column (an id), or of whole rows."""
        keys = row_keys(table.column, table.schema, table.num_rows, by)
        return cls.keyed(table, keys, size)

    @classmethod
    def keyed(cls, rows: pa.Table, keys: npt.NDArray[np.uint64], size: int) -> "Sample":
        """Sample rows by keys that are known."""
        chosen = smallest(keys, size)
        if len(chosen) < len(keys):
            rows, keys = rows.take(arrow(chosen)), keys[chosen]
        kept = rows.append_column(KEY, arrow(keys))
        return cls(size=size, rows=_ordered(kept).slice(0, size))

    @property
    def table(self) -> pa.Table:
        """The sampled rows as they came."""
        return self.rows.drop_columns([KEY])


def merge(samples: Iterable[Sample]) -> Sample:
    """Return the sample of all the rows that several samples were drawn from.

    Columns are united by name; a column that changed its type between samples is
    kept as text. At least one sample is needed.
    """
    parts = list(samples)
    tables = [part.rows for part in parts]
    try:
        rows = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        rows = pa.concat_tables(
            [_as_text(t) for t in tables], promote_options="default"
        )
    size = min(part.size for part in parts)
    return Sample(size=size, rows=_ordered(rows).slice(0, size))


def row_keys(
    read: Callable[[str], pa.ChunkedArray],
    schema: pa.Schema,
    rows: int,
    by: str | None,
) -> npt.NDArray[np.uint64]:
    """Hash what chooses rows: an id, or else the columns that tell rows apart best.

    `read` gives a column by its name; one is held at a time.
    """
    if by is not None and by in schema.names:
        try:
            return hashes(read(by))
        except Unmeasurable as error:
            cause = f"the id {by!r}: {error.cause}. Fix: use texts, numbers or UUIDs"
            raise Unmeasurable(cause) from None
    return row_hashes(read, schema, rows, KEY_COLUMNS)


def row_hashes(
    read: Callable[[str], pa.ChunkedArray],
    schema: pa.Schema,
    rows: int,
    most: int | None = None,
) -> npt.NDArray[np.uint64]:
    """Hash whole rows: every column whose values have a plain form, in name order.

    With `most`, only so many columns are looked at, numbers and times first: they
    tell rows apart best.
    """
    families = {
        name: family_of(schema.field(name).type)
        for name in sorted(set(schema.names) - {KEY})
    }
    plain = [name for name in families if families[name] not in ("other", "empty")]
    if most is not None:
        telling = ("time", "number")
        plain = sorted(plain, key=lambda name: families[name] not in telling)[:most]
    keys = np.zeros(rows, np.uint64)
    for name in plain:
        keys = mix(keys ^ hashes(read(name)))
    return keys


def fair(rows: pa.Table, schema: Schema, most: int | None = None) -> pa.Table:
    """Return the rows that make a sample of one weight: no row stands for more.

    Each is kept with its weight's share of the largest one, which is the `most` (in
    units) where these are but a part of the rows. A hash of its own decides: of rows
    with an id the same ones wherever they are asked for. Raises Unmeasurable for
    weights that mean nothing.

    >>> from checks.schema import Column, Kind
    >>> weight = Column(name="w", kind=Kind.NUMERIC, role=Role.WEIGHT)
    >>> name = Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID)
    >>> ids = [str(k) for k in range(4000)]
    >>> rows = pa.table({"id": ids, "w": [1.0] * 2000 + [4.0] * 2000})
    >>> fair(rows, Schema.of([name, weight])).num_rows
    2512
    """
    units = units_of(schema, rows.column_names, rows.column, rows.num_rows)
    if units is None or not len(units):
        return rows
    largest = int(units.max()) if most is None else most
    if units.min() == largest:
        return rows
    by = schema.first(Role.ID)
    keys = row_keys(rows.column, rows.schema, rows.num_rows, by) ^ FAIR
    if by not in rows.column_names:  # rows that are alike are told apart by their place
        keys ^= mix(np.arange(rows.num_rows, dtype=np.uint64))
    keys = mix(keys)
    chance = (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return rows.take(arrow(np.flatnonzero(chance < units / largest)))


def smallest(keys: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.int64]:
    """Return the rows up to the size-th smallest key, all its ties included."""
    if len(keys) <= size:
        return np.arange(len(keys))
    if size == 0:
        return np.empty(0, np.int64)
    return np.flatnonzero(keys <= np.partition(keys, size - 1)[size - 1])


def arrow(numbers: npt.NDArray[Any]) -> pa.Array:
    """Return plain numbers as an Arrow array; `pa.array` would first import pandas."""
    kind = pa.from_numpy_dtype(numbers.dtype)
    buffer = pa.py_buffer(np.ascontiguousarray(numbers))
    return pa.Array.from_buffers(kind, len(numbers), [None, buffer])


def _ordered(rows: pa.Table) -> pa.Table:
    """Order rows by their key, and rows of one key by all that they hold."""
    keys = np.asarray(rows.column(KEY))
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    tied = np.zeros(len(keys), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    some = order[tied]
    if len(some):
        held = rows.take(arrow(some))
        ties = row_hashes(held.column, held.schema, held.num_rows)
        order[tied] = some[np.lexsort((ties, keys[some]))]
    return rows.take(arrow(order))


def _as_text(table: pa.Table) -> pa.Table:
    fields = [
        field if field.name == KEY else pa.field(field.name, pa.string())
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
