"""The way to a database: opened for reading alone, and what can go wrong with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from monitor.errors import SourceError

CONNECT_SECONDS = 15

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The drivers that are taken where a URL names none."""

_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}

_ONE_MOMENT: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "mysql": {"isolation_level": "REPEATABLE READ"},
    "mariadb": {"isolation_level": "REPEATABLE READ"},
}
"""How a transaction is told to see one moment; SQLite's do by themselves."""

_LASTING = {
    "password authentication failed": "correct the user and password in `url`",
    "no password supplied": "write the password into `url`",
    "no pg_hba.conf entry": "let the server accept driftd's user from this machine",
    "Access denied": "correct the user and password in `url`, or what it may read",
    "command denied": "let driftd's user read it",
    "Unknown column": "correct the name in `query`",
    "Unknown database": "correct the database's name in `url`",
    "operator does not exist": "turn the timestamp column into one in `query`",
    "does not exist": "correct the name in `url`, `table` or `query`",
    "doesn't exist": "correct the name in `table` or `query`",
    "no such table": "correct the name in `table` or `query`",
    "no such column": "correct the name in `query`",
    "read-only transaction": "read with a SELECT that changes nothing",
    "permission denied": "let driftd's user read it",
    "unable to open database file": "let driftd's user read it, and its folder",
    "attempt to write a readonly database": "let driftd's user write beside the file, "
    "as SQLite asks of a database in WAL mode, or read a copy",
    "not a database": "name a database's file in `url`",
    "malformed": "restore the file from a backup",
}
"""What a database says that it will say again, and the cure."""


@dataclass(frozen=True, slots=True)
class Server:
    """A database as a URL names it; each reading opens a connection of its own."""

    url: URL

    @classmethod
    def of(cls, written: str, base: Path) -> "Server":
        """Read a URL; a relative SQLite file starts from `base`. Raises SourceError."""
        how = "Fix: write it as postgresql://user:password@host/database"
        try:
            url = make_url(written)
            url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
            url.get_dialect()
        except ImportError as error:
            raise _without_driver(error) from None
        except (ArgumentError, SQLAlchemyError, ValueError):
            # The cause would quote the URL, with the password in it.
            msg = f"`url` is no database URL that can be read. {how}"
            raise SourceError(msg, permanent=True) from None
        if url.get_backend_name() == "sqlite" and not _is_uri(url):
            url = url.set(database=str(base / (url.database or "")))
        return cls(url)

    @property
    def name(self) -> str:
        """The database for people: its file, or host and name, and no secret."""
        url = self.url
        if url.get_backend_name() == "sqlite":
            return str(url.database)
        host = url.host or "localhost"
        port = f":{url.port}" if url.port else ""
        return f"{url.get_backend_name()}://{host}{port}/{url.database or ''}"

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Hold a transaction that reads one moment and cannot write.

        Raises SourceError for whatever the database says.
        """
        options = _ONE_MOMENT.get(self.url.get_backend_name(), {})
        try:
            engine = self._engine()
            with engine.connect().execution_options(**options) as connection:
                yield connection
        except ImportError as error:
            raise _without_driver(error) from None
        except SQLAlchemyError as error:
            raise self.said(error) from error

    def said(self, error: SQLAlchemyError) -> SourceError:
        """Return what a database said, with the cure and without the password."""
        told = _words(getattr(error, "orig", None) or error)
        if self.url.password:
            told = told.replace(str(self.url.password), "***")
        cure = next((fix for words, fix in _LASTING.items() if words in told), None)
        if cure is None and _passes(error):
            msg = f"{self.name}: {told}; driftd tries again"
            return SourceError(msg, permanent=False)
        cure = cure or "correct `table` or `query`"
        return SourceError(f"{self.name}: {told}. Fix: {cure}", permanent=True)

    def _engine(self) -> Engine:
        """Return a way to the database on which nothing can be written."""
        backend = self.url.get_backend_name()
        if backend == "sqlite":
            return _sqlite(self.url)
        seconds = {"connect_timeout": CONNECT_SECONDS} if backend in _ONE_MOMENT else {}
        engine = sqlalchemy.create_engine(
            self.url, poolclass=NullPool, hide_parameters=True, connect_args=seconds
        )
        settings = {
            "postgresql": ("SET TIME ZONE 'UTC'",),
            "mysql": ("SET time_zone = '+00:00'", "SET SESSION TRANSACTION READ ONLY"),
        }
        wanted = settings.get("mysql" if backend == "mariadb" else backend, ())

        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - any driver's
            cursor = connection.cursor()
            for statement in wanted:
                cursor.execute(statement)
            cursor.close()
            if wanted:
                connection.commit()

        return engine


def _sqlite(url: URL) -> Engine:
    """Open a file for reading alone; one that is not there is not made."""
    path = Path(url.database or "")
    if not _is_uri(url) and not os.path.isfile(path):  # noqa: PTH113 - raises nothing
        msg = f"{path}: there is no such file. Fix: correct `url`, or put it there"
        raise SourceError(msg, permanent=True)
    place = (
        url
        if _is_uri(url)
        else url.set(
            database=f"file:{quote(str(path.absolute()))}",
            query={"mode": "ro", "uri": "true"},
        )
    )
    return sqlalchemy.create_engine(place, poolclass=NullPool, hide_parameters=True)


def _is_uri(url: URL) -> bool:
    """Tell whether a SQLite URL is in SQLite's own form, which says how to open it."""
    return (url.database or "").startswith("file:")


def _words(error: BaseException) -> str:
    """Return the first line of what was said, without MySQL's number before it."""
    parts = error.args
    numbered = len(parts) > 1 and isinstance(parts[0], int)
    return str(parts[1] if numbered else error).strip().split("\n")[0]


def _passes(error: SQLAlchemyError) -> bool:
    """Tell trouble that may pass from a mistake that stays."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or isinstance(
        error, (OperationalError, InterfaceError, InternalError)
    )


def _without_driver(error: ImportError) -> SourceError:
    """Say which package is missing."""
    missing = error.name or "the driver"
    extra = _EXTRAS.get(missing)
    package = f"'driftd[{extra}]'" if extra else missing
    msg = f"`url` needs {missing}, which is not there. Fix: pip install {package}"
    return SourceError(msg, permanent=True)
