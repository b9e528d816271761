"""Opening the database: how it is set up, and which schema it has."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from monitor.errors import StoreError

HEAD = "0005"
"""The schema that this code speaks; a test holds it to the newest migration."""

BUSY_SECONDS = 30
"""How long a writer waits for another; a commit takes milliseconds."""

PAUSE_SECONDS = 15
"""How long a writer may stand still in a transaction before PostgreSQL ends it.

Else a replica that is stopped in the middle of a commit would stop all others.
"""

CONNECT_SECONDS = 10

MIGRATIONS = Path(__file__).parent / "migrations"

_ONE_WRITER = int.from_bytes(b"driftd", "big")
"""The advisory lock that a writer holds on PostgreSQL."""


def open_engine(url: str) -> Engine:
    """Open a database, bring its schema up to date, and return the way to it.

    Raises StoreError when the URL is no database's, when it cannot be opened, or when
    a newer driftd has written it.
    """
    place = _place(url)
    try:
        engine = _sqlite(place) if is_sqlite(place) else _postgres(place)
    except ImportError as error:
        message = (
            f"{named(place)}: its driver is not installed ({error.name}). "
            f"Fix: pip install 'driftd[postgres]'"
        )
        raise StoreError(message) from error
    try:
        with _alone(place):
            _bring_up_to_date(engine)
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        message = f"{named(place)}: cannot open the store: {plain(error)}"
        raise StoreError(message) from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def reading(engine: Engine) -> Engine:
    """Return a way to the database on which each transaction sees one moment."""
    if is_sqlite(engine.url):
        return engine
    return engine.execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )


def writing(engine: Engine) -> Engine:
    """Return a way to the database on which there is one writer at a time."""
    return engine.execution_options(writes=True)


def named(place: URL) -> str:
    """Name a database for people: the file, or the URL without its password."""
    if is_sqlite(place) and place.database:
        return place.database
    return place.render_as_string(hide_password=True)


def plain(error: Exception) -> str:
    """Say what a database error is, without the statement and what was in it."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]


def is_sqlite(place: URL) -> bool:
    """Tell a file of this machine from a server."""
    return place.get_backend_name() == "sqlite"


_HOW = "Fix: write it as sqlite:///driftd.db or postgresql://user:password@host/driftd"


def _place(url: str) -> URL:
    """Read the URL, and make the folder that a file is to lie in."""
    scheme = url.split(":", maxsplit=1)[0]
    try:
        place = make_url(url)
        if place.drivername in ("postgres", "postgresql"):
            place = place.set(drivername="postgresql+psycopg")
        backend = place.get_backend_name()
    except (ArgumentError, SQLAlchemyError, ValueError) as error:
        message = f"store: {scheme!r} is no database URL. {_HOW}"
        raise StoreError(message) from error
    if backend not in ("sqlite", "postgresql"):
        message = f"store: {scheme!r} is no database that can hold the store. {_HOW}"
        raise StoreError(message)
    if not is_sqlite(place):
        return place
    if not place.database or place.database == ":memory:":
        message = (
            "store: a store in memory forgets everything at the end. Fix: name a "
            "file, sqlite:///driftd.db"
        )
        raise StoreError(message)
    try:
        Path(place.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{place.database}: cannot make its folder: {error.strerror}"
        raise StoreError(message) from error
    return place


def _to_json(value: object) -> str:
    """Write JSON that every reader takes: no NaN, keys in the order they came."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _sqlite(place: URL) -> Engine:
    """Make SQLite durable (a commit survives a power cut) and strict about keys.

    Python's driver opens transactions late and by its own lights; here they are
    opened by us, and a writer takes the lock at once: two that both read first and
    write then would deadlock.
    """
    engine = sqlalchemy.create_engine(
        place, json_serializer=_to_json, connect_args={"timeout": BUSY_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(place: URL) -> Engine:
    """Let writers take turns on PostgreSQL as they do on SQLite.

    What is written depends on what was read in the same transaction, and a delivery's
    place in its group on the order of commits: one writer at a time makes both true
    by construction, and a commit takes milliseconds. The lock ends with its
    transaction, so that a pooler may stand between.
    """
    engine = sqlalchemy.create_engine(
        place,
        json_serializer=_to_json,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": PAUSE_SECONDS,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": BUSY_SECONDS * 1000,
        },
    )

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql(
                f"SELECT set_config('lock_timeout', '{BUSY_SECONDS}s', true), "
                "set_config('idle_in_transaction_session_timeout', "
                f"'{PAUSE_SECONDS}s', true), pg_advisory_xact_lock({_ONE_WRITER})"
            )

    return engine


@contextmanager
def _alone(place: URL) -> Iterator[None]:
    """Hold the file's lock while it is opened: SQLite cannot switch to WAL for two."""
    if not is_sqlite(place):
        yield
        return
    with Path(f"{place.database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def only_daemon(place: URL) -> Iterator[None]:
    """Be the only daemon on a file for a while.

    The lock is the kernel's, and ends with the process however that ends. Raises
    StoreError where another holds it.
    """
    path = Path(f"{place.database}.daemon")
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            message = (
                f"{place.database}: another driftd serves this store (process "
                f"{lock.read().strip() or 'unknown'}). Fix: stop it, give this one a "
                f"store of its own, or let several replicas share one PostgreSQL "
                f"(store: postgresql://user:password@host/driftd)"
            )
            raise StoreError(message) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _bring_up_to_date(engine: Engine) -> None:
    """Run the migrations that the database has not seen, all in one transaction."""
    with writing(engine).begin() as connection:
        found = schema_version(connection)
        if found != HEAD:
            # Loaded only when needed: it takes a third of a second.
            from monitor.store.migrate import upgrade  # noqa: PLC0415

            upgrade(connection, MIGRATIONS, named(engine.url), found)


def schema_version(connection: Connection) -> str | None:
    """Return the version of the schema in the database, None when it is empty."""
    known = sqlalchemy.inspect(connection).has_table("alembic_version")
    if not known:
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return found.scalar_one_or_none()
