"""Rows of two tables that are joined by a key, cut into parts that fit into memory.

Few rows stay in memory as one part. More are written to a folder, each to the part
that the hash of its key says: rows that can meet are always of the same part, so that
what is counted in each adds up to what all of them together would have given.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from checks.bins import Ints
from checks.errors import Unmeasurable
from checks.values import hashes
from monitor.errors import SourceError
from monitor.ids import as_text, column

HELD = 64 << 20
"""Bytes of both tables together that stay in memory."""
PARTS = 64
"""Parts that larger ones are cut into."""
PIECE = 8_192
"""Rows that are gathered of one part before they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the tables: its rows as they come, and the columns of its key."""

    batches: Iterable[pa.RecordBatch]
    key: Sequence[str]


def parted(
    *sides: Side, held: int = HELD, parts: int = PARTS
) -> Generator[tuple[pa.Table, ...]]:
    """Walk over the parts of tables whose keys can meet, at least one.

    Raises SourceError where they do not fit on the disk either.
    """
    with ExitStack() as stack:
        folder = _Folder(stack)
        rows = [_Rows(folder, side.key, parts) for side in sides]
        try:
            _fill(rows, sides, held)
            if any(table.spilled for table in rows):
                yield from zip(*(table.parts() for table in rows), strict=True)
            else:
                yield tuple(table.whole() for table in rows)
        except OSError as error:
            msg = f"rows to be joined do not fit on the disk: {error}"
            raise SourceError(msg, permanent=False) from error
        finally:
            for table in rows:
                table.close()


def _fill(rows: Sequence["_Rows"], sides: Sequence[Side], held: int) -> None:
    """Read the tables; once they are too much, all go to the disk."""
    spare, spilled = held, False
    for table, side in zip(rows, sides, strict=True):
        for batch in side.batches:
            table.add(batch)
            spare -= batch.nbytes
            if spare < 0 and not spilled:
                spilled = True
                for each in rows:
                    each.spill()


class _Folder:
    """A folder for parts, which is made when the first is written."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._path: Path | None = None
        self._files = 0

    def files(self, number: int) -> list[Path]:
        """Return names for so many files."""
        if self._path is None:
            name = self._stack.enter_context(TemporaryDirectory(prefix="driftd-join-"))
            self._path = Path(name)
        first = self._files
        self._files += number
        return [self._path / f"{first + n}.arrows" for n in range(number)]


class _Rows:
    """The rows of one table, in memory until they are told to go."""

    def __init__(self, folder: _Folder, key: Sequence[str], parts: int) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._key = key
        self._batches: list[pa.RecordBatch] = []
        self._schema: pa.Schema | None = None
        self._parts = parts
        self._writers: list[ipc.RecordBatchStreamWriter] = []
        self._waiting: list[pa.RecordBatch] = []
        self._waits = 0
        self.spilled = False

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch; it is written at once where the others are."""
        self._schema = self._schema or batch.schema
        if not self.spilled:
            self._batches.append(batch)
            return
        self._waiting.append(batch)
        self._waits += batch.num_rows
        if self._waits >= PIECE * self._parts:
            self._write()

    def spill(self) -> None:
        """Write what is held to the disk, and what comes from now on."""
        if self.spilled:
            return
        self.spilled = True
        held, self._batches = self._batches, []
        while held:
            self.add(held.pop(0))

    def _write(self) -> None:
        """Deal what waits out to the parts."""
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        self._waiting, self._waits = [], 0
        if not self._writers:
            self._files = self._folder.files(self._parts)
            options = ipc.IpcWriteOptions(compression="lz4")
            self._writers = [
                ipc.new_stream(str(file), table.schema, options=options)
                for file in self._files
            ]
        part = _part(table, self._key, self._parts)
        order = np.argsort(part, kind="stable")
        dealt = table.take(pa.array(order)).combine_chunks()
        ends = np.searchsorted(part[order], np.arange(self._parts + 1))
        for writer, (start, end) in zip(self._writers, pairwise(ends), strict=True):
            if end > start:
                writer.write_table(dealt.slice(start, end - start))

    def whole(self) -> pa.Table:
        """Return all rows as one table."""
        batches, self._batches = self._batches, []
        return pa.Table.from_batches(batches, self._schema or pa.schema([]))

    def parts(self) -> Iterator[pa.Table]:
        """Read the parts, one after the other; each is gone once it was read."""
        self._write()
        if not self._writers:
            empty = (self._schema or pa.schema([])).empty_table()
            yield from (empty for _ in range(self._parts))
            return
        self.close()
        for path in self._files:
            with pa.OSFile(str(path)) as file:
                table = ipc.open_stream(file).read_all()
            path.unlink()
            yield table

    def close(self) -> None:
        """Close what is open; may be done twice."""
        for writer in self._writers:
            writer.close()


def _part(table: pa.Table, key: Sequence[str], parts: int) -> Ints:
    """Return the part of each row, the same for the same key whatever its type."""
    found = np.zeros(table.num_rows, np.uint64)
    for name in key:
        try:
            words = hashes(as_text(column(table, name)))
        except (Unmeasurable, pa.ArrowInvalid):
            continue  # bytes that are no text: these rows stay together
        found = found * np.uint64(31) + words
    return (found >> np.uint64(32)).astype(np.int64) % parts
