"""The database of the store: transactions on it, and what can go wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from monitor.errors import StoreError
from monitor.store import leases
from monitor.store.engine import (
    HEAD,
    is_sqlite,
    named,
    only_daemon,
    open_engine,
    plain,
    reading,
    schema_version,
    writing,
)
from monitor.store.records import Lease


class Database:
    """Transactions that see one moment, or that write alone."""

    def __init__(self, url: str) -> None:
        """Open the database, made and migrated as need be; raises StoreError."""
        self.engine = open_engine(url)
        self._reader = reading(self.engine)
        self._writer = writing(self.engine)
        self.name = named(self.engine.url)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def transaction(
        self, *, writes: bool, under: Lease | None = None
    ) -> Iterator[Connection]:
        """Hold a transaction; whatever the database says becomes a StoreError.

        Raises FencedError, and writes nothing, when the lease that it stands under is
        another's by now.
        """
        try:
            with (self._writer if writes else self._reader).begin() as connection:
                if under is not None:
                    leases.assert_held(connection, under)
                yield connection
        except (SQLAlchemyError, ValueError) as error:  # ValueError: no JSON can say it
            message = f"{self.name}: {plain(error)}"
            raise StoreError(message) from error

    def ping(self) -> None:
        """Raise StoreError unless the database answers with this code's schema."""
        with self.transaction(writes=False) as connection:
            found = schema_version(connection)
        if found != HEAD:
            message = f"{self.name}: its schema is {found}, this driftd speaks {HEAD}"
            raise StoreError(message)

    @contextmanager
    def only_daemon(self) -> Iterator[None]:
        """Be the only daemon on a database that serves one alone.

        What a daemon that was killed held there is free at once. Raises StoreError
        where another serves.
        """
        if not is_sqlite(self.engine.url):
            yield
            return
        with only_daemon(self.engine.url):
            with self.transaction(writes=True) as connection:
                leases.release_all(connection)
            yield
