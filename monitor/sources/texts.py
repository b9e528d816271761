"""Types for values that come without: what texts say they are, and told as that."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import MalformedError, SourceError

TIME = pa.timestamp("us", "UTC")


class Kind(StrEnum):
    """The types that a user may declare."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    UNIX_SECONDS = "unix_seconds"
    UNIX_MILLIS = "unix_millis"
    UNIX_MICROS = "unix_micros"
    UNIX_NANOS = "unix_nanos"


ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIME: TIME,
    Kind.UNIX_SECONDS: TIME,
    Kind.UNIX_MILLIS: TIME,
    Kind.UNIX_MICROS: TIME,
    Kind.UNIX_NANOS: TIME,
}
COUNTED = {
    Kind.UNIX_SECONDS: "s",
    Kind.UNIX_MILLIS: "ms",
    Kind.UNIX_MICROS: "us",
    Kind.UNIX_NANOS: "ns",
}
"""What times are counted in, where they are counted since 1970."""
TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]
"""What a time that is a whole number may be counted in, since 1970."""
_UNITS: dict[TimeUnit, Kind] = {
    "seconds": Kind.UNIX_SECONDS,
    "milliseconds": Kind.UNIX_MILLIS,
    "microseconds": Kind.UNIX_MICROS,
    "nanoseconds": Kind.UNIX_NANOS,
}
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_TRUTHS = pa.array(["true", "false", "True", "False", "TRUE", "FALSE"])
_EXACT_DIGITS = 15
"""Digits of a whole number that a float holds; a longer one may be an id."""
_LED_BY_NOUGHT = (("00", "0:"), ("0X", "0Y"), ("0x", "0y"))
"""Between which texts those lie, letter by letter, that begin as 07030 and 0x1F do."""
_ZONED = r"(?:[Zz]|[+-]\d\d:?\d\d)$"
_TOO_FINE = r"(\.\d{6})\d+"


def narrowest(values: pa.Array, zone: str = "UTC") -> pa.DataType:
    """Return the narrowest type that holds all values of a column.

    >>> narrowest(pa.array(["1", None, "2"])), narrowest(pa.array(["07030", "10001"]))
    (DataType(int64), DataType(string))
    """
    if not pa.types.is_string(values.type):
        return values.type
    texts = values.drop_null()
    if not len(texts):
        return pa.null()
    for kind in (pa.int64(), pa.float64()):
        if _casts(texts, kind):
            return pa.string() if _is_code(texts, kind) else kind
    if pc.all(pc.is_in(texts, _TRUTHS)).as_py():
        return pa.bool_()
    if _casts(texts, pa.date32()):
        return pa.date32()
    # Most texts are none, which the first of them tells at once.
    some = times(texts.slice(0, 1), zone) is not None
    return TIME if some and times(texts, zone) is not None else pa.string()


def told(
    values: pa.Array, kind: pa.DataType, unix: Kind | None = None, zone: str = "UTC"
) -> tuple[pa.Array, list[int]]:
    """Return values in a type, null where one cannot be, and where these are.

    `unix` says that they are counts since 1970, and `zone` where clocks without a zone
    stood.
    """
    if values.type == kind and unix is None:
        return values, []
    whole = _cast(values, kind, unix, zone)
    if whole is not None:
        return whole, []
    bad = _misfits(values, 0, kind, unix, zone)
    kept = pa.array([i not in set(bad) for i in range(len(values))], pa.bool_())
    fitting = pc.if_else(kept, values, pa.scalar(None, values.type))
    found = _cast(fitting, kind, unix, zone)
    if found is None:
        msg = f"values of {values.type} cannot be told as {kind}. Fix: declare its type"
        raise SourceError(msg, permanent=True)
    return found, bad


def timed_schema(
    schema: pa.Schema, column: str | None, unit: TimeUnit | None
) -> pa.Schema:
    """Return a schema in which a column that is counted in a unit is a time."""
    place = schema.get_field_index(column or "")
    if unit is None or place < 0:
        return schema
    return schema.set(place, schema.field(place).with_type(TIME))


def timed(
    batch: pa.RecordBatch, column: str | None, unit: TimeUnit | None
) -> pa.RecordBatch:
    """Return a batch in which a column that is counted in a unit is a time."""
    place = batch.schema.get_field_index(column or "")
    if unit is None or place < 0:
        return batch
    times, _ = told(batch.column(place), TIME, _UNITS[unit])
    return batch.set_column(place, str(column), times)


