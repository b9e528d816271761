"""Rows that never reach the log: those that are refused, and what they are known by.

A row is known by its id where it tells one, so that it counts once however often it is
sent, and no longer once it is taken. Any other is known by its content, and by how many
of that content stood before it in its request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.traffic import REJECTED
from checks.values import hashes, mix
from monitor.ingest.moments import served
from monitor.ingest.table import Table
from monitor.landing.keys import Keys, Mask, keys_of

LONGEST_ID = 1024
_TOLD_APART = 256
"""Characters by which texts are told apart."""

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Rows by what they are known by, when they were served, and how many each is.

    `name` is what they are counted as; times are microseconds since 1970.
    """

    name: str
    keys: Keys
    known: Mask
    times: Times
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Rows of one request that are not taken; `contents` hash what each of them is."""

    ids: pa.Array
    contents: Keys
    times: Times

    def lost(self, table: Table) -> Lost:
        """Return them as they are counted; of a table without ids, each time."""
        keys, known = keys_of(pa.table({"id": self.ids}), ("id",))
        if table.id is not None:
            alike = mix(self.contents ^ _ranks(self.contents))
            keys, known = np.where(known, keys, alike), np.ones(len(keys), np.bool_)
        counts = np.ones(len(keys), np.int64)
        return Lost(
            name=REJECTED, keys=keys, known=known, times=self.times, counts=counts
        )


def _ranks(keys: Keys) -> Keys:
    """Return of each key how many of the same stand before it.

    >>> _ranks(np.array([7, 5, 7, 7], np.uint64)).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    begins = np.flatnonzero(np.r_[True, ascending[1:] != ascending[:-1]][: len(keys)])
    lengths = np.diff(np.r_[begins, len(keys)])
    found = np.empty(len(keys), np.uint64)
    found[order] = np.arange(len(keys)) - np.repeat(begins, lengths)
    return found


@dataclass(slots=True, kw_only=True)
class Gathered:
    """Gathers the refused JSON rows of a request; `received` is in microseconds."""

    table: Table
    received: int
    _ids: list[str | None] = field(default_factory=list)
    _times: list[int] = field(default_factory=list)
    _contents: list[int] = field(default_factory=list)

    def add(self, row: bytes, id: str | None = None) -> None:  # noqa: A002 - its name
        """Take note of a row, whose id is told where the row itself tells none."""
        told, at = _told(row, self.table, self.received)
        self._ids.append(id if told is None else str(told))
        self._times.append(at)
        digest = blake2b(row, digest_size=8).digest()
        self._contents.append(int.from_bytes(digest, "little"))

    def refused(self) -> Sequence[Refused]:
        """Return what was gathered, if anything was."""
        if not self._times:
            return ()
        ids = pa.array(self._ids, pa.string())
        for one in self.table.fields:
            if one.name == self.table.id:
                ids = self.table.kept(one, ids)
        contents = np.array(self._contents, np.uint64)
        times = np.array(self._times, np.int64)
        return (Refused(ids=ids, contents=contents, times=times),)


def _told(row: bytes, table: Table, received: int) -> tuple[str | int | None, int]:
    """Return the id and the time of a row, as far as it tells sensible ones."""
    try:
        read = msgspec.json.decode(row)
        known, at = read.get(table.id), read.get(table.time)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError):
        return None, received
    try:
        when = received if at is None else served(at, received)
    except (ValueError, TypeError, OverflowError):
        when = received
    return (known if _is_id(known) else None), when


def _is_id(told: object) -> bool:
    if isinstance(told, str):
        return 0 < len(told) <= LONGEST_ID
    return isinstance(told, int) and not isinstance(told, bool)


def contents_of(batch: pa.RecordBatch) -> Keys:
    """Hash what each row of a batch is."""
    keys = np.zeros(batch.num_rows, np.uint64)
    for column in batch.columns:
        is_text = pa.types.is_string(column.type)
        told = pc.utf8_slice_codeunits(column, 0, _TOLD_APART) if is_text else column
        keys = mix(keys ^ hashes(pa.chunked_array([told])))
    return keys
