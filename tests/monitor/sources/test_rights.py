"""What driftd may not read: said with its place, and never passed over."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import open_source
from monitor.window import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
NOBODY = 65_534


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="driftd-rights-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place
        for one in [place, *place.rglob("*")]:
            one.chmod(0o755)


@contextmanager
def somebody() -> Iterator[None]:
    """Do without the rights of root, to whom nothing is closed."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def placed(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    times = pa.array([START], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"t": times}), path)


def rows(base: Path, kind: str = "parquet", **options: Any) -> int:
    section = Plugin(type=kind, options=options, base=base)
    with somebody():
        source = open_source(section, timestamp="t")
        return sum(batch.num_rows for batch in source.read(HOUR, None))


@pytest.mark.parametrize("path", ["log", "log/*/*.parquet", "log/**/*.parquet"])
def test_a_folder_that_may_not_be_read_is_not_passed_over(
    path: str, folder: Path
) -> None:
    placed(folder / "log/a/1.parquet")
    placed(folder / "log/b/2.parquet")
    placed(folder / "log/_writing/3.parquet")
    (folder / "log/_writing").chmod(0)
    assert rows(folder, path=path) == 2
    (folder / "log/b").chmod(0)
    with pytest.raises(SourceError, match=r"log/b: .* Fix: allow it to") as told:
        rows(folder, path=path)
    assert told.value.permanent


@pytest.mark.parametrize("path", ["log/a.parquet", "log/*.parquet", "log"])
def test_a_closed_folder_is_no_empty_one(path: str, folder: Path) -> None:
    placed(folder / "log/a.parquet")
    (folder / "log").chmod(0)
    with pytest.raises(SourceError, match="may not look into it") as told:
        rows(folder, path=path)
    assert told.value.permanent


def test_a_file_that_may_not_be_read_is_told(folder: Path) -> None:
    placed(folder / "a.parquet")
    (folder / "a.parquet").chmod(0)
    with pytest.raises(SourceError, match=r"a\.parquet: the file may not be read"):
        rows(folder, path="a.parquet")


def test_a_folder_that_may_only_be_read_is_enough(folder: Path) -> None:
    placed(folder / "log/a.parquet")
    database(folder / "log/rows.db")
    for one in (*(folder / "log").iterdir(), folder / "log"):
        one.chmod(0o555)
    assert rows(folder, path="log") == 1
    assert rows(folder, "sql", url="sqlite:///log/rows.db", table="log") == 1


@pytest.mark.parametrize(
    ("mode", "cure"), [("delete", "read it, and its folder"), ("wal", "WAL mode")]
)
def test_a_database_that_may_not_be_read_is_told_with_its_cure(
    mode: str, cure: str, folder: Path
) -> None:
    database(folder / "log/rows.db", mode)
    (folder / "log/rows.db").chmod(0 if mode == "delete" else 0o444)
    (folder / "log").chmod(0o555)
    with pytest.raises(SourceError, match=cure) as told:
        rows(folder, "sql", url="sqlite:///log/rows.db", table="log")
    assert told.value.permanent


def database(path: Path, mode: str = "delete") -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"PRAGMA journal_mode={mode}")
        base.execute("CREATE TABLE log (t text)")
        base.execute("INSERT INTO log VALUES ('2026-03-01')")
        base.commit()
