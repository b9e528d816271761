"""Opening a store: made, migrated, shared, refused."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from monitor.errors import StoreError
from monitor.store import Store, engine
from monitor.store.tables import metadata
from tests.monitor.examples import record

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@ON_SQLITE
def test_a_new_store_is_made_with_its_folder(url: str, tmp_path: Path) -> None:
    with Store.open(url) as store:
        assert store.latest_runs() == []
    assert (tmp_path / "state" / "driftd.db").exists()


def test_what_was_written_is_there_after_reopening(nowhere: str) -> None:
    with Store.open(nowhere) as first:
        first.record_run(record())
    with Store.open(nowhere) as second:
        assert len(second.latest_runs()) == 1


def test_the_migrations_lead_to_the_tables_that_the_code_speaks_of(
    store: Store,
) -> None:
    script = ScriptDirectory(
        str(engine.MIGRATIONS), version_locations=[str(engine.MIGRATIONS)]
    )

    assert engine.HEAD == script.get_current_head()
    with store._database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


@ON_SQLITE
def test_sqlite_survives_a_power_cut_and_keeps_its_keys(store: Store) -> None:
    with store._database.engine.connect() as connection:
        asked = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
            )
        }

    full = 2
    assert asked == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": engine.BUSY_SECONDS * 1000,
    }


def test_several_processes_may_open_a_new_store_at_once(nowhere: str) -> None:
    code = f"from monitor.store import Store\nStore.open({nowhere!r}).close()"
    command = [sys.executable, "-W", "error", "-c", code]

    started = [subprocess.Popen(command) for _ in range(4)]

    assert [process.wait(60) for process in started] == [0] * 4


def test_a_newer_store_is_refused_with_both_versions_and_the_fix(nowhere: str) -> None:
    with Store.open(nowhere) as store:
        name = store.name
        with store._transaction(writes=True) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))

    with pytest.raises(StoreError) as refused:
        Store.open(nowhere)

    assert str(refused.value) == (
        f"{name}: the store has schema 0999, newer than {engine.HEAD}, the newest this "
        f"driftd knows. Fix: upgrade driftd, or restore the backup from before the "
        f"upgrade"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("driftd.db", "'driftd.db' is no database URL. Fix: write it as sqlite:///"),
        ("oracel://x", "'oracel' is no database"),
        ("mysql+pymysql://db/driftd", "'mysql+pymysql' is no database that can hold"),
        ("sqlite://", "Fix: name a file"),
        ("sqlite:///:memory:", "Fix: name a file"),
        ("sqlite:////proc/nowhere/driftd.db", "cannot make its folder"),
    ],
)
def test_a_url_that_is_no_place_for_a_store_is_refused(url: str, expected: str) -> None:
    with pytest.raises(StoreError) as refused:
        Store.open(url)

    assert expected in str(refused.value)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear database, " * 100)

    with pytest.raises(
        StoreError, match=r"letter\.txt: cannot open the store: file is"
    ):
        Store.open(f"sqlite:///{file}")


def test_no_password_is_in_a_stores_name() -> None:
    place = make_url("postgresql+psycopg://ann:s3cret@db/driftd")

    assert engine.named(place) == "postgresql+psycopg://ann:***@db/driftd"
