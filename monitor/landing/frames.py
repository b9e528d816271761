"""Frames of a log: each with its length and checksum, so that a torn tail is told.

A log begins with `MAGIC`. A frame is a head (length of the payload, CRC-32 of all that
follows, microseconds since 1970 at which it was received, kind) and the payload.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

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
    """One frame as it was read, and where the next one begins."""

    kind: int
    received: int
    payload: bytes
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The whole frames of a log, and where the last of them ends.

    What follows is a torn tail. `damaged` tells that a frame in the midst is not whole:
    no crash leaves that behind.
    """

    frames: tuple[Frame, ...]
    end: int
    damaged: bool = False


def frame(kind: Kind, received: int, payload: bytes | memoryview) -> bytes:
    """Return a frame's bytes."""
    body = _BODY.pack(received, kind)
    checksum = zlib.crc32(payload, zlib.crc32(body))
    return b"".join((_HEAD.pack(len(payload), checksum), body, payload))


def scan(log: bytes) -> Scan:
    """Return the frames of a log; whatever its bytes are, nothing is raised."""
    if not log.startswith(MAGIC):
        return Scan(frames=(), end=0, damaged=len(log) >= len(MAGIC))
    frames: list[Frame] = []
    end, start, damaged = len(MAGIC), len(MAGIC), False
    while start + OVERHEAD <= len(log):
        found = _at(log, start)
        if found is not None:
            frames.append(found)
            damaged |= end != start
            start = end = found.end
            continue
        (length, _) = _HEAD.unpack_from(log, start)
        start += OVERHEAD + length
    return Scan(frames=tuple(frames), end=end, damaged=damaged)


def _at(log: bytes, start: int) -> Frame | None:
    """Return the frame that begins there; None where no whole one does."""
    length, checksum = _HEAD.unpack_from(log, start)
    end = start + OVERHEAD + length
    if length > LARGEST or end > len(log):
        return None
    if zlib.crc32(memoryview(log)[start + _HEAD.size : end]) != checksum:
        return None
    received, kind = _BODY.unpack_from(log, start + _HEAD.size)
    payload = log[start + OVERHEAD : end]
    return Frame(kind=kind, received=received, payload=payload, end=end)
