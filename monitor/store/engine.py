"""Opening the database: how SQLite is set up, and which schema it has."""

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from monitor.errors import StoreError

HEAD = "0001"
"""The schema that this code speaks; a test holds it to the newest migration."""

BUSY_SECONDS = 30
"""How long a writer waits for another; a commit takes milliseconds."""

MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str) -> Engine:
    """Open a database, bring its schema up to date, and return the way to it.

    Raises StoreError when the URL is no database's, when the file cannot be opened,
    or when a newer driftd has written it.
    """
    place = _place(url)
    engine = sqlalchemy.create_engine(
        place,
        json_serializer=_to_json,
        connect_args={"timeout": BUSY_SECONDS} if _is_sqlite(place) else {},
    )
    if _is_sqlite(place):
        _set_up_sqlite(engine)
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


def named(place: URL) -> str:
    """Name a database for people: the file, or the URL without its password."""
    if _is_sqlite(place) and place.database:
        return place.database
    return place.render_as_string(hide_password=True)


def plain(error: Exception) -> str:
    """Say what a database error is, without the statement and what was in it."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]


def _place(url: str) -> URL:
    """Read the URL, and make the folder that a file is to lie in."""
    try:
        place = make_url(url)
        place.get_dialect()
    except (ArgumentError, SQLAlchemyError, ValueError) as error:
        scheme = url.split(":", maxsplit=1)[0]
        message = (
            f"store: {scheme!r} is no database URL. Fix: write it as "
            f"sqlite:///driftd.db"
        )
        raise StoreError(message) from error
    if not _is_sqlite(place):
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


def _is_sqlite(place: URL) -> bool:
    """Tell whether the database is SQLite, the only one that needs setting up."""
    return place.get_backend_name() == "sqlite"


def _to_json(value: object) -> str:
    """Write JSON that every reader takes: no NaN, keys in the order they came."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _set_up_sqlite(engine: Engine) -> None:
    """Make SQLite durable (a commit survives a power cut) and strict about keys.

    Python's driver opens transactions late and by its own lights; here they are
    opened by us, and a writer takes the lock at once: two that both read first and
    write then would deadlock.
    """

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


@contextmanager
def _alone(place: URL) -> Iterator[None]:
    """Hold the file's lock while it is opened: SQLite cannot switch to WAL for two."""
    if not _is_sqlite(place):
        yield
        return
    with Path(f"{place.database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bring_up_to_date(engine: Engine) -> None:
    """Run the migrations that the database has not seen, all in one transaction."""
    with engine.execution_options(writes=True).begin() as connection:
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
