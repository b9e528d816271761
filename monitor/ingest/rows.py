"""JSON rows of a table: decoded, held to its columns, and gathered into a batch.

A row is decoded and checked at once, by a type made of the table's columns; only where
one of a request does not fit is each looked at by itself, so that the others are kept.
What a row holds beyond the table's columns is passed over unread.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from checks.schema import Kind
from monitor.ingest.lost import LONGEST_ID, Gathered, Refused
from monitor.ingest.moments import micros, served
from monitor.ingest.refusal import Refusal
from monitor.ingest.table import Field, Table, typed

LONGEST_TEXT = 1 << 16
"""Characters of a value at most."""
MOST_VALUES = 4_000_000
"""Values (rows × columns) of one request at most: what they take in memory."""
MOST_APART = 3_000_000
"""Values of an array that is taken apart at most: some may be rows of no column."""
KEPT = 1000
"""Rejected rows of a request that are kept; the others are counted."""

_Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
_Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)] | int
_TYPES: dict[Kind, Any] = {
    Kind.NUMERIC: int | float | None,
    Kind.BOOLEAN: bool | int | None,
    Kind.CATEGORICAL: _Text | int | float | bool | None,
    Kind.DATETIME: _Text | int | float | None,
}


class Why(StrEnum):
    """What is wrong with a row, as it is counted."""

    ID = "id"
    """It has no id."""
    TIME = "time"
    """Its time is none, or cannot be."""
    VALUE = "value"
    """A value does not fit its column."""
    LENGTH = "length"
    """A text is too long."""
    FORM = "form"
    """It is no JSON object."""
    EVENT = "event"
    """It is no event of an inference, or a half that fits no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row of a request that was not taken: its place, why, and what it was."""

    place: int
    why: Why
    reason: str
    row: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What came of a request: `accepted` rows, and those that are not taken.

    `more` rejected rows are counted only; `refused` tells what all rejected rows are
    known by.
    """

    rows: Sequence[Struct] = ()
    batches: Sequence[pa.RecordBatch] = ()
    accepted: int = 0
    rejects: Sequence[Reject] = ()
    more: int = 0
    refused: Sequence[Refused] = ()


class _Actual(Struct):
    """What an outcome is called where nobody knows the columns."""

    id: str | int
    value: str | int | float | bool | None
    known_at: str | int | float | UnsetType | None = UNSET


class _Actuals(Struct):
    actuals: list[_Actual]


_ACTUALS = msgspec.json.Decoder(_Actuals)


