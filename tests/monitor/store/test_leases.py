"""Who may work on what: one at a time, and never after it was taken over."""

import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy

from monitor.errors import FencedError, StoreError
from monitor.store import Consequences, Lease, Store
from tests.monitor.examples import FIRST, delivery, record

LONG = timedelta(minutes=5)
SHORT = timedelta(milliseconds=50)


def take(store: Store, holder: str = "a", period: timedelta = LONG) -> Lease | None:
    return store.leases.take("model flights", holder, period)


def taken(store: Store, holder: str = "a", period: timedelta = LONG) -> Lease:
    held = take(store, holder, period)
    assert held
    return held


def run_out() -> None:
    time.sleep(2 * SHORT.total_seconds())


def test_a_lease_is_one_holders_until_it_is_let_go(store: Store) -> None:
    first = taken(store)

    assert take(store, "b") is None
    assert store.leases.take("model churn", "b", LONG)
    store.leases.release(first)
    assert store.leases.renew(first, LONG) is False
    assert taken(store, "b").token == first.token + 1


def test_a_lease_that_is_not_renewed_goes_to_the_next(store: Store) -> None:
    first = taken(store, period=SHORT)
    run_out()

    second = taken(store, "b")

    assert second.token == first.token + 1
    assert store.leases.renew(first, LONG) is False
    store.leases.release(first)
    assert take(store, "c") is None


def test_a_lease_that_is_renewed_in_time_stays(store: Store) -> None:
    held = taken(store, period=SHORT)

    assert store.leases.renew(held, LONG)
    run_out()

    assert take(store, "b") is None


def test_a_lease_from_before_the_clock_went_back_does_not_last_for_ever(
    store: Store,
) -> None:
    taken(store, period=timedelta(hours=1))

    assert take(store, "b", LONG)


def test_of_many_who_want_a_lease_one_gets_it(store: Store) -> None:
    barrier = threading.Barrier(6)
    got: list[Lease | None] = []

    def want(number: int) -> None:
        barrier.wait()
        got.append(take(store, f"h{number}"))

    threads = [threading.Thread(target=want, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [lease for lease in got if lease] == [Lease(name="model flights", token=1)]


def test_who_has_lost_its_lease_commits_nothing(store: Store) -> None:
    late = taken(store, period=SHORT)
    run_out()
    now = taken(store, "b")
    made = record(deliveries=[delivery()])

    with pytest.raises(FencedError, match="the lease on model flights was lost to b"):
        store.record_run(made, under=late)
    with pytest.raises(FencedError):
        store.see_version("flights", "2", FIRST, under=late)
    with pytest.raises(FencedError):
        store.decide(Consequences(deliveries=(delivery(),)), under=late)

    assert store.windows_done("flights", "daily") == set()
    assert store.deliveries() == []
    assert store.current_version("flights") is None
    assert store.record_run(made, under=now)


def test_a_lease_that_ran_out_and_that_nobody_wanted_still_holds(store: Store) -> None:
    held = taken(store, period=SHORT)
    run_out()

    assert store.record_run(record(), under=held)


ON_POSTGRES = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


@ON_POSTGRES
def test_writers_take_turns_and_readers_do_not_wait(store: Store, url: str) -> None:
    with Store.open(url) as other:
        done = threading.Event()

        def write() -> None:
            other.post([delivery("second")])
            done.set()

        with store._transaction(writes=True) as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
            thread = threading.Thread(target=write)
            thread.start()
            assert not done.wait(0.3)
            assert other.deliveries() == []
        thread.join(10)
        assert len(store.deliveries()) == 1


@ON_POSTGRES
def test_a_writer_that_stands_still_is_ended_and_the_others_go_on(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.store.engine.PAUSE_SECONDS", 0.3)
    with Store.open(url) as other:

        def stand_still() -> None:
            with store._transaction(writes=True) as connection:
                connection.execute(sqlalchemy.text("DELETE FROM lease"))
                other.post([delivery()])  # waits for us, and is let through
                connection.execute(sqlalchemy.text("DELETE FROM lease"))

        with pytest.raises(StoreError, match=r"idle-in-transaction|closed"):
            stand_still()

        assert len(store.deliveries()) == 1


@ON_POSTGRES
def test_a_reader_sees_one_moment_and_cannot_write(store: Store, url: str) -> None:
    count = sqlalchemy.text("SELECT count(*) FROM outbox")
    with Store.open(url) as other, store._transaction(writes=False) as connection:
        before = connection.scalar(count)
        other.post([delivery()])
        assert connection.scalar(count) == before == 0
    with (
        pytest.raises(StoreError, match="read-only"),
        store._transaction(writes=False) as connection,
    ):
        connection.execute(sqlalchemy.text("DELETE FROM outbox"))
