"""What was seen of labels, look by look: nothing is ever overwritten."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, insert, select

from monitor.store.records import LEARNED, Arrival
from monitor.store.tables import label_arrival
from monitor.window import Window


class Arrivals:
    """The looks at labels, each in a transaction; all raise StoreError."""

    def __init__(
        self, transaction: Callable[..., AbstractContextManager[Connection]]
    ) -> None:
        """Take the way to a transaction of the store."""
        self._transaction = transaction

    def keep(self, seen: Arrival) -> None:
        """Keep a look; the same look again changes nothing."""
        with self._transaction(writes=True) as connection:
            add(connection, seen)

    def learned(self, model: str, as_of: datetime) -> Arrival | None:
        """Return the last look that delays were learned from, up to a moment."""
        table = label_arrival
        wanted = (
            select(table)
            .where(
                table.c.model == model,
                table.c.monitor == LEARNED,
                table.c.as_of <= as_of,
            )
            .order_by(table.c.as_of.desc())
            .limit(1)
        )
        with self._transaction(writes=False) as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else _arrival(row)

    def before(
        self, model: str, monitor: str, start: datetime, most: int
    ) -> list[Arrival]:
        """Return the first looks at windows before one, the latest first."""
        table = label_arrival
        first = (
            select(func.min(table.c.seq))
            .where(
                table.c.model == model,
                table.c.monitor == monitor,
                table.c.window_start < start,
            )
            .group_by(table.c.window_start)
        )
        wanted = (
            select(table)
            .where(table.c.seq.in_(first))
            .order_by(table.c.window_start.desc())
            .limit(most)
        )
        with self._transaction(writes=False) as connection:
            return [_arrival(row) for row in connection.execute(wanted).mappings()]

    def latest(self) -> list[Arrival]:
        """Return the last look of every model and monitor."""
        table = label_arrival
        last = select(func.max(table.c.seq)).group_by(table.c.model, table.c.monitor)
        wanted = select(table).where(table.c.seq.in_(last)).order_by(table.c.seq)
        with self._transaction(writes=False) as connection:
            return [_arrival(row) for row in connection.execute(wanted).mappings()]


def add(connection: Connection, seen: Arrival) -> None:
    """Insert a look, unless it is there."""
    table = label_arrival
    there = select(table.c.seq).where(
        table.c.model == seen.model,
        table.c.monitor == seen.monitor,
        table.c.window_start == seen.window.start,
        table.c.as_of == seen.as_of,
    )
    if connection.execute(there).first() is not None:
        return
    connection.execute(
        insert(table).values(
            model=seen.model,
            monitor=seen.monitor,
            window_start=seen.window.start,
            window_end=seen.window.end,
            as_of=seen.as_of,
            rows=seen.rows,
            labelled=seen.labelled,
            maturity=seen.maturity,
            newest=seen.newest,
            content=seen.content,
        )
    )


def _arrival(row: RowMapping) -> Arrival:
    return Arrival(
        model=row["model"],
        monitor=row["monitor"],
        window=Window(row["window_start"], row["window_end"]),
        as_of=row["as_of"],
        rows=row["rows"],
        labelled=row["labelled"],
        maturity=row["maturity"],
        newest=row["newest"],
        content=bytes(row["content"]),
    )
