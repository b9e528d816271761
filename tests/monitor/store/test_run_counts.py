"""What the store tells of its runs as a whole, and whether it is there at all."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy

from checks.verdict import Status
from monitor.errors import StoreError
from monitor.store import RunRecord, Store
from tests.monitor.examples import FIRST, run


def test_runs_are_counted_by_status_with_when_the_last_was_made(store: Store) -> None:
    for day, status in enumerate((Status.PASS, Status.FAIL, Status.PASS)):
        store.record_run(RunRecord(run=replace(run(day), status=status)))
    assert {
        ("flights", "daily", "PASS"): (2, FIRST + timedelta(days=3)),
        ("flights", "daily", "FAIL"): (1, FIRST + timedelta(days=2)),
    } == store.tallies.runs()


def test_a_store_that_another_version_has_changed_does_not_answer(
    nowhere: str,
) -> None:
    with Store.open(nowhere) as store:
        store.ping()
        with store._transaction(writes=True) as connection:
            connection.execute(
                sqlalchemy.text("UPDATE alembic_version SET version_num='x'")
            )
        with pytest.raises(StoreError, match="its schema is x"):
            store.ping()
