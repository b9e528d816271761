"""Columns of tables as plain arrays, and ids of any type as numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Ints
from checks.bytestrings import is_bytes, worded
from checks.values import texts
from monitor.errors import SourceError


def pick(table: pa.Table, what: str, *names: str | None) -> pa.Table:
    """Return the named columns, each once, and as what it is stored as.

    Raises SourceError for one that is not there.
    """
    wanted = list(dict.fromkeys(name for name in names if name is not None))
    for name in wanted:
        if name not in table.column_names:
            msg = f"the {what} have no column {name!r}; they have: "
            raise SourceError(msg + ", ".join(table.column_names), permanent=True)
    table = table.select(wanted)
    for place, field in enumerate(table.schema):
        if isinstance(field.type, pa.BaseExtensionType):
            stored = pc.cast(table.column(place), field.type.storage_type)
            table = table.set_column(place, field.name, stored)
    return table


def column(table: pa.Table, name: str) -> pa.Array:
    """Return a column in one piece, dictionaries decoded and NaN made null."""
    array = table[name].combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # an empty column has no piece to combine
        array = (
            pa.concat_arrays(array.chunks) if array.chunks else pa.array([], array.type)
        )
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
    return array


def numbered(*columns: pa.Array) -> list[Ints]:
    """Number the ids of all columns together; equal ids have equal numbers, null -1.

    Whole numbers are equal whatever their width, or as floats or text; so are texts.
    """
    kinds = {column.type for column in columns}
    if len(kinds) > 1 or is_bytes(columns[0].type):
        columns = tuple(as_text(column) for column in columns)
    elif pa.types.is_string(columns[0].type):
        # More than 2 GB of ids together would overflow 32-bit offsets.
        columns = tuple(pc.cast(column, pa.large_string()) for column in columns)
    encoded = pa.concat_arrays(columns).dictionary_encode()
    numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return [part.astype(np.int64) for part in np.split(numbers, ends)]


def as_text(ids: pa.Array) -> pa.Array:
    """Write ids of any type alike; pandas makes floats of numbers beside null.

    Bytes are the texts that they spell, or UUIDs. Raises Unmeasurable for nested ones.
    """
    if is_bytes(ids.type):
        ids = worded(ids)
    if pa.types.is_floating(ids.type):
        whole = pc.cast(ids, pa.int64(), safe=False)
        same = pc.equal(pc.cast(whole, ids.type, safe=False), ids)
        ids = pc.if_else(same, pc.cast(whole, pa.string()), texts(ids))
    return pc.cast(texts(ids), pa.large_string())


def instants(times: pa.Array, name: str) -> Ints:
    """Return times as microseconds since the Unix epoch, UTC, 0 for null."""
    if not (pa.types.is_timestamp(times.type) or pa.types.is_date(times.type)):
        msg = f"column {name!r} holds {times.type}, which is no time"
        raise SourceError(msg, permanent=True)
    zone = getattr(times.type, "tz", None)
    micros = pc.cast(times, pa.timestamp("us", zone), safe=False)
    whole = pc.cast(micros, pa.int64()).fill_null(0)
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=np.int64)


def instant(moment: datetime) -> int:
    """Return an aware time as microseconds since the Unix epoch."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def ranked(values: pa.Array) -> Ints:
    """Rank values from small to large, equal ones alike, null lowest."""
    if pa.types.is_boolean(values.type) or pa.types.is_null(values.type):
        values = pc.cast(values, pa.int8())
    ranks = np.asarray(pc.rank(values, sort_keys="ascending", tiebreaker="dense"))
    return np.where(np.asarray(pc.is_null(values)), 0, ranks).astype(np.int64)


def placed(*keys: npt.NDArray[Any]) -> Ints:
    """Rank rows by several keys, the first of which weighs most; equal rows alike.

    >>> placed(np.array([1, 0, 1, 1]), np.array([2, 9, 3, 2])).tolist()
    [1, 0, 2, 1]
    """
    order = np.lexsort(keys[::-1])
    new = np.zeros(max(0, len(order) - 1), np.bool_)
    for key in keys:
        new |= key[order][1:] != key[order][:-1]
    found = np.zeros(len(order), np.int64)
    found[order[1:]] = np.cumsum(new)
    return found


def last_of_each(ids: Ints, when: Ints, ranks: Ints) -> tuple[Ints, int]:
    """Return the row of each id with the latest time, of equal times the highest rank.

    The number is that of ids whose latest time has two different ranks.
    """
    order = np.lexsort((ranks, when, ids))
    ids, when, ranks = ids[order], when[order], ranks[order]
    is_last = np.append(ids[1:] != ids[:-1], np.ones(min(len(ids), 1), np.bool_))
    anew = np.append(True, (ids[1:] != ids[:-1]) | (when[1:] != when[:-1]))[: len(ids)]
    first = np.maximum.accumulate(np.where(anew, np.arange(len(ids)), 0))[is_last]
    return order[is_last], int(np.count_nonzero(ranks[first] != ranks[is_last]))
