"""Arrow columns as the plain arrays that profiles count, whatever type they came in."""

from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.bytestrings import is_bytes, worded
from checks.errors import Unmeasurable
from checks.schema import Kind

FLOAT_BITS = 53
"""Bits that a float64 has for whole numbers."""
FLOAT_DIGITS = 15
"""Decimal digits that a float64 always keeps."""
NARROW = 1 << 14
"""Whole numbers that are no farther apart are counted one by one."""
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


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
    if any(is_text(kind) for is_text in _TEXT):
        return "text"
    return "empty" if pa.types.is_null(kind) else "other"


def numbers(column: pa.ChunkedArray, kind: Kind) -> tuple[Floats, int]:
    """Return the values that are not null as float64, and how many are null.

    Times become microseconds since the Unix epoch, UTC; a time without a zone is
    taken to be in UTC. Times of day and durations become microseconds as well. Raises
    Unmeasurable when the values are not numbers or times, or would not stay apart.
    """
    source = column.type
    if pa.types.is_dictionary(source):
        source = source.value_type
        column = pc.cast(column, source)
    wanted = "time" if kind is Kind.DATETIME else "number"
    if pa.types.is_null(source):
        return np.empty(0), len(column)
    if family_of(source) != wanted:
        cause = f"the column holds {source}, which is no {wanted}"
        raise Unmeasurable(cause)
    nulls = column.null_count
    if nulls:
        column = column.drop_null()
    column = _microseconds(column) if kind is Kind.DATETIME else _apart(column)
    array = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(array, dtype=np.float64), nulls


def repeated(column: pa.ChunkedArray, kind: Kind) -> tuple[Floats, Ints] | None:
    """Return the different values in order, and how often each of them stands.

    None where that would not be quicker than to sort them: for anything but whole
    numbers that lie close together. Nulls are left out.
    """
    source = column.type
    if kind is Kind.DATETIME or not pa.types.is_integer(source):
        return None
    limits = pc.min_max(column)
    if not limits["min"].is_valid:
        return None
    least, most = limits["min"].as_py(), limits["max"].as_py()
    if most - least >= min(NARROW, len(column)) or max(-least, most) >> FLOAT_BITS:
        return None
    values = np.asarray(pc.cast(column.drop_null(), pa.int64()))
    counts: Ints = np.bincount(values - least)
    there = np.flatnonzero(counts)
    return (there + least).astype(np.float64), counts[there]


