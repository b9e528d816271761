"""A segment of the log: batches of rows appended to one file, and read from it."""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from monitor.landing.frames import MAGIC, Kind, frame, frames

_MARK = struct.Struct("<I")
"""The checksum of the schema, before the rows that are in it."""


_DAY = 86_400_000_000
JOINED_BYTES = 4 << 20
"""Bytes up to which batches are joined as they are read."""
_PROBE = 1 << 18
"""Bytes that must fit before rows are taken again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A batch of rows in the log, and when it was received (microseconds, 1970)."""

    received: int
    rows: pa.RecordBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a segment holds; `damaged` where frames in its midst cannot be read."""

    batches: tuple[Logged, ...]
    damaged: bool


class Segment:
    """A file that is appended to; one writer, and no thread beside it."""

    def __init__(self, path: Path) -> None:
        """Begin a new file; raises OSError."""
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._schema: pa.Schema | None = None
        self._mark = b""
        self.size = 0
        self.rows = 0
        try:
            self._write(MAGIC)
            os.fsync(self._file)
            sync_folder(path.parent)
        except OSError:
            self.close()
            path.unlink()
            raise
        self.size = len(MAGIC)

    def append(self, batches: Iterable[pa.RecordBatch], received: int) -> None:
        """Write batches and wait until they are on the disk.

        Raises OSError, after which the segment must be closed: what of these batches
        is on the disk nobody knows.
        """
        parts, rows = [], 0
        for batch in batches:
            if self._schema is None or not batch.schema.equals(self._schema):
                self._schema = batch.schema
                columns = batch.schema.serialize().to_pybytes()
                self._mark = _MARK.pack(zlib.crc32(columns))
                parts.append(frame(Kind.SCHEMA, received, columns))
            payload = self._mark + memoryview(batch.serialize())
            parts.append(frame(Kind.BATCH, received, payload))
            rows += batch.num_rows
        data = b"".join(parts)
        self._write(data)
        os.fdatasync(self._file)
        self.size += len(data)
        self.rows += rows

    def probe(self) -> None:
        """Try whether there is room for some rows; raises OSError as `append` does."""
        self._write(bytes(_PROBE))
        os.fdatasync(self._file)
        self.cut()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def cut(self) -> None:
        """Cut off what was not acknowledged, as far as the disk lets us."""
        os.ftruncate(self._file, self.size)
        os.lseek(self._file, self.size, os.SEEK_SET)
        os.fsync(self._file)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


def read_segment(path: Path) -> Contents:
    """Return the whole batches of a segment; raises OSError."""
    with path.open("rb") as log:
        return contents_of(log)


def contents_of(log: BinaryIO) -> Contents:
    """Return the whole batches of a segment; raises OSError.

    A batch whose frame is whole and which Arrow cannot read is damage as well.
    """
    gathered = _Gathered()
    schemas: dict[bytes, pa.Schema] = {}
    damaged = False
    try:
        for part in frames(log):
            damaged |= part.after_damage
            mark = bytes(part.payload[: _MARK.size])
            try:
                if part.kind == Kind.SCHEMA:
                    mark = _MARK.pack(zlib.crc32(part.payload))
                    schemas[mark] = pa.ipc.read_schema(pa.py_buffer(part.payload))
                else:
                    # A copy lies where Arrow's numbers may lie.
                    rows = pa.py_buffer(bytes(part.payload[_MARK.size :]))
                    batch = pa.ipc.read_record_batch(rows, schemas[mark])
                    gathered.add(Logged(received=part.received, rows=batch))
            except (KeyError, pa.ArrowException, OSError):
                damaged = True
    except ValueError:
        damaged = True
    return Contents(batches=gathered.all(), damaged=damaged)


class _Gathered:
    """Batches of a log, the small ones joined: each costs more than its rows do.

    A batch that is joined of several was received when the first of them was, and all
    of them on the same day.
    """

    def __init__(self) -> None:
        self._done: list[Logged] = []
        self._small: list[Logged] = []
        self._bytes = 0

    def add(self, one: Logged) -> None:
        if self._small and not _alike(self._small[0], one):
            self._join()
        self._small.append(one)
        self._bytes += one.rows.nbytes
        if self._bytes >= JOINED_BYTES:
            self._join()

    def all(self) -> tuple[Logged, ...]:
        self._join()
        return tuple(self._done)

    def _join(self) -> None:
        if self._small:
            rows = pa.concat_batches([one.rows for one in self._small])
            self._done.append(Logged(received=self._small[0].received, rows=rows))
        self._small, self._bytes = [], 0


def _alike(one: Logged, other: Logged) -> bool:
    same_day = one.received // _DAY == other.received // _DAY
    return same_day and one.rows.schema.equals(other.rows.schema)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make_folder(path: Path) -> None:
    """Make a folder, and the names of all that lead to it durable; raises OSError."""
    path.mkdir(parents=True, exist_ok=True)
    for folder in path.parents:
        # Those that others made, and that are not ours to open, are there to stay.
        with contextlib.suppress(PermissionError):
            sync_folder(folder)


def write_durably(path: Path, data: bytes) -> None:
    """Put a file in place whole, or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)
