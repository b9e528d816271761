"""The one byte format of stored summaries: a JSON header and little-endian arrays.

    magic (7) | version (u16) | length (u64) | zlib(body) | sha256 (32)
    body: header length (u32) | header | arrays

The same value gives the same bytes on every machine, so that a hash of them names it.
There is no pickle in it, and nothing in it is executed.
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
    body = zlib.compress(b"".join((struct.pack("<I", len(text)), text, *chunks)), 6)
    data = MAGIC + _HEAD.pack(VERSION, len(body)) + body
    return data + hashlib.sha256(data).digest()


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
    if hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
        msg = f"the {kind} is damaged: its checksum does not match"
        raise ProfileError(msg)
    body = zlib.decompress(data[start:-_DIGEST])
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
    """Return the name that content gives itself: sha256, 32 hex digits of it."""
    return hashlib.sha256(data).hexdigest()[:32]