def misfit(name: str, kind: pa.DataType) -> MalformedError:
    """Say that a value is not of its column's type."""
    return MalformedError(f"a value of {name!r} is no {_NOUNS.get(kind, str(kind))}")


_NOUNS = {
    pa.int64(): "whole number",
    pa.float64(): "number",
    pa.bool_(): "true or false",
    pa.date32(): "date",
    TIME: "time",
}


def _misfits(
    values: pa.Array, start: int, kind: pa.DataType, unix: Kind | None, zone: str
) -> list[int]:
    """Return where values are that cannot be told as a type, by halving."""
    if _cast(values, kind, unix, zone) is not None:
        return []
    if len(values) == 1:
        return [start]
    half = len(values) // 2
    return [
        *_misfits(values.slice(0, half), start, kind, unix, zone),
        *_misfits(values.slice(half), start + half, kind, unix, zone),
    ]


def _cast(
    values: pa.Array, kind: pa.DataType, unix: Kind | None, zone: str
) -> pa.Array | None:
    try:
        if unix is not None:
            return _since_1970(values, COUNTED[unix]).cast(kind)
        if pa.types.is_timestamp(kind) and pa.types.is_string(values.type):
            found = times(values, zone)
            return None if found is None else found.cast(kind)
        if pa.types.is_null(kind) and values.null_count == len(values):
            return pa.nulls(len(values))
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _since_1970(values: pa.Array, unit: str) -> pa.Array:
    """Return times that are counted in a unit; raises ArrowInvalid."""
    try:
        whole = values.cast(pa.int64())
    except pa.ArrowInvalid:  # with a fraction
        micros = pc.multiply(values.cast(pa.float64()), 1e6 / _PER_SECOND[unit])
        return pc.round(micros).cast(pa.int64()).cast(TIME)
    return whole.cast(pa.timestamp(unit, "UTC")).cast(TIME, safe=unit != "ns")


def _casts(texts: pa.Array, kind: pa.DataType) -> bool:
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _is_code(texts: pa.Array, kind: pa.DataType) -> bool:
    """Tell whether numbers would lose something that their texts have."""
    noughts = pc.any(pc.starts_with(texts, "0")).as_py()
    for first, last in _LED_BY_NOUGHT if noughts else ():
        led = pc.and_(pc.greater_equal(texts, first), pc.less(texts, last))
        if pc.any(led).as_py():
            return True
    longest = pc.max(pc.binary_length(texts)).as_py()
    if pa.types.is_integer(kind) or longest <= _EXACT_DIGITS:
        return False
    long = pc.match_substring_regex(texts, rf"^\d{{{_EXACT_DIGITS + 1},}}$")
    return bool(pc.any(long).as_py())


def times(texts: pa.Array, zone: str = "UTC") -> pa.Array | None:
    """Return the times that texts tell, in UTC; None where one is no time.

    What is finer than a microsecond is cut off; `zone` is where clocks without a zone
    stood.
    """
    found = _stamped(texts, TIME)
    if found is not None:
        return found
    fine = pc.replace_substring_regex(texts, _TOO_FINE, r"\1")
    zoned = pc.match_substring_regex(fine, _ZONED)
    # A date ends in what looks like an offset: 2013-04-01.
    zoned = pc.and_(zoned, pc.match_substring_regex(fine, r":|[Zz]$"))
    nothing = pa.scalar(None, pa.string())
    with_zone = _stamped(pc.if_else(zoned, fine, nothing), TIME)
    naive = _stamped(pc.if_else(zoned, nothing, fine), pa.timestamp("us"))
    if with_zone is None or naive is None:
        return None
    # A clock that is set back tells an hour twice: the first is taken.
    here = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    return pc.coalesce(with_zone, here.cast(TIME))


def _stamped(texts: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def natural(values: Sequence[object]) -> pa.Array:
    """Return values of JSON as an array: of their type, as texts where they differ.

    >>> natural([1, None, 2.5]).type, natural([1, "a"]).to_pylist()
    (DataType(double), ['1', 'a'])
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {int, float} and kinds != {int}:
        try:
            return pa.array(values, pa.float64() if kinds else pa.null())
        except (pa.ArrowInvalid, OverflowError):
            pass
    if len(kinds) == 1:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, OverflowError):
            pass  # a whole number larger than any that Arrow holds
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: object) -> str:
    # As Arrow tells numbers, so that a block of numbers alone is told the same.
    if isinstance(value, bool | float):
        return str(pa.scalar(value).cast(pa.string()))
    return str(value)
