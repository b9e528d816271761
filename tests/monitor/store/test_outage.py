"""A PostgreSQL that falls and rises again costs time and nothing else."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.clock import ManualClock
from monitor.deliver import deliver_due
from monitor.errors import StoreError
from monitor.store import Outcome, Store
from tests.crash.figures import note
from tests.monitor.examples import FIRST, delivery, record
from tests.postgres import Postgres

OUTAGES = int(os.environ.get("DRIFTD_OUTAGES", "2"))


@pytest.fixture
def kept(postgres: Postgres) -> Iterator[Store]:
    place = postgres.database()
    with Store.open(place.render_as_string(hide_password=False)) as store:
        yield store


@dataclass
class Waiting:
    """A clock on which something else happens while one waits."""

    meanwhile: Callable[[], None]
    clock: ManualClock = field(default_factory=lambda: ManualClock(FIRST))

    def now(self) -> datetime:
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.meanwhile()


@dataclass
class Pipeline:
    """A target that takes each request for a new one; the database falls meanwhile."""

    meanwhile: Callable[[], None]
    taken: list[str] = field(default_factory=list)
    name: str = "team"
    type: str = "pipeline"
    takes: Kind = Kind.RETRAINING
    idempotent: bool = False
    on: frozenset[Family] = frozenset(Family)

    def perform(self, delivery: Delivery) -> Receipt:
        self.taken.append(delivery.id)
        self.meanwhile()
        return Receipt(remote_id="run-1")


def test_what_is_asked_of_a_fallen_database_fails_and_works_again_after_it(
    kept: Store, postgres: Postgres
) -> None:
    for day in range(OUTAGES):
        assert kept.record_run(record(day))
        postgres.crash()
        with pytest.raises(StoreError):
            kept.record_run(record(day + 1000))
        postgres.rise()

        assert kept.windows_done("flights", "daily") == {
            FIRST + timedelta(days=d) for d in range(day + 1)
        }
    note("PostgreSQL killed", times=OUTAGES, windows=OUTAGES)


def test_an_attempt_whose_record_meets_an_outage_is_not_made_twice(
    kept: Store, postgres: Postgres
) -> None:
    kept.post([delivery(kind=Kind.RETRAINING)])
    pipeline = Pipeline(meanwhile=postgres.crash)
    clock = Waiting(meanwhile=postgres.rise)

    counts = deliver_due(kept, {"team": pipeline}, clock=clock, rng=Random(1))

    assert counts.delivered == 1
    assert pipeline.taken == ["d1"]
    (posted,) = kept.deliveries()
    assert (posted.outcome, posted.remote_id) == (Outcome.DELIVERED, "run-1")
