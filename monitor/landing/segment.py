"""A segment of the log: batches of rows appended to one file, and read from it."""

import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from monitor.landing.frames import MAGIC, Kind, frame, scan

_MARK = struct.Struct("<I")
"""The checksum of the schema, before the rows that are in it."""


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
    return contents_of(path.read_bytes())


def contents_of(segment: bytes) -> Contents:
    """Return the whole batches among a segment's bytes.

    A batch whose frame is whole and which Arrow cannot read is damage as well.
    """
    found = scan(segment)
    batches: list[Logged] = []
    schemas: dict[bytes, pa.Schema] = {}
    damaged = found.damaged
    for part in found.frames:
        try:
            if part.kind == Kind.SCHEMA:
                mark = _MARK.pack(zlib.crc32(part.payload))
                schemas[mark] = pa.ipc.read_schema(pa.py_buffer(part.payload))
            else:
                schema = schemas[part.payload[: _MARK.size]]
                # A slice is a copy, and lies where Arrow's numbers may lie.
                rows = pa.py_buffer(part.payload[_MARK.size :])
                batch = pa.ipc.read_record_batch(rows, schema)
                batches.append(Logged(received=part.received, rows=batch))
        except (KeyError, pa.ArrowException, OSError):
            damaged = True
    return Contents(batches=tuple(batches), damaged=damaged)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_durably(path: Path, data: bytes) -> None:
    """Put a file in place whole, or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
