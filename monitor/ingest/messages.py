"""What an Arrow stream says of itself, read before Arrow is asked to unfold it.

The heads of its messages are FlatBuffers (format/Message.fbs of Apache Arrow). A few
bytes can claim a column of any length, many buffers can be the same bytes, and a
compressed one says how long it will be: all are added up first.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

_SCHEMA, _DICTIONARY, _ROWS = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a message unfolds to: rows (of a dictionary: values), and bytes."""

    rows: int
    size: int
    dictionary: bool


def claims(stream: pa.Buffer) -> Iterator[Claims]:
    """Yield what each message of a stream claims.

    Raises ValueError for what is no stream, and pyarrow's own errors.
    """
    try:
        for message in pa.ipc.MessageReader.open_stream(stream):
            head = _Table.root(message.metadata.to_pybytes())
            kind, body = head.number(1, "<B"), message.body
            if kind == _DICTIONARY:
                yield _claimed(head.table(2).table(1), body, dictionary=True)
            elif kind == _ROWS:
                yield _claimed(head.table(2), body, dictionary=False)
            elif kind != _SCHEMA:
                msg = f"a message of kind {kind} belongs to no table"
                raise ValueError(msg)
    except struct.error as error:
        msg = f"a message is torn ({error})"
        raise ValueError(msg) from None


def _claimed(batch: "_Table", body: pa.Buffer, *, dictionary: bool) -> Claims:
    """Add up the buffers of a record batch, as they are once they are unpacked."""
    compressed = batch.has(3)
    content = memoryview(body) if body is not None else memoryview(b"")
    size = 0
    for offset, length in batch.pairs(2):
        if length < 0 or offset < 0 or offset + length > len(content):
            msg = "a buffer lies outside of its message"
            raise ValueError(msg)
        if not compressed or length == 0:
            size += length
            continue
        (unpacked,) = struct.unpack_from("<q", content, offset)
        size += length if unpacked < 0 else unpacked
    return Claims(rows=batch.number(0, "<q"), size=size, dictionary=dictionary)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a FlatBuffer; its fields are told by their number in the schema."""

    data: bytes
    at: int

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        (at,) = struct.unpack_from("<I", data, 0)
        return cls(data, at)

    def has(self, field: int) -> bool:
        return self._place(field) is not None

    def number(self, field: int, form: str) -> int:
        place = self._place(field)
        return (
            0 if place is None else int(struct.unpack_from(form, self.data, place)[0])
        )

    def table(self, field: int) -> "_Table":
        return _Table(self.data, self._pointed(field))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Walk over a vector of pairs of 64-bit numbers."""
        if not self.has(field):
            return
        at = self._pointed(field)
        (count,) = struct.unpack_from("<I", self.data, at)
        for i in range(count):
            offset, length = struct.unpack_from("<qq", self.data, at + 4 + 16 * i)
            yield offset, length

    def _pointed(self, field: int) -> int:
        place = self._place(field)
        if place is None:
            msg = "a message lacks what it is of"
            raise ValueError(msg)
        (offset,) = struct.unpack_from("<I", self.data, place)
        return place + int(offset)

    def _place(self, field: int) -> int | None:
        (back,) = struct.unpack_from("<i", self.data, self.at)
        table = self.at - back
        if table < 0:
            msg = "a message points before its beginning"
            raise ValueError(msg)
        (size,) = struct.unpack_from("<H", self.data, table)
        slot = 4 + 2 * field
        if slot + 2 > size:
            return None
        (offset,) = struct.unpack_from("<H", self.data, table + slot)
        return self.at + int(offset) if offset else None
