"""The SQL of leases: who works on what, for how long, and who has lost it.

Time is the database's, the same for all who ask it. A lease that ends farther ahead
than it may was given before the clock went back, and counts as over.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    cast,
    extract,
    func,
    literal,
    select,
    update,
)
from sqlalchemy import insert as insert_into

from monitor.errors import FencedError
from monitor.store.records import Lease
from monitor.store.tables import lease

_EPOCH = 2_440_587.5
"""1970 in Julian days, in which SQLite tells the time."""


class Leases:
    """Who works on what, among all who share a database; each method commits.

    All raise StoreError.
    """

    def __init__(
        self, transaction: Callable[..., AbstractContextManager[Connection]]
    ) -> None:
        """Take the way to a transaction of the store."""
        self._transaction = transaction

    def take(self, name: str, holder: str, period: timedelta) -> Lease | None:
        """Take a lease for a period; None while another holds it."""
        with self._transaction(writes=True) as connection:
            return take(connection, name, holder, period)

    def renew(self, held: Lease, period: timedelta) -> bool:
        """Hold on to a lease for a period from now; False when it was lost."""
        with self._transaction(writes=True) as connection:
            return renew(connection, held, period)

    def release(self, held: Lease) -> None:
        """Let a lease go, so that another need not wait for its end."""
        with self._transaction(writes=True) as connection:
            release(connection, held)


def take(
    connection: Connection, name: str, holder: str, period: timedelta
) -> Lease | None:
    """Take a lease unless another holds it; each taking has a higher token."""
    now, length = _now(connection), period.total_seconds()
    row = connection.execute(select(lease).where(lease.c.name == name)).first()
    if row is None:
        first = {"name": name, "token": 1, "holder": holder, "until": now + length}
        connection.execute(insert_into(lease).values(first))
        return Lease(name=name, token=1)
    if now < row.until <= now + length:
        return None
    token = row.token + 1
    connection.execute(
        update(lease)
        .where(lease.c.name == name)
        .values(token=token, holder=holder, until=now + length)
    )
    return Lease(name=name, token=token)


def renew(connection: Connection, held: Lease, period: timedelta) -> bool:
    """Hold on to a lease for a period from now; False when it is ours no longer.

    One that was let go stays so, though a last renewal come late.
    """
    until = _now(connection) + period.total_seconds()
    ours = (*_is(held), lease.c.until > 0.0)
    kept = connection.execute(update(lease).where(*ours).values(until=until))
    return kept.rowcount == 1


def release(connection: Connection, held: Lease) -> None:
    """Let a lease go at once, unless another has taken it."""
    connection.execute(update(lease).where(*_is(held)).values(until=0.0))


def release_all(connection: Connection) -> None:
    """Let every lease go: whoever still works under one is fenced off by the next."""
    connection.execute(update(lease).values(until=0.0))


def assert_held(connection: Connection, held: Lease) -> None:
    """Raise FencedError when another has taken the lease meanwhile."""
    wanted = select(lease.c.token, lease.c.holder).where(lease.c.name == held.name)
    row = connection.execute(wanted).first()
    if row is None or row.token != held.token:
        by = row.holder if row else "nobody"
        message = f"the lease on {held.name} was lost to {by}; nothing is written"
        raise FencedError(message)


def _is(held: Lease) -> tuple[ColumnElement[bool], ...]:
    """Say which row is a lease that is still held."""
    return lease.c.name == held.name, lease.c.token == held.token


def _now(connection: Connection) -> float:
    """Ask the database for its time, in seconds since 1970."""
    clock: ColumnElement[Any] = extract("epoch", func.clock_timestamp())
    if connection.dialect.name == "sqlite":
        clock = (func.julianday("now") - literal(_EPOCH)) * literal(86_400.0)
    return float(connection.execute(select(cast(clock, Float))).scalar_one())
