"""Rows sent as columns (an Arrow stream, a Parquet file), held to a table."""

from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.schema import Kind
from checks.values import family_of
from monitor.ingest.apart import Apart, TooLarge
from monitor.ingest.lost import LONGEST_ID, Refused, contents_of
from monitor.ingest.messages import claims
from monitor.ingest.moments import AHEAD, EARLIEST, since_1970
from monitor.ingest.refusal import Refusal
from monitor.ingest.rows import KEPT, LONGEST_TEXT, Read, Reject, Why
from monitor.ingest.table import EMPTY, MOMENT, Field, Table

MOST_VALUES = 16_000_000
"""Values (rows × declared columns) of one request at most."""
LARGEST = 128 << 20
"""Bytes that a request's columns may take once they are unfolded."""

_STREAM, _FILE = "Arrow stream", "Parquet file"
_BROKEN = (ValueError, ArithmeticError, LookupError, OSError, pa.ArrowException)
"""What a damaged stream leads to, here or there in Arrow."""
_FAMILIES = {
    Kind.NUMERIC: ("number",),
    Kind.BOOLEAN: ("boolean", "number"),
    Kind.CATEGORICAL: ("text", "number", "boolean"),
    Kind.DATETIME: ("time",),
}


def of_stream(body: bytes, table: Table) -> list[pa.RecordBatch]:
    """Return the batches of an Arrow stream, its declared columns; raises Refusal."""
    stream = pa.py_buffer(body)
    try:
        rows = size = 0
        for claim in claims(stream):
            rows += 0 if claim.dictionary else claim.rows
            size += claim.size
            _bounded(claim.rows if claim.dictionary else rows, size, table)
        with pa.ipc.open_stream(stream) as reader:
            chosen = _chosen(reader.schema, table)
            return [batch.select(chosen) for batch in reader if batch.num_rows]
    except _BROKEN as error:
        raise _unreadable(_STREAM, error) from None


def of_parquet(body: bytes, table: Table, apart: Apart) -> list[pa.RecordBatch]:
    """Return the batches of a Parquet file, its declared columns; raises Refusal."""
    names = [one.name for one in table.fields]
    try:
        stream = apart.stream(body, names, most_rows(table), LARGEST)
    except TooLarge as error:
        raise _refused(
            str(error), "", "send fewer rows at once", too_large=True
        ) from None
    except ValueError as error:
        raise _unreadable(_FILE, error) from None
    return of_stream(stream, table)


