"""The one byte format of stored summaries: a JSON header and little-endian arrays.

    magic (7) | version (u16) | length (u64) | zlib(body) | sha256 (32)
    body: header length (u32) | header | arrays

The hash at the end is that of the format's version and the body before compression:
the same value has the same hash on every machine, whatever its zlib, so that the hash
names it. There is no pickle in it, and nothing in it is executed.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.errors import ProfileError

MAGIC = b"driftd\x00"
VERSION = 1
_HEAD = struct.Struct("<HQ")
_DIGEST = 32
_KINDS = {"i8": np.dtype("<i8"), "f8": np.dtype("<f8")}

Array = npt.NDArray[Any]
"""One dimension of int64 or float64."""


def pack(kind: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Write a summary; int64 and float64 arrays of one dimension are taken."""
    shapes = []
    chunks = []
    for name, array in arrays.items():
        code = "f8" if array.dtype.kind == "f" else "i8"
        shapes.append([name, code, len(array)])
        chunks.append(array.astype(_KINDS[code], copy=False).tobytes())
    text = json.dumps(
        {"kind": kind, "header": header, "arrays": shapes},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()
    body = b"".join((struct.pack("<I", len(text)), text, *chunks))
    packed = zlib.compress(body, 6)
    return MAGIC + _HEAD.pack(VERSION, len(packed)) + packed + _hash(VERSION, body)


def _hash(version: int, body: bytes) -> bytes:
    return hashlib.sha256(MAGIC + struct.pack("<H", version) + body).digest()


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `pack` wrote.

    Raises ProfileError when the data is truncated or damaged, was written by a newer
    version, or is a summary of another kind.
    """
    start = len(MAGIC) + _HEAD.size
    if len(data) < start or not data.startswith(MAGIC):
        msg = f"this is no {kind} of driftd's"
        raise ProfileError(msg)
    version, length = _HEAD.unpack(data[len(MAGIC) : start])
    if version > VERSION:
        msg = f"the {kind} was written in format {version}; this driftd reads {VERSION}"
        raise ProfileError(msg)
    if len(data) != start + length + _DIGEST:
        msg = f"the {kind} is truncated: {len(data)} bytes of {start + length + 32}"
        raise ProfileError(msg)
    try:
        body = zlib.decompress(data[start:-_DIGEST])
    except zlib.error as error:
        msg = f"the {kind} is damaged: {error}"
        raise ProfileError(msg) from error
    if _hash(version, body) != data[-_DIGEST:]:
        msg = f"the {kind} is damaged: its checksum does not match"
        raise ProfileError(msg)
    (size,) = struct.unpack_from("<I", body)
    text = json.loads(body[4 : 4 + size])
    if text["kind"] != kind:
        msg = f"this is a {text['kind']}, not a {kind}"
        raise ProfileError(msg)
    arrays: dict[str, Array] = {}
    offset = 4 + size
    for name, code, count in text["arrays"]:
        arrays[name] = np.frombuffer(body, _KINDS[code], count, offset)
        offset += 8 * count
    return text["header"], arrays


def digest(data: bytes) -> str:
    """Return the name that packed content gives itself: 32 hex digits of its hash."""
    return data[-_DIGEST:].hex()[:32]
