"""A real MariaDB on this machine, where its server is installed."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import sqlalchemy
from sqlalchemy import URL, text
from sqlalchemy.pool import NullPool

SERVER = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
INSTALL = shutil.which("mariadb-install-db")


class MariaDb:
    """A server in a folder, reached through a socket in it."""

    def __init__(self, folder: Path) -> None:
        """Make the server and start it."""
        who = ["--user=mysql"] if os.geteuid() == 0 else []
        data = folder / "data"
        self._socket = folder / "socket"
        assert SERVER is not None
        assert INSTALL is not None
        if who:
            shutil.chown(folder, "mysql")
        subprocess.run(
            [
                INSTALL,
                "--no-defaults",
                *who,
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
        )
        self._server = subprocess.Popen(
            [
                SERVER,
                "--no-defaults",
                *who,
                f"--datadir={data}",
                f"--socket={self._socket}",
                f"--pid-file={folder / 'pid'}",
                "--skip-networking",
                "--innodb-flush-log-at-trx-commit=0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await()
        self.url = URL.create(
            "mariadb+pymysql",
            username="root",
            host="localhost",
            database="mysql",
            query={"unix_socket": str(self._socket)},
        )

    def ask(self, *statements: str) -> None:
        """Run statements as the owner of everything."""
        engine = sqlalchemy.create_engine(
            self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def _await(self) -> None:
        end = time.monotonic() + 60
        while not self._socket.exists():
            assert self._server.poll() is None, "MariaDB did not start"
            assert time.monotonic() < end, "MariaDB did not start in time"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server."""
        self._server.terminate()
        self._server.wait(30)