class _Judge:
    """Collects the rows of a request that a table can hold, and those it cannot."""

    def __init__(self, table: Table, received: int) -> None:
        self._table = table
        self._received = received
        self._seen = self._rejected = 0
        self.batches: list[pa.RecordBatch] = []
        self.rejects: list[Reject] = []
        self._refused: list[Refused] = []

    @property
    def read(self) -> Read:
        accepted = sum(batch.num_rows for batch in self.batches)
        more = self._rejected - len(self.rejects)
        return Read(
            batches=self.batches,
            rejects=self.rejects,
            accepted=accepted,
            more=more,
            refused=self._refused,
        )

    def take(self, batch: pa.RecordBatch) -> None:
        """Take a batch of declared columns; raises Refusal for another type."""
        batch.validate(full=True)
        columns = {
            f.name: _column(f, batch.column(f.name))
            for f in self._table.fields
            if f.name in batch.schema.names
        }
        sent = dict(columns)
        why = self._why(columns, batch.num_rows)
        fields = [f for f in self._table.fields if f.name in columns]
        good, bad = np.flatnonzero(why == 0), np.flatnonzero(why)
        for place in bad[: max(0, KEPT - len(self.rejects))].tolist():
            self._reject(batch, place, *_WHY[why[place]])
        if len(bad):
            self._refuse(sent, columns, why)
        self._rejected += len(bad)
        self._seen += batch.num_rows
        if len(good):
            arrays = [self._table.kept(f, columns[f.name]) for f in fields]
            names = [f.name for f in fields]
            held = pa.RecordBatch.from_arrays(arrays, names=names)
            self.batches.append(held.take(pa.array(good)) if len(bad) else held)

    def _reject(self, batch: pa.RecordBatch, place: int, why: Why, reason: str) -> None:
        row = {
            name: _plain(batch.column(k)[place])
            for k, name in enumerate(batch.schema.names)
        }
        written = msgspec.json.encode(row, enc_hook=str)
        self.rejects.append(
            Reject(place=self._seen + place, why=why, reason=reason, row=written)
        )

    def _refuse(
        self,
        sent: dict[str, pa.Array],
        columns: dict[str, pa.Array],
        why: npt.NDArray[np.uint8],
    ) -> None:
        """Take note of the rows that are not taken."""
        bad = np.flatnonzero(why)
        rows = pa.RecordBatch.from_pydict(sent).take(pa.array(bad))
        ids = pa.nulls(len(bad), pa.string())
        for one in self._table.fields:
            if one.name == self._table.id:
                ids = rows.column(one.name)
                if pa.types.is_string(ids.type):
                    lengths = pc.utf8_length(ids)
                    fine = pc.and_(
                        pc.greater(lengths, 0), pc.less_equal(lengths, LONGEST_ID)
                    )
                    ids = pc.if_else(fine, ids, None)
                ids = self._table.kept(one, ids)
        times = np.full(len(bad), self._received)
        if self._table.time is not None:
            told = np.asarray(columns[self._table.time].cast(pa.int64()))[bad]
            times = np.where(why[bad] == _TIME, times, told)
        self._refused.append(Refused(ids=ids, contents=contents_of(rows), times=times))

    def _why(self, columns: dict[str, pa.Array], rows: int) -> npt.NDArray[np.uint8]:
        """Number why each row is rejected, 0 for not at all; fill in missing times."""
        why = np.zeros(rows, np.uint8)
        for column in columns.values():
            if pa.types.is_string(column.type):
                why[_where(pc.greater(pc.binary_length(column), LONGEST_TEXT))] = (
                    _LENGTH
                )
        time, key = self._table.time, self._table.id
        if time is not None:
            given = columns.get(time)
            now = pa.scalar(self._received, MOMENT)
            times = pa.repeat(now, rows) if given is None else pc.fill_null(given, now)
            columns[time] = times
            counted = np.asarray(times.cast(pa.int64()))
            why[(counted < _EARLIEST) | (counted > self._received + _AHEAD)] = _TIME
        if key is not None:
            ids = columns[key]
            why[_where(pc.is_null(ids))] = _ID
            if pa.types.is_string(ids.type):
                why[_where(pc.equal(ids, ""))] = _ID
        return why


def _plain(value: pa.Scalar) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value of Python's; a time beyond its calendar as a text."""
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return value.cast(pa.string()).as_py()


_ID, _TIME, _LENGTH = 1, 2, 3
_WHY = {
    _ID: (Why.ID, "the row has no id"),
    _TIME: (Why.TIME, "the time lies before 1980, or more than a day ahead"),
    _LENGTH: (Why.LENGTH, f"a text is longer than {LONGEST_TEXT:,} characters"),
}
_EARLIEST = since_1970(EARLIEST)
_AHEAD = AHEAD // timedelta(microseconds=1)


