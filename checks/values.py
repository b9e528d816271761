"""Arrow columns as the plain arrays that profiles count, whatever type they came in."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats
from checks.errors import Unmeasurable
from checks.schema import Kind


def family_of(kind: pa.DataType) -> str:
    """Name the family of an Arrow type: number, text, boolean, time or other.

    A column that goes from one family to another has changed its type; int32 and
    double are one family, because nothing that is counted depends on the difference.

    >>> family_of(pa.int32()), family_of(pa.dictionary(pa.int8(), pa.string()))
    ('number', 'text')
    """
    if pa.types.is_dictionary(kind):
        return family_of(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        return "number"
    if pa.types.is_temporal(kind):
        return "time"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return "empty" if pa.types.is_null(kind) else "other"


def numbers(column: pa.ChunkedArray, kind: Kind) -> tuple[Floats, int]:
    """Return the values that are not null as float64, and how many are null.

    Times become microseconds since the Unix epoch, UTC; a time without a zone is
    taken to be in UTC. Raises Unmeasurable when the values are not numbers or times.
    """
    source = column.type
    wanted = "time" if kind is Kind.DATETIME else "number"
    if pa.types.is_null(source):
        return np.empty(0), len(column)
    if family_of(source) != wanted:
        cause = f"the column holds {source}, which is no {wanted}"
        raise Unmeasurable(cause)
    nulls = column.null_count
    if nulls:
        column = column.drop_null()
    if kind is Kind.DATETIME:
        zone = getattr(source, "tz", None)
        column = pc.cast(column, pa.timestamp("us", zone), safe=False)
        column = pc.cast(column, pa.int64())
    array = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(array, dtype=np.float64), nulls


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values as strings, nulls kept; 1.0 and 1 are both written `1`.

    Raises Unmeasurable for nested values and others that have no plain text.
    """
    source = column.type
    if pa.types.is_dictionary(source):
        source = source.value_type
        column = pc.cast(column, source)
    if pa.types.is_string(source):
        return column
    if family_of(source) == "other":
        cause = f"the column holds {source}, which has no levels"
        raise Unmeasurable(cause)
    return pc.cast(column, pa.string())


_PRIMES = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)


def mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter 64-bit words evenly: the finaliser of splitmix64.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014. One-to-one, so different integers stay different.
    """
    words = words + _PRIMES[0]
    words = (words ^ (words >> np.uint64(30))) * _PRIMES[1]
    words = (words ^ (words >> np.uint64(27))) * _PRIMES[2]
    return words ^ (words >> np.uint64(31))


def hashes(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Hash every value to 64 bits, the same on every machine and in every version.

    Numbers and times are mixed as they are, anything else by the UTF-8 of its text,
    eight bytes at a time; null has a hash of its own. An integer and the text that
    spells it have different hashes.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    valid = np.asarray(pc.is_valid(column))
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        words = np.asarray(
            pc.fill_null(pc.cast(column, pa.int64(), safe=False), 0)
        ).view(np.uint64)
        result = mix(words)
    elif pa.types.is_floating(kind):
        filled = pc.fill_null(pc.cast(column, pa.float64()), 0.0)
        result = mix((np.asarray(filled) + 0.0).view(np.uint64))
    else:
        result = _text_hashes(texts(column))
    return np.where(valid, result, _PRIMES[1])


def _text_hashes(column: pa.Array) -> npt.NDArray[np.uint64]:
    column = pc.cast(pc.fill_null(column, ""), pa.large_string())
    _, offsets_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[
        column.offset : column.offset + len(column) + 1
    ]
    lengths = np.diff(offsets)
    state = mix(lengths.view(np.uint64))
    if data_buffer is None or not len(lengths) or lengths.max() == 0:
        return state
    # Eight spare bytes let every word be read whole; a mask drops what lies beyond.
    text = np.concatenate(
        [np.frombuffer(data_buffer, np.uint8)[: offsets[-1]], np.zeros(8, np.uint8)]
    )
    words = np.lib.stride_tricks.sliding_window_view(text, 8)
    for position in range(0, int(lengths.max()), 8):
        rows = np.flatnonzero(lengths > position)
        word = words[offsets[rows] + position].copy().view("<u8").ravel()
        spare = np.maximum(8 - (lengths[rows] - position), 0).astype(np.uint64)
        keep = np.uint64(0xFFFFFFFFFFFFFFFF) >> (spare * np.uint64(8))
        state[rows] = mix(state[rows] ^ (word & keep))
    return state
