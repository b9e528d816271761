"""A table or a query of a database: streamed, by windows, and never written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
from pydantic import AfterValidator, SecretStr, model_validator
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    func,
    literal,
    select,
)
from sqlalchemy import column as named

from monitor import plugins
from monitor.config.scalars import Delay
from monitor.errors import SourceError
from monitor.problems import mistake
from monitor.sources.base import SOURCES
from monitor.sources.database import relation, values
from monitor.sources.database.columns import MOMENTS, Column, Kind, column, described
from monitor.sources.database.server import Server
from monitor.sources.unify import within
from monitor.window import Window, rfc3339

BATCH_ROWS = 8_192


def _zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message, fix = f"{written!r} is no time zone", "write one as Europe/Helsinki."
        raise mistake(message, fix) from None
    return written


@SOURCES.register("sql")
class SqlSource:
    """Rows of a database, read in bounded memory as they stand at one moment.

    A reading is one transaction that cannot write.
    """

    class Options(plugins.Options):
        """What a user may set."""

        url: SecretStr
        """Where the database is: `postgresql://user:password@host/database`."""
        table: str | None = None
        """The table or view to read, with its schema where it needs one."""
        query: str | None = None
        """A SELECT to read instead."""
        watermark: str | None = None
        """A column that grows as rows are inserted: it says how far they have come."""
        overlap: Delay = timedelta(0)
        """How late rows may be inserted: a window waits for a mark that much later."""
        time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
        """The zone of times that are stored without one."""

        @model_validator(mode="after")
        def _one_relation(self) -> Self:
            """Refuse what is no single thing to read."""
            if (self.table is None) is (self.query is None):
                message = "a source reads either a `table` or a `query`"
                raise mistake(message, "write one of the two.")
            if self.query is not None and relation.several(self.query):
                message = "the `query` has a `;`, and one SELECT is all that is read"
                raise mistake(message, "take out the `;` and what follows it.")
            if self.overlap and self.watermark is None:
                message = "an `overlap` says how far behind a `watermark` rows may come"
                raise mistake(message, "name the `watermark` column.")
            return self

    def __init__(
        self, options: "SqlSource.Options", *, base: Path, timestamp: str | None
    ) -> None:
        """Connect to nothing yet; a relative SQLite file starts from `base`."""
        self._options = options
        self._timestamp = timestamp
        self._zone = ZoneInfo(options.time_zone)
        self._server = Server.of(options.url.get_secret_value(), base)
        what = "the query" if options.table is None else f"table {options.table!r}"
        self._place = f"{self._server.name}: {what}"

    def schema(self) -> pa.Schema:
        """Return the columns of the table or the query."""
        with self._server.connected() as connection:
            return values.schema(self._columns(connection))

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        with self._server.connected() as connection:
            reading = self._reading(connection, window, columns)
            empty = True
            for batch in reading.batches(connection):
                if batch.num_rows:
                    empty = False
                    yield batch
            if empty:
                yield pa.RecordBatch.from_pylist([], schema=reading.schema)

    def _reading(
        self, connection: Connection, window: Window | None, names: Sequence[str] | None
    ) -> "_Reading":
        """Look at what there is, and plan what to read of it."""
        every = {one.name: one for one in self._columns(connection)}
        wanted = [every[n] for n in (every if names is None else names) if n in every]
        moment = None
        if window is not None:
            moment = self._moment(every, self._timestamp or "", "role: timestamp")
            self._wait(connection, every, window)
            _refuse_numbers(connection, self._relation, moment, self._place)
            self._refuse_other_texts(connection, moment)
        return _Reading(
            relation=self._relation,
            columns=wanted,
            window=window,
            moment=moment,
            zone=self._zone,
            place=self._place,
        )

    @property
    def _relation(self) -> FromClause:
        if self._options.query is not None:
            return relation.of_query(self._options.query)
        return relation.of_table(self._options.table or "")

    def _columns(self, connection: Connection) -> list[Column]:
        """Return what the columns are; a text asked for its time is a time."""
        asked = {self._timestamp, self._options.watermark}
        return [
            column(one.name, Kind.WRITTEN)
            if one.kind is Kind.TEXT and one.name in asked
            else one
            for one in described(connection, self._relation, self._place)
        ]

    def _moment(self, every: dict[str, Column], name: str, said: str) -> Column:
        """Return a column of times; raises SourceError where it is none."""
        found = every.get(name)
        if found is None:
            known = ", ".join(every)
            msg = (
                f"{self._place}: column {name!r} is not there. Fix: correct `{said}`; "
                f"the columns are: {known}"
            )
            raise SourceError(msg, permanent=True)
        if found.kind not in MOMENTS:
            msg = (
                f"{self._place}: column {name!r} is {found.type}, which cannot be read "
                f"as a time. Fix: turn it into a timestamp in `query`"
            )
            raise SourceError(msg, permanent=True)
        return found

    def _refuse_other_texts(self, connection: Connection, moment: Column) -> None:
        """Refuse texts that are no ISO times, of which none would lie in any window."""
        if moment.kind is not Kind.WRITTEN:
            return
        here: ColumnElement[Any] = named(moment.name)
        asked = select(here).select_from(self._relation).where(here.is_not(None))
        first = connection.execute(asked.limit(1)).scalars().all()
        values.array(first, moment, self._zone, self._place)

    def _wait(
        self, connection: Connection, every: dict[str, Column], window: Window
    ) -> None:
        """Raise SourceError while rows of a window may still be on their way."""
        name = self._options.watermark
        if name is None:
            return
        mark = self._moment(every, name, "watermark")
        highest: Select[Any] = select(func.max(named(name))).select_from(self._relation)
        found = connection.execute(highest).scalar()
        reached = values.array([found], mark, self._zone, self._place)
        reached = reached.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
        told: datetime | None = reached[0].as_py()
        needed = window.end + self._options.overlap
        if told is None or told < needed:
            so_far = "nothing" if told is None else rfc3339(told.astimezone(UTC))
            msg = (
                f"{self._place}: `watermark` {name!r} has come to {so_far}; rows of "
                f"the window are whole from {rfc3339(needed)} on"
            )
            raise SourceError(msg, permanent=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What to read, and how to hand it on."""

    relation: FromClause
    columns: Sequence[Column]
    window: Window | None
    moment: Column | None
    zone: ZoneInfo
    place: str

    @property
    def schema(self) -> pa.Schema:
        """The schema of all batches."""
        return values.schema(self.columns)

    def batches(self, connection: Connection) -> Iterator[pa.RecordBatch]:
        """Stream the rows; at most two batches of them are in memory."""
        moment, window = self.moment, self.window
        asked = list(self.columns)
        if moment is not None and moment not in asked:
            asked.append(moment)
        what: list[Any] = [named(one.name) for one in asked] or [literal(1)]
        statement = select(*what).select_from(self.relation)
        if moment is not None and window is not None:
            statement = statement.where(relation.inside(moment, window, self.zone))
        with _streamed(connection, statement) as parts:
            for part in parts:
                batch = values.batch(part, asked, self.zone, self.place)
                if moment is not None and window is not None:
                    times = batch.column(asked.index(moment))
                    batch = within(batch, times, window, self.place)
                yield batch.select([one.name for one in self.columns])