def _where(told: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(told.fill_null(False))  # noqa: FBT003 - a value


def held_to(table: Table, batches: Iterable[pa.RecordBatch], received: int) -> Read:
    """Return batches as the table has them; rows that it cannot hold are rejected.

    Raises Refusal for a column that is of another type than the table's.
    """
    judge = _Judge(table, received)
    try:
        for batch in batches:
            judge.take(batch)
    except _BROKEN as error:
        raise _unreadable(_STREAM, error) from None
    return judge.read


def _chosen(schema: pa.Schema, table: Table) -> list[str]:
    """Return the declared columns that there are; raises Refusal for a wrong one."""
    names = schema.names
    chosen = []
    for one in table.fields:
        if names.count(one.name) > 1:
            detail = f"column {one.name!r} stands twice"
            raise _refused(detail, one.name, "name each column once")
        if one.name not in names:
            if one.name == table.id:
                detail = f"there is no column {one.name!r}, which tells rows apart"
                raise _refused(detail, one.name, "send the id of each row")
            continue
        _fits(one, schema.field(one.name).type)
        chosen.append(one.name)
    if not chosen:
        detail = "none of the columns is one of the table's"
        known = ", ".join(one.name for one in table.fields[:20])
        raise _refused(detail, "", f"send some of {known}")
    return chosen


def _fits(one: Field, kind: pa.DataType) -> None:
    family = family_of(kind)
    if family == "empty" or family in _FAMILIES[one.kind]:
        return
    detail = f"column {one.name!r} is {kind}, and the config says {one.kind.value}"
    raise _refused(
        detail, one.name, f"send a {' or '.join(_FAMILIES[one.kind])} column"
    )


def _column(one: Field, values: pa.Array) -> pa.Array:
    """Return a column in the type that its kind is kept in."""
    if pa.types.is_dictionary(values.type):
        values = _decoded(one, values)
    family = family_of(values.type)
    if family == "empty":
        return pa.nulls(len(values), EMPTY[one.kind])
    if family == "time":
        return _moments(values) if one.kind is Kind.DATETIME else values
    if family == "text":
        return pc.cast(values, pa.string())
    if family == "boolean":
        return values
    return _number(one.kind, values)


def _number(kind: Kind, values: pa.Array) -> pa.Array:
    """Return whole numbers as such where they are names, or too long for a float."""
    if not pa.types.is_integer(values.type):
        return pc.cast(values, pa.float64(), safe=False)
    limits = pc.min_max(values).as_py()
    low, high = limits["min"] or 0, limits["max"] or 0
    if high >= 1 << 63:
        wide = pa.float64() if kind is Kind.NUMERIC else pa.string()
        return pc.cast(values, wide, safe=False)
    if kind is Kind.NUMERIC and max(-low, high) <= 1 << 53:
        return pc.cast(values, pa.float64())
    return pc.cast(values, pa.int64())


def _moments(values: pa.Array) -> pa.Array:
    if pa.types.is_date(values.type):
        return values.cast(pa.timestamp("us")).cast(MOMENT)
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(MOMENT)
    detail = f"the column holds {values.type}, which is no point in time"
    raise _refused(detail, "", "send timestamps")


def _decoded(one: Field, values: pa.DictionaryArray) -> pa.Array:
    """Lay out what a dictionary stands for, unless that is too much."""
    texts = values.dictionary
    if family_of(texts.type) == "text":
        lengths = pc.binary_length(texts).take(values.indices)
        size = pc.sum(lengths).as_py() or 0
        if size > LARGEST:
            detail = f"the texts of column {one.name!r} take {size:,} bytes"
            raise _refused(detail, one.name, "send fewer rows at once", too_large=True)
    return values.dictionary_decode()


def most_rows(table: Table) -> int:
    """Return how many rows a request may have."""
    return max(1, MOST_VALUES // len(table.fields))


def _bounded(rows: int, size: int, table: Table) -> None:
    most = most_rows(table)
    if rows > most:
        detail = f"{rows:,} rows are too many for one request"
        raise _refused(detail, "", f"send at most {most:,}", too_large=True)
    if size > LARGEST:
        detail = f"the columns unfold to {size:,} bytes"
        raise _refused(detail, "", f"send at most {LARGEST:,}", too_large=True)


def _refused(detail: str, path: str, fix: str, *, too_large: bool = False) -> Refusal:
    status = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if too_large
        else HTTPStatus.UNPROCESSABLE_ENTITY
    )
    return Refusal(status, detail, path=path, fix=fix)


def _unreadable(what: str, error: Exception) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        f"the body is no whole {what} ({str(error)[:200]})",
        fix=f"send what a writer of Arrow made, as one {what}",
    )
