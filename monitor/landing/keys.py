"""What rows are known by, so that none is landed twice: 64-bit hashes of their key.

Beside each Parquet file lie the sorted hashes of its rows, which are looked up where
they lie: a day of many millions is never held in memory. Two different keys of one day
share a hash with a chance of 1 in 600,000 among ten million rows.
"""

import functools
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.values import hashes, mix
from monitor.landing.segment import write_durably

Keys = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_HEAD = struct.Struct("<8sQI4x")
"""A magic, how many keys, their checksum; the keys are aligned as NumPy wants them."""
_MAGIC = b"driftdK2"
_PIECE = 1 << 20


def keys_of(table: pa.Table, columns: Sequence[str]) -> tuple[Keys, Mask]:
    """Hash the key of each row, and tell which rows have one.

    A row whose first key column is null has none. Whole numbers are the texts that
    spell them, so that a sender may change between the two.
    """
    keys = np.zeros(table.num_rows, np.uint64)
    if not columns or columns[0] not in table.column_names:
        return keys, np.zeros(table.num_rows, np.bool_)
    for name in columns:
        if name in table.column_names:
            keys = mix(keys ^ hashes(_plain(table.column(name))))
    known = np.asarray(pc.is_valid(table.column(columns[0])))
    return keys, known


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type):
        return pc.cast(column, pa.string())
    if pa.types.is_timestamp(column.type):
        return pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    return column


def first_of_each(keys: Keys, known: Mask) -> Mask:
    """Tell the rows that are the first with their key, or have none."""
    first = ~known
    places = np.flatnonzero(known)
    _, where = np.unique(keys[places], return_index=True)
    first[places[where]] = True
    return first


def among(keys: Keys, others: Iterable[Keys]) -> Mask:
    """Tell which keys stand in any of several sorted arrays."""
    found = np.zeros(len(keys), np.bool_)
    order = np.argsort(keys)
    ascending = keys[order]  # neighbours are looked up in the same part of memory
    for other in others:
        if len(other):
            at = np.searchsorted(other, ascending)
            found[order] |= other[np.minimum(at, len(other) - 1)] == ascending
    return found


def write_keys(path: Path, keys: Keys) -> None:
    """Write sorted keys; raises OSError."""
    data = np.sort(keys).astype("<u8").tobytes()
    write_durably(path, _HEAD.pack(_MAGIC, len(keys), zlib.crc32(data)) + data)


def read_keys(path: Path) -> Keys | None:
    """Map sorted keys, unread; None where they are not there, or not whole."""
    try:
        told = path.stat()
        count = _count(path, told.st_mtime_ns, told.st_size)
        if not count:
            return None if count is None else np.empty(0, np.uint64)
        return np.memmap(path, "<u8", "r", _HEAD.size, (count,))
    except FileNotFoundError:
        return None


@functools.lru_cache(maxsize=4096)
def _count(path: Path, _changed: int, size: int) -> int | None:
    """Return how many keys a file holds, None for one that is not whole.

    Its checksum is compared once as long as it does not change.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        magic, count, checksum = _HEAD.unpack(head)
        if magic != _MAGIC or size != _HEAD.size + 8 * count:
            return None
        found = 0
        while piece := file.read(_PIECE):
            found = zlib.crc32(piece, found)
    return int(count) if found == checksum else None


def united(parts: Iterable[Keys]) -> Iterator[Keys]:
    """Merge small arrays of keys, so that fewer have to be looked through."""
    small: list[Keys] = []
    for part in parts:
        if len(part) > _SMALL:
            yield part
        else:
            small.append(part)
    if small:
        yield np.sort(np.concatenate(small))


_SMALL = 1 << 16
