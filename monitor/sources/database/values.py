"""Values as drivers hand them over, put into Arrow's columns of the told types."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import SourceError
from monitor.sources.database.columns import MICROSECONDS, Column, Kind
from monitor.sources.texts import times

UTC_ZONE = ZoneInfo("UTC")


def batch(
    rows: Sequence[Sequence[Any]], columns: Sequence[Column], zone: ZoneInfo, place: str
) -> pa.RecordBatch:
    """Return rows as a batch of these columns; times without a zone are of `zone`.

    Raises SourceError for a value that its column's type cannot hold.
    """
    if not columns:
        empty = pa.array([{}] * len(rows), pa.struct([]))
        return pa.RecordBatch.from_struct_array(empty)
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [
        array(values, one, zone, place)
        for values, one in zip(by_column, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(columns))


def schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the schema that rows of these columns are handed on in."""
    return pa.schema([(one.name, one.type) for one in columns])


def array(values: Sequence[Any], one: Column, zone: ZoneInfo, place: str) -> pa.Array:
    """Return one column's values; raises SourceError."""
    try:
        if one.kind is Kind.LOCAL:
            return _in_utc(pa.array(values, pa.timestamp("us")), zone)
        if one.kind is Kind.WRITTEN:
            return _read(pa.array(values, pa.string()), zone)
        return _as_they_are(values, one) or _made_plain(values, one)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        msg = (
            f"{place}: column {one.name!r} has a value that cannot be told as "
            f"{one.type} ({str(error).splitlines()[0]}). "
            "Fix: CAST it in `query`, or correct the value"
        )
        raise SourceError(msg, permanent=True) from error


def _as_they_are(values: Sequence[Any], one: Column) -> pa.Array | None:
    """Take values that Arrow knows for what they should be; None where they differ."""
    try:
        found = pa.array(values)
    except (pa.ArrowException, OverflowError):
        return None
    return found if found.type == one.type else None


def _made_plain(values: Sequence[Any], one: Column) -> pa.Array:
    """Make each value what Arrow takes for the column's type."""
    plain = _PLAIN.get(one.kind)
    if plain is not None:
        values = [None if value is None else plain(value) for value in values]
    return pa.array(values, one.type)


def _in_utc(local: pa.Array, zone: ZoneInfo) -> pa.Array:
    """Move local times to UTC; of two the earlier, for one that never was the later."""
    if zone.key == "UTC":
        return local.cast(MICROSECONDS)
    zoned = pc.assume_timezone(
        local, zone.key, ambiguous="earliest", nonexistent="latest"
    )
    return zoned.cast(MICROSECONDS)


def _read(texts: pa.Array, zone: ZoneInfo) -> pa.Array:
    """Read times written as texts; raises ValueError where one is none."""
    found = times(texts, zone.key)
    if found is None:
        bad = next(one for one in texts if times(pa.array([one]), zone.key) is None)
        msg = f"{str(bad)[:40]!r} is no time"
        raise ValueError(msg)
    return found


def _bool(value: Any) -> bool:  # noqa: ANN401 - any driver's
    return any(value) if isinstance(value, bytes) else bool(value)


def _text(value: Any) -> str:  # noqa: ANN401 - any driver's
    """Write whatever it is as a text, the same each time."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def _date(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _seconds(value: timedelta) -> float:
    return value.total_seconds()


_PLAIN: dict[Kind, Callable[[Any], Any]] = {
    Kind.BOOL: _bool,
    Kind.INT: int,
    Kind.FLOAT: float,
    Kind.DATE: _date,
    Kind.SPAN: _seconds,
    Kind.BYTES: bytes,
    Kind.TEXT: _text,
}
"""How values become what Arrow takes, where drivers differ."""