def _microseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    source = column.type
    if pa.types.is_time(source):
        wanted = pa.time64("us")
    elif pa.types.is_duration(source):
        wanted = pa.duration("us")
    else:
        wanted = pa.timestamp("us", getattr(source, "tz", None))
    try:
        # What lies below a microsecond is cut off; what lies too far away is refused.
        cut = pc.CastOptions(target_type=wanted, allow_time_truncate=True)
        return pc.cast(pc.cast(column, options=cut), pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        cause = f"the column holds {source} that microseconds cannot count"
        raise Unmeasurable(cause) from None


def latest(column: pa.ChunkedArray | pa.Array) -> int | None:
    """Return the latest of some instants, in microseconds since the Unix epoch, UTC.

    None where there is none, or where the column holds anything but instants and dates.
    """
    kind = column.type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return None
    last = pc.max(column)
    if not last.is_valid:
        return None
    try:
        moment = pc.cast(
            last, pa.timestamp("us", getattr(kind, "tz", None)), safe=False
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return int(moment.value)


def _apart(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of numbers; raises Unmeasurable where float64 would merge some.

    Whole numbers must each be held exactly, and decimals, which are rounded anyhow,
    have no more digits than float64 keeps apart. Each value is looked at by itself, so
    that any part of a column is judged like the whole.
    """
    source = column.type
    merged = (
        pa.types.is_integer(source)
        and source.bit_width > FLOAT_BITS
        and not held(column)
    ) or (pa.types.is_decimal(source) and not _short(column))
    if merged:
        cause = (
            f"the column holds {source} with more digits than float64 keeps (2**53): "
            "take off an offset, or declare the column categorical"
        )
        raise Unmeasurable(cause)
    return column


def _short(column: pa.ChunkedArray) -> bool:
    """Return whether no decimal has more digits, from first to last, than are kept."""
    if column.type.precision <= FLOAT_DIGITS:
        return True
    limits = pc.min_max(column).as_py()
    largest = max(abs(limits["min"] or 0), abs(limits["max"] or 0))
    if largest < Decimal(1).scaleb(FLOAT_DIGITS - column.type.scale):
        return True
    digits = pc.replace_substring_regex(pc.cast(column, pa.string()), "E.*$|[-.]", "")
    digits = pc.utf8_rtrim(pc.utf8_ltrim(digits, "0"), "0")
    longest = pc.max(pc.utf8_length(digits)).as_py()
    return longest is None or longest <= FLOAT_DIGITS


def held(column: pa.ChunkedArray) -> bool:
    """Return whether float64 holds each of these 64-bit integers exactly."""
    limits = pc.min_max(column).as_py()
    if max(abs(limits["min"] or 0), abs(limits["max"] or 0)) <= 1 << FLOAT_BITS:
        return True
    values = np.asarray(column)
    words = values.view(np.uint64)
    size = np.where(values < 0, ~words + np.uint64(1), words)
    lowest = size & (~size + np.uint64(1))
    # Bits below the lowest one that is set cost nothing: 53 are left from there on.
    return bool(((size >> np.uint64(FLOAT_BITS)) < np.maximum(lowest, 1)).all())


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values as strings, nulls kept; 1.0 and 1 are both written `1`.

    NaN is no value and becomes null. An instant is written in UTC whatever its zone,
    and fractions without the zeros that only their type asks for. Raises Unmeasurable
    for nested values and others that have no plain text.
    """
    source = column.type
    if pa.types.is_dictionary(source):
        source = source.value_type
        column = pc.cast(column, source)
    if pa.types.is_string(source):
        return column
    if family_of(source) == "other" or pa.types.is_interval(source):
        cause = f"the column holds {source}, which has no levels"
        raise Unmeasurable(cause)
    if pa.types.is_floating(source):
        wide = pa.float32() if pa.types.is_float16(source) else source
        column = pc.cast(column, wide)
        column = pc.if_else(pc.is_nan(column), None, column)
        # A negative zero is a zero: the sum makes it the positive one.
        column = pc.add(column, pa.scalar(0.0, wide))
    if pa.types.is_timestamp(source) and source.tz is not None:
        column = pc.cast(column, pa.timestamp(source.unit, "UTC"))
    written = pc.cast(column, pa.string())
    if pa.types.is_decimal(source) or pa.types.is_temporal(source):
        written = pc.replace_substring_regex(written, r"(\.\d*?)0+(Z?)$", r"\1\2")
        written = pc.replace_substring_regex(written, r"\.(Z?)$", r"\1")
    return written


_PRIMES = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
NULL = _PRIMES[1]
"""The hash of null, which no value is likely to have."""


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
    spells it have different hashes. Bytes are hashed as the texts that they are.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if is_bytes(column.type):
        column = worded(column)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        whole = _filled(pc.cast(column, pa.int64(), safe=False), 0)
        result = mix(np.asarray(whole).view(np.uint64))
    elif pa.types.is_floating(kind):
        real = _filled(pc.cast(column, pa.float64()), 0.0)
        result = mix((np.asarray(real) + 0.0).view(np.uint64))
    else:
        result = _text_hashes(texts(column))
    if not column.null_count:
        return result
    return np.where(np.asarray(pc.is_valid(column)), result, NULL)


def _filled(column: pa.Array, value: float) -> pa.Array:
    """Put a value where there is none."""
    return pc.fill_null(column, value) if column.null_count else column


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
    words: npt.NDArray[np.uint64] = np.ndarray(
        len(text) - 7, "<u8", buffer=text, strides=(1,)
    )
    starts, shortest = offsets[:-1], int(lengths.min())
    for position in range(0, int(lengths.max()), 8):
        if position + 8 <= shortest:
            state = mix(state ^ words[starts + position])
            continue
        rows = np.flatnonzero(lengths > position)
        word = words[starts[rows] + position]
        spare = np.maximum(8 - (lengths[rows] - position), 0).astype(np.uint64)
        keep = np.uint64(0xFFFFFFFFFFFFFFFF) >> (spare * np.uint64(8))
        state[rows] = mix(state[rows] ^ (word & keep))
    return state
