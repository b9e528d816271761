"""Frames of a log: each with its length and checksum, so that a torn tail is told.

A log begins with `MAGIC`. A frame is a head (length of the payload, CRC-32 of all that
follows, microseconds since 1970 at which it was received, kind) and the payload.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

MAGIC = b"driftdW1"
_HEAD = struct.Struct("<II")
_BODY = struct.Struct("<qB")
OVERHEAD = _HEAD.size + _BODY.size
"""Bytes of a frame beside its payload."""
LARGEST = 1 << 30
"""Bytes of a payload at most; a larger length is damage."""


class Kind(IntEnum):
    """What a frame's payload is."""

    SCHEMA = 1
    """The columns of the batches that follow."""
    BATCH = 2
    """Rows, after the checksum of the schema that they are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame as it was read.

    `after_damage` tells that what stands before it in a log is not whole: no crash
    leaves that behind.
    """

    kind: int
    received: int
    payload: memoryview
    after_damage: bool


def frame(kind: Kind, received: int, payload: bytes | memoryview) -> bytes:
    """Return a frame's bytes."""
    body = _BODY.pack(received, kind)
    checksum = zlib.crc32(payload, zlib.crc32(body))
    return b"".join((_HEAD.pack(len(payload), checksum), body, payload))


def frames(log: BinaryIO) -> Iterator[Frame]:
    """Read the whole frames of a log, one at a time, whatever its bytes are.

    What follows the last of them is a torn tail. Raises ValueError for what does not
    begin as a log does, and OSError.
    """
    size = log.seek(0, os.SEEK_END)
    log.seek(0)
    if log.read(len(MAGIC)) != MAGIC:
        if size < len(MAGIC):
            return  # torn as it began
        msg = "it does not begin as a log does"
        raise ValueError(msg)
    place, damage = len(MAGIC), False
    while place + OVERHEAD <= size:
        log.seek(place)
        head = log.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return  # cut off meanwhile
        length, checksum = _HEAD.unpack(head)
        following = place + OVERHEAD + length
        if length <= LARGEST and following <= size:
            rest = log.read(_BODY.size + length)
            if len(rest) >= _BODY.size and zlib.crc32(rest) == checksum:
                received, kind = _BODY.unpack_from(rest)
                payload = memoryview(rest)[_BODY.size :]
                yield Frame(
                    kind=kind, received=received, payload=payload, after_damage=damage
                )
                place, damage = following, False
                continue
        place, damage = following, True