class RowReader:
    """Reads the JSON rows of one table."""

    def __init__(self, table: Table) -> None:
        """Make the type of its rows."""
        self.table = table
        self._times = [
            (f"f{i}", one.name == table.time)
            for i, one in enumerate(table.fields)
            if one.kind is Kind.DATETIME
        ]
        self._stamped = next(
            (f"f{i}" for i, one in enumerate(table.fields) if one.name == table.time),
            None,
        )
        row = msgspec.defstruct(
            "Row",
            [_declared(i, one, table) for i, one in enumerate(table.fields)],
            rename={f"f{i}": one.name for i, one in enumerate(table.fields)},
            kw_only=True,
            gc=False,
        )
        self._one = msgspec.json.Decoder(row)
        self._many = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
        self._apart = msgspec.json.Decoder(list[Raw])

    def read(
        self, body: bytes, received: int, *, lines: bool = False, kept: int = KEPT
    ) -> Read:
        """Read an object, an array of objects, or lines of objects.

        `received` is in microseconds since 1970; so many rejected rows are kept.
        Raises Refusal for a body that is no JSON of this form.
        """
        self._bounded(body, lines=lines)
        left = Rejects(self.table, received, kept)
        try:
            rows = self._decoded(body, lines=lines)
        except RecursionError as error:
            raise _no_json(error) from None
        except msgspec.ValidationError:
            return self._one_by_one(self._raws(body, lines=lines), received, left)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if lines:
                return self._one_by_one(body.split(b"\n"), received, left)
            raise _no_json(error) from None
        return self._dated(rows, received, left)

    def actuals(self, body: bytes, received: int) -> Read:
        """Read `{"actuals": [{"id", "value", "known_at"}]}`, whatever the columns are.

        Raises Refusal.
        """
        self._bounded(body)
        try:
            told = _ACTUALS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _no_json(error) from None
        names = [one.name for one in self.table.fields]
        rows = [
            {
                name: value
                for name, value in zip(names, (a.id, a.value, a.known_at), strict=False)
                if value is not UNSET
            }
            for a in told.actuals
        ]
        return self.read(msgspec.json.encode(rows), received)

    def batch(self, rows: Sequence[Struct]) -> pa.RecordBatch:
        """Gather rows into a batch; columns that none of them has are left out."""
        names, columns = [], []
        for one, values in zip(
            self.table.fields,
            zip(*map(msgspec.structs.astuple, rows), strict=True),
            strict=True,
        ):
            column = typed(one.kind, values)
            if column is not None:
                names.append(one.name)
                columns.append(self.table.kept(one, column))
        return pa.RecordBatch.from_arrays(columns, names=names)

    def _decoded(self, body: bytes, *, lines: bool) -> list[Any]:
        if lines:
            return self._one.decode_lines(body)
        if body.lstrip()[:1] == b"[":
            return self._many.decode(body)
        return [self._one.decode(body)]

    def _bounded(self, body: bytes, *, lines: bool = False) -> None:
        """Refuse a body of more rows than are to be held, before it is decoded."""
        self._held(max(body.count(b"{"), body.count(b"\n") if lines else 0))

    def _held(self, rows: int) -> None:
        columns = len(self.table.fields)
        if rows * columns > MOST_VALUES and rows > 1:
            said = f"about {rows:,} rows of {columns} columns"
            raise _too_many(said, MOST_VALUES // columns)

    def _raws(self, body: bytes, *, lines: bool) -> Iterable[bytes | Raw]:
        """Return each row of a body as it was written."""
        if lines:
            return body.split(b"\n")
        if body.lstrip()[:1] != b"[":
            return [body]
        if body.count(b",") > MOST_APART:
            said = f"{body.count(b','):,} values, some of which fit no row,"
            raise _too_many(said, MOST_APART)
        try:
            raws: list[Raw] = self._apart.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _no_json(error) from None
        self._held(len(raws))
        return raws

    def _one_by_one(
        self, raws: Iterable[bytes | Raw], received: int, left: "Rejects"
    ) -> Read:
        rows = []
        for place, raw in enumerate(raws):
            written = bytes(raw)
            if not written or written.isspace():
                continue
            try:
                row = self._one.decode(written)
                self._date(row, received)
            except RecursionError as error:
                raise _no_json(error) from None
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                left.add(place, str(error), written)
            else:
                rows.append(row)
        return left.read(rows)

    def _dated(self, rows: list[Any], received: int, left: "Rejects") -> Read:
        kept = []
        for place, row in enumerate(rows):
            try:
                self._date(row, received)
            except ValueError as error:
                left.add(place, str(error), msgspec.json.encode(row))
            else:
                kept.append(row)
        return left.read(kept)

    def _date(self, row: Any, received: int) -> None:  # noqa: ANN401 - a made type
        """Put microseconds in the place of times; ValueError for what is none."""
        for name, is_served in self._times:
            written = getattr(row, name)
            if written is None or written is UNSET:
                if is_served:
                    setattr(row, name, received)
                continue
            try:
                found = served(written, received) if is_served else micros(written)
            except (ValueError, OverflowError) as error:
                place = self.table.fields[int(name[1:])].name
                msg = f"{_time_said(error)} - at `$.{place}`"
                raise ValueError(msg) from None
            setattr(row, name, found)


def _declared(place: int, one: Field, table: Table) -> tuple[Any, ...]:
    if one.name == table.id:
        return (f"f{place}", _Id)
    return (f"f{place}", _TYPES[one.kind] | UnsetType, UNSET)


def _time_said(error: Exception) -> str:
    """Say what is wrong with a time without showing it."""
    told = str(error)
    return told if told.startswith("the time") else "this is no time"


class Rejects:
    """Gathers the rows of a request that are not taken."""

    def __init__(self, table: Table, received: int, kept: int = KEPT) -> None:
        """Have none yet; `received` is in microseconds since 1970."""
        self._kept = kept
        self._gathered = Gathered(table=table, received=received)
        self._rejects: list[Reject] = []
        self._more = 0

    def add(self, place: int, reason: str, row: bytes) -> None:
        """Add a row by what msgspec, or we, say of it."""
        if len(self._rejects) >= self._kept:
            self._gathered.add(row)
            self._more += 1
            return
        why = next((why for told, why in _TOLD if told in reason), Why.FORM)
        said = _PLACE.sub("$", reason)
        self.put(Reject(place=place, why=why, reason=said, row=row))

    def put(self, one: Reject, id: str | None = None) -> None:  # noqa: A002 - its name
        """Add a row; `id` is told where the row itself tells none."""
        self._gathered.add(one.row, id)
        if len(self._rejects) < self._kept:
            self._rejects.append(one)
        else:
            self._more += 1

    def read(self, rows: Sequence[Struct] = (), accepted: int | None = None) -> Read:
        """Return them beside the rows that are taken."""
        return Read(
            rows=rows,
            accepted=len(rows) if accepted is None else accepted,
            rejects=self._rejects,
            more=self._more,
            refused=self._gathered.refused(),
        )


_TOLD = (
    ("missing required field", Why.ID),
    (" time", Why.TIME),
    ("length <=", Why.LENGTH),
    ("length >=", Why.ID),
    ("Expected `object`", Why.FORM),
    ("Expected", Why.VALUE),
    ("out of range", Why.VALUE),
)
"""What msgspec and we say of a row, and what that is counted as."""


_PLACE = re.compile(r"\$\[\d+\]")


def _too_many(what: str, most: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"{what} are too many for one request",
        fix=f"send at most {most:,}, or an Arrow stream",
    )


def _no_json(error: Exception) -> Refusal:
    if isinstance(error, RecursionError):
        said = "the JSON is nested too deeply"
    else:
        said = f"the body is no JSON of rows ({error})"
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        said,
        path="$",
        fix="send an object, an array of objects, or lines of them as"
        " application/x-ndjson",
    )
