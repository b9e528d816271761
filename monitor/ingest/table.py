"""A table that rows are sent to: its columns, and how plain values become them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from checks.schema import Kind
from monitor.landing import Shape
from monitor.privacy import Personal

MOMENT = pa.timestamp("us", "UTC")
_WHOLE = 1 << 63
"""What a whole number must stay below to be kept as one."""
_EXACT = 1 << 53
"""What a whole number must stay below to be a float without loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column that a row may have."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What rows are taken: predictions of a model, or its labels.

    `id` names the column without which a row is refused (None: all are taken), `time`
    the one that is filled with the time of arrival where a row has none.
    """

    model: str
    what: str
    fields: tuple[Field, ...]
    id: str | None
    time: str | None
    shape: Shape
    personal: Personal | None = None

    def kept(self, one: Field, values: pa.Array) -> pa.Array:
        """Return a column as it may be written."""
        if one.name in self.hidden and self.personal is not None:
            return self.personal.hidden(values)
        return values

    @property
    def hidden(self) -> frozenset[str]:
        """The columns that are hidden."""
        return self.personal.columns if self.personal is not None else frozenset()

    def shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return of a row what may be kept: declared columns, some of them hidden."""
        return {
            one.name: self._shown(one.name, row[one.name])
            for one in self.fields
            if one.name in row
        }

    def put_aside(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return of a row that does not fit what may be kept.

        Where something is to be hidden, any text may be it, in the wrong column.
        """
        if self.personal is None:
            return self.shown(row)
        plain = int | float | bool | None
        return {
            one.name: value
            if one.name not in self.hidden and isinstance(value, plain)
            else self.personal.shown(value)
            for one in self.fields
            if one.name in row
            for value in (row[one.name],)
        }

    def _shown(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if self.personal is None or name not in self.hidden:
            return value
        return self.personal.shown(value)


def typed(kind: Kind, values: Sequence[Any]) -> pa.Array | None:
    """Return plain values as one type: that of all of them, or text where they differ.

    Times are microseconds since 1970. None where no row has the column (UNSET).

    >>> typed(Kind.CATEGORICAL, [1, "a", None, msgspec.UNSET]).to_pylist()
    ['1', 'a', None, None]
    """
    kinds = set(map(type, values))
    if msgspec.UnsetType in kinds:
        if len(kinds) == 1:
            return None
        values = [None if v is msgspec.UNSET else v for v in values]
        kinds.discard(msgspec.UnsetType)
    kinds.discard(type(None))
    if kind is Kind.DATETIME:
        return pa.array(values, MOMENT)
    if not kinds:
        return pa.nulls(len(values), EMPTY[kind])
    if kind is Kind.NUMERIC:
        return _numbers(values, whole=kinds == {int})
    if len(kinds) == 1:
        return _alike(kinds.pop(), values)
    return pa.array([None if v is None else spelt(v) for v in values], pa.string())


EMPTY = {
    Kind.NUMERIC: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.CATEGORICAL: pa.string(),
    Kind.DATETIME: MOMENT,
}
"""The type of a column that has no value yet."""


def _alike(kind: type, values: Sequence[Any]) -> pa.Array:
    if kind is int and not _fit(values, _WHOLE):
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values, _TYPES[kind])


_TYPES = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
}


def _numbers(values: Sequence[Any], *, whole: bool) -> pa.Array:
    """Return numbers as float64 where that loses nothing, so that types stay alike."""
    if whole and not _fit(values, _EXACT) and _fit(values, _WHOLE):
        return pa.array(values, pa.int64())
    try:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    except OverflowError:
        return pa.array([None if v is None else _float(v) for v in values])


def _float(value: float) -> float:
    """Return a number as a float; one beyond all of them as infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _fit(values: Sequence[Any], below: int) -> bool:
    return all(v is None or -below <= v < below for v in values)


def spelt(value: object) -> str:
    """Write a plain value as the text that stands for it in a column of texts.

    >>> spelt(True), spelt(3), spelt(0.5)
    ('true', '3', '0.5')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
