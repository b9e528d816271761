"""Ids that are bytes, written as texts: so that one log finds what another spells."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_UUID = 16
"""Bytes of a UUID."""
_DIGITS = np.array([k for k in range(36) if k not in (8, 13, 18, 23)])
"""Where a UUID's 32 digits stand among its dashes."""
_PRINTED = (0x20, 0x7E)
"""The first and the last byte of ASCII that is printed."""


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether a type holds bytes, or is an extension of another type."""
    if isinstance(kind, pa.BaseExtensionType):
        return True
    known = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return pa.types.is_fixed_size_binary(kind) or any(one(kind) for one in known)


def worded(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return bytes as texts; an extension type as what it is stored as.

    16 bytes are a UUID where their type says so, or where one of them is never printed;
    others are the text that they spell as UTF-8, or else hexadecimal digits.

    >>> import uuid
    >>> one = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    >>> worded(pa.array([one.bytes, b"order-7", None, bytes([255])])).to_pylist()
    ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'order-7', None, 'ff']
    """
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if isinstance(ids.type, pa.BaseExtensionType):
        ids = ids.storage
    if not is_bytes(ids.type):
        return ids
    if ids.type == pa.binary(_UUID):
        return _uuids(ids)
    ids = pc.cast(ids, pa.large_binary())
    found = _spelled(ids)
    if found is None:
        values = ids.to_pylist()
        words = [None if value is None else _word(value) for value in values]
        return pa.array(words, pa.large_string())
    return found


def _spelled(ids: pa.Array) -> pa.Array | None:
    """Read bytes all of which are one kind of text; None where they are not."""
    filled = pc.fill_null(ids, b"")
    sized = np.asarray(pc.binary_length(filled)) == _UUID
    valid = np.asarray(pc.is_valid(ids))
    if (sized | ~valid).all() and valid.any():
        whole = pc.cast(pc.if_else(pa.array(valid), ids, b"\0" * _UUID), pa.binary(16))
        bytes_of = _bytes(whole)
        hidden = ((bytes_of < _PRINTED[0]) | (bytes_of > _PRINTED[1])).any(axis=1)
        if hidden.all():
            return pc.if_else(pa.array(valid), _uuids(whole), None)
        return None
    try:
        return None if sized.any() else pc.cast(ids, pa.large_string())
    except pa.ArrowInvalid:
        return None


def _word(value: bytes) -> str:
    if len(value) == _UUID and not all(_PRINTED[0] <= b <= _PRINTED[1] for b in value):
        return str(_uuids(pa.array([value], pa.binary(_UUID)))[0])
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _bytes(ids: pa.Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of a UUID a row; zeros where there is none."""
    filled = pc.fill_null(ids, b"\0" * _UUID) if ids.null_count else ids
    data = np.frombuffer(filled.buffers()[1], np.uint8)
    start = filled.offset * _UUID
    return data[start : start + len(filled) * _UUID].reshape(-1, _UUID)


def _uuids(ids: pa.Array) -> pa.Array:
    """Write UUIDs as they are written: digits in groups, in lower case."""
    digits = np.frombuffer(_bytes(ids).tobytes().hex().encode(), np.uint8)
    text = np.full((len(ids), 36), ord("-"), np.uint8)
    text[:, _DIGITS] = digits.reshape(-1, 2 * _UUID)
    ends = np.arange(len(ids) + 1, dtype=np.int64) * 36
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(text))]
    found = pa.Array.from_buffers(pa.large_string(), len(ids), buffers)
    return pc.if_else(pc.is_valid(ids), found, None) if ids.null_count else found