@contextmanager
def _streamed(
    connection: Connection, statement: Select[Any]
) -> Iterator[Iterator[Sequence[Row[Any]]]]:
    """Walk over the rows of a statement in parts, and let go of them at the end.

    The cursor of a connection that was lost is closed by nobody else.
    """
    rows = connection.execution_options(yield_per=BATCH_ROWS).execute(statement)
    cursor = rows.cursor
    try:
        yield rows.partitions()
    finally:
        rows.close()
        if cursor is not None:
            with suppress(Exception):  # drivers trip over what is lost in many ways
                cursor.close()


def _refuse_numbers(
    connection: Connection, rows: FromClause, moment: Column, place: str
) -> None:
    """Refuse numbers for times: SQLite keeps them whatever its column says.

    It holds a number to be smaller than every text, and would find none in any window.
    """
    if connection.dialect.name != "sqlite":
        return
    here: ColumnElement[Any] = named(moment.name)
    asked = select(func.typeof(here)).select_from(rows).where(here.is_not(None))
    kind = connection.execute(asked.limit(1)).scalar()
    if kind not in (None, "text"):
        msg = (
            f"{place}: column {moment.name!r} holds {kind} values, which cannot be "
            f"read as times. Fix: turn them into texts in `query`, such as "
            f"datetime({moment.name}, 'unixepoch')"
        )
        raise SourceError(msg, permanent=True)
