"""What the store keeps, and what it refuses to keep twice."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from checks.verdict import Family, Status
from monitor import retraining as retrainings
from monitor.errors import StoreError
from monitor.incident import Cause, Move, State, close
from monitor.retraining import State as RetrainingState
from monitor.store import (
    AuditEntry,
    Consequences,
    Evaluation,
    Store,
    StoredReference,
)
from tests.monitor.examples import (
    DAY,
    FIRST,
    delivery,
    incident,
    move,
    record,
    retraining,
    run,
    statistic,
    verdict,
    window,
)

VERDICTS = (
    verdict(found=statistic(at_reference=1.5, detail="é → ü"), p_adjusted=0.01),
    verdict(Status.UNKNOWN, check="psi", cause="no rows", segment="s", threshold=None),
    verdict(Status.PASS, family=Family.QUALITY, check="volume", column=None),
)


def everything() -> dict[str, Any]:
    return {
        "verdicts": VERDICTS,
        "profile": b"\x00profile",
        "sample": b"\xffsample",
        "moves": [move(incident(name="a"))],
        "deliveries": [delivery()],
        "retrainings": [retraining()],
    }


# ── runs ─────────────────────────────────────────────────────────────────────────


def test_a_run_comes_back_as_it_was_recorded(store: Store) -> None:
    assert store.record_run(record(**everything()))

    (kept,) = store.latest_runs()

    assert kept == run(verdicts=VERDICTS)
    assert store.windows_done("flights", "daily") == {FIRST}
    assert store.load_profile("flights", "daily", window()) == b"\x00profile"
    assert store.load_sample("flights", "daily", window()) == b"\xffsample"
    assert store.open_incidents("flights") == [incident(name="a")]
    assert store.transitions("a") == [move(incident(name="a")).transition]
    assert [one.delivery for one in store.deliveries()] == [delivery()]
    assert store.retrainings("flights") == [retraining()]


def test_the_second_writer_of_a_window_writes_nothing(store: Store) -> None:
    store.record_run(record(verdicts=VERDICTS))

    assert store.record_run(record(**everything())) is False

    assert store.open_incidents() == []
    assert store.deliveries() == []
    assert store.retrainings() == []
    assert store.load_profile("flights", "daily", window()) is None
    assert len(store.latest_runs()[0].verdicts) == 3


def test_two_threads_with_one_window_give_one_run(store: Store) -> None:
    barrier = threading.Barrier(4)
    won: list[bool] = []

    def write(number: int) -> None:
        barrier.wait()
        made = record(deliveries=[delivery(f"d{number}", told=[])])
        won.append(store.record_run(made))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False, False, False, True]
    assert len(store.deliveries()) == 1


def test_a_run_whose_consequence_cannot_be_written_is_not_written(
    store: Store,
) -> None:
    unwritable = delivery(body={"value": float("nan")})

    with pytest.raises(StoreError, match="JSON compliant"):
        store.record_run(record(**everything() | {"deliveries": [unwritable]}))

    assert store.windows_done("flights", "daily") == set()
    assert store.open_incidents() == []


def test_windows_are_kept_by_model_and_monitor(store: Store) -> None:
    store.record_run(record(0, profile=b"0"))
    store.record_run(record(2, profile=b"2"))
    store.record_run(record(1, profile=b"1"))
    store.record_run(record(0, "hourly"))

    assert store.windows_done("flights", "hourly") == {FIRST}
    assert store.profiles_between("flights", "daily", FIRST, FIRST + 2 * DAY) == [
        (window(0), b"0"),
        (window(1), b"1"),
    ]
    between = store.runs_between("flights", "daily", FIRST + DAY, FIRST + 3 * DAY)
    assert [one.window for one in between] == [window(1), window(2)]
    assert [(r.monitor, r.window) for r in store.latest_runs()] == [
        ("daily", window(2)),
        ("hourly", window(0)),
    ]


def test_a_time_in_another_zone_is_kept_in_utc_and_a_naive_one_is_refused(
    store: Store,
) -> None:
    berlin = timezone(timedelta(hours=2))
    store.see_version("flights", "1", datetime(2013, 5, 1, 2, tzinfo=berlin))

    ((_, seen),) = store.versions("flights")

    assert seen == FIRST
    assert seen.tzinfo is UTC
    with pytest.raises(StoreError, match="time zone"):
        store.see_version("flights", "2", datetime(2013, 5, 1))  # noqa: DTZ001 - the point


# ── incidents ────────────────────────────────────────────────────────────────────


def test_an_incident_is_followed_to_its_end_and_never_comes_back(store: Store) -> None:
    firing = incident(name="a")
    ended = close(firing, Cause.REFERENCE_ROTATED, FIRST + 9 * DAY)
    store.record_run(record(0, moves=[move(firing)]))
    store.record_run(record(1, moves=[ended]))

    assert store.open_incidents() == []
    assert store.incidents(["a"]) == [ended.incident]
    assert [t.new for t in store.transitions("a")] == [State.FIRING, State.RESOLVED]
    with pytest.raises(StoreError, match="a is not open"):
        store.record_run(record(2, moves=[Move(incident=firing)]))
    with pytest.raises(StoreError, match="a is not open"):
        store.record_run(record(2, moves=[move(firing)]))
    assert store.windows_done("flights", "daily") == {FIRST, FIRST + DAY}


def test_a_growing_history_makes_no_transition(store: Store) -> None:
    store.record_run(record(0, moves=[move(incident(name="a"))]))
    grown = replace(incident(name="a"), history=(Status.FAIL, Status.WARN))
    store.record_run(record(1, moves=[Move(incident=grown)]))

    assert store.open_incidents("flights", "daily") == [grown]
    assert len(store.transitions("a")) == 1


def test_open_incidents_are_asked_by_model_and_monitor_and_counted(
    store: Store,
) -> None:
    hourly = incident(name="h", monitor="hourly", state=State.PENDING)
    store.decide(Consequences(moves=(move(incident(name="a", day=3)), move(hourly))))

    assert [one.id for one in store.open_incidents("flights")] == ["h", "a"]
    assert [one.id for one in store.open_incidents("flights", "daily")] == ["a"]
    assert store.open_incidents("other") == []
    assert [one.id for one in store.newest_incidents(limit=1)] == ["a"]
    assert store.tallies.incidents() == {
        ("flights", "drift", "firing"): 1,
        ("flights", "drift", "pending"): 1,
    }


# ── versions, references, evaluations ────────────────────────────────────────────


def test_a_version_is_seen_once_with_its_consequences(store: Store) -> None:
    store.see_version("flights", "1", FIRST)
    rotation = Consequences(deliveries=(delivery(),))

    assert store.see_version("flights", "2", FIRST + DAY, rotation)
    assert not store.see_version(
        "flights", "2", FIRST + 2 * DAY, Consequences(deliveries=(delivery("d2"),))
    )

    assert store.current_version("flights") == "2"
    assert store.current_version("other") is None
    assert [one.delivery.id for one in store.deliveries()] == ["d1"]


def test_a_model_rolled_back_has_its_old_version_again(store: Store) -> None:
    for day, version in enumerate(["1", "2", "1"]):
        assert store.see_version("flights", version, FIRST + day * DAY)

    assert store.current_version("flights") == "1"
    assert [version for version, _ in store.versions("flights")] == ["1", "2", "1"]


def test_a_reference_stays_frozen_to_its_version(store: Store) -> None:
    first = StoredReference(
        id="abc",
        model="flights",
        version="1",
        created=FIRST,
        content=b"bins",
        rows=80_000,
    )
    changed = replace(first, id="def", content=b"other")

    assert store.save_reference(first) == first
    assert store.save_reference(changed) == first
    assert store.load_reference("abc") == first
    assert store.load_reference("def") is None
    assert store.reference_for("flights", "1") == first
    assert store.reference_for("flights", "2") is None
    next_version = replace(changed, version="2")
    assert store.save_reference(next_version) == next_version


def test_a_later_look_at_a_period_is_another_revision(store: Store) -> None:
    made = Evaluation(
        model="flights",
        model_version="1",
        period=window(),
        as_of=FIRST + 2 * DAY,
        rows=900,
        labelled=450,
        status=Status.PASS,
        verdicts=VERDICTS,
        body={"note": "half the labels"},
    )
    later = replace(made, as_of=FIRST + 9 * DAY, labelled=890)
    elsewhere = replace(made, period=window(1))

    assert store.record_evaluation(made) == 1
    assert store.record_evaluation(later, Consequences(deliveries=(delivery(),))) == 2
    assert store.record_evaluation(elsewhere) == 1

    assert store.evaluations("flights", window()) == [
        replace(made, revision=1),
        replace(later, revision=2),
    ]
    assert len(store.evaluations("flights")) == len(store.evaluations()) == 3
    assert made.coverage == 0.5
    assert replace(made, rows=0, labelled=0).coverage == 0.0
    assert len(store.deliveries()) == 1


def test_a_revision_that_another_has_made_meanwhile_leaves_no_trace(
    store: Store,
) -> None:
    made = Evaluation(
        model="flights",
        model_version="1",
        period=window(),
        as_of=FIRST + 2 * DAY,
        rows=900,
        labelled=450,
        status=Status.PASS,
    )
    firing = Consequences(moves=(move(incident(name="a")),), deliveries=(delivery(),))

    assert store.record_evaluation(made, after=0) == 1
    assert store.record_evaluation(made, firing, after=0) is None
    assert (store.open_incidents(), store.deliveries()) == ([], [])
    assert store.record_evaluation(made, firing, after=1) == 2


# ── retrainings ──────────────────────────────────────────────────────────────────


def test_each_step_of_a_retraining_is_audited(store: Store) -> None:
    store.record_run(record(retrainings=[retraining()]))
    hour = timedelta(hours=1)

    store.set_retraining("r1", RetrainingState.RUNNING, FIRST + hour, remote_id="run-7")
    done = store.set_retraining(
        "r1", RetrainingState.SUCCEEDED, FIRST + 2 * hour, actor="pipeline"
    )

    assert done
    assert (done.state, done.remote_id) == (RetrainingState.SUCCEEDED, "run-7")
    assert [(line.actor, line.event) for line in store.journal.newest()] == [
        ("pipeline", "retraining_succeeded"),
        ("driftd", "retraining_running"),
        ("driftd", "retraining_requested"),
    ]
    assert store.tallies.retrainings() == {("flights", "succeeded"): 1}


def test_a_late_word_of_an_earlier_step_changes_nothing(store: Store) -> None:
    store.record_run(record(retrainings=[retraining()]))
    store.set_retraining("r1", RetrainingState.FAILED, FIRST)

    late = store.set_retraining("r1", RetrainingState.RUNNING, FIRST + DAY)

    assert late
    assert late.state is RetrainingState.FAILED
    assert len(store.journal.newest()) == 2
    assert store.set_retraining("nobody", RetrainingState.RUNNING, FIRST) is None


def test_asking_again_for_a_known_retraining_does_not_set_it_back(
    store: Store,
) -> None:
    store.record_run(record(0, retrainings=[retraining()]))
    store.set_retraining("r1", RetrainingState.SUCCEEDED, FIRST)

    store.record_run(record(1, retrainings=[retraining()]))

    (kept,) = store.retrainings()
    assert kept.state is RetrainingState.SUCCEEDED
    assert len(store.journal.newest()) == 2


def test_a_new_version_brings_its_retraining_to_an_end(store: Store) -> None:
    states = (
        RetrainingState.ACCEPTED,
        RetrainingState.FAILED,
        RetrainingState.REQUESTED,
    )
    made = tuple(retraining(state.value, state) for state in states)
    store.decide(Consequences(retrainings=made))

    ended = retrainings.promoted(store.retrainings("flights"), "2", FIRST + DAY)
    store.see_version(
        "flights", "2", FIRST + DAY, Consequences(retrainings=tuple(ended))
    )

    assert {one.id: one.state.value for one in store.retrainings()} == {
        "accepted": "promoted",
        "failed": "failed",
        "requested": "requested",
    }


def test_what_is_done_by_hand_is_noted(store: Store) -> None:
    entry = AuditEntry(
        at=FIRST, actor="ann", event="acknowledged", subject="a", detail="a storm"
    )

    store.journal.note(entry)

    assert store.journal.newest() == [entry]


# ── the database itself ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reading",
    [
        lambda store: store.latest_runs(),
        lambda store: store.record_run(record()),
        lambda store: store.claim_due(FIRST, 1, DAY),
    ],
)
def test_whatever_the_database_says_becomes_a_store_error(
    nowhere: str, reading: Callable[[Store], object]
) -> None:
    with Store.open(nowhere) as store:
        with store._database.engine.begin() as connection:
            kept = ("verdict", "profile", "sample", "errors")
            for table in ("attempt", "outbox", *kept, "run"):
                connection.exec_driver_sql(f"DROP TABLE {table}")

        missing = "no such table|relation .* does not exist"
        with pytest.raises(StoreError, match=f"^{re.escape(store.name)}: ({missing})"):
            reading(store)
