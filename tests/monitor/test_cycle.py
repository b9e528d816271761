"""Rounds over a small world: due windows, evaluated once, with what follows."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import structlog
import yaml

from checks.errors import ProfileError
from checks.verdict import Family, Status, Verdict
from monitor import periods
from monitor.app import App, World
from monitor.baseline import Baseline
from monitor.clock import ManualClock
from monitor.cycle import Cycle, Rotation, Turn
from monitor.evaluate import Watch
from monitor.incident import Cause, State
from monitor.opening import read_config
from monitor.reevaluate import Reevaluation
from monitor.store import Run
from monitor.store.records import RunRecord
from monitor.window import Window
from tests.monitor.world import DAY, START, config, log, rows, small, write


def turn(events: Iterable[Any]) -> Turn:
    """Return the one evaluated window among a round's events."""
    (found,) = [event for event in events if isinstance(event, Turn)]
    return found


def failing(found: Turn) -> set[tuple[str, str | None]]:
    """Return check and column of every FAIL."""
    return {(v.check, v.column) for v in verdicts(found) if v.status is Status.FAIL}


def verdicts(found: Turn) -> tuple[Verdict, ...]:
    assert found.assessment is not None
    return found.assessment.verdicts


def test_clean_days_raise_no_alarm(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        days = [turn(world.pass_day()) for _ in range(10)]

        assert [set()] * 10 == [failing(day) for day in days]
        assert [] == world.app.store.open_incidents("churn")


def test_a_shift_fires_and_its_end_resolves(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        drifted = turn(world.pass_day(shift=20.0))
        (incident, *_) = world.app.store.open_incidents("churn")
        delivered = world.app.deliver()
        world.pass_day()

        assert ("wasserstein", "amount") in failing(drifted)
        assert State.FIRING is incident.state
        assert 1 == delivered.delivered
        assert [] == world.app.store.open_incidents("churn")


@pytest.mark.parametrize("url", [None, "https://driftd.example.org/"])
def test_a_notice_says_where_the_report_is(tmp_path: Path, url: str | None) -> None:
    with (
        structlog.testing.capture_logs() as log,
        small(tmp_path, server={"url": url}) as world,
    ):
        world.pass_day()
        (turn,) = [e for e in world.pass_day(shift=20.0) if isinstance(e, Turn)]
        (posted,) = world.app.store.deliveries()
        undrawn = world.app.report_of(turn)

        place = "churn/daily/2026-03-02T000000Z.html"
        report = posted.delivery.body["links"]["report"]
        folder = "https://driftd.example.org" if url else str(tmp_path)
        assert f"{folder}/reports/{place}" == report
        (ordered,) = [e for e in log if e["event"] == "report_ordered"]
        assert (report, "churn", "daily") == (
            ordered["report"],
            ordered["model"],
            ordered["monitor"],
        )
        assert undrawn is None, "it is not there yet"
        written = tmp_path / "reports" / place
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text("drawn")
        assert world.app.report_of(turn) == report


def test_a_window_is_evaluated_once_however_often_it_is_asked_for(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        assert 2 == len(world.pass_day())  # the first version is seen, and the window
        assert [] == list(world.app.round())


def test_a_restart_takes_up_where_the_daemon_stopped(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        today = world.today
    for _ in range(3):
        log(tmp_path, today, rows(today))
        today += DAY
    with small(tmp_path, today=today) as world:
        log(tmp_path, today, rows(today))
        windows = [event.window.start for event in world.wait()]

        assert [START + k * DAY for k in range(1, 5)] == windows


def test_an_empty_window_is_unknown_and_lasting_silence_an_incident(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        silent = [turn(world.wait()) for _ in range(3)]

        columns = {v.column: v for v in verdicts(silent[0]) if v.column}
        assert {Status.UNKNOWN} == {v.status for v in columns.values()}
        assert "the window has no rows" == columns["amount"].cause
        opened = {i.key.check: i.state for i in world.app.store.open_incidents("churn")}
        assert State.FIRING is opened["no_data"]


def test_one_bad_column_takes_no_other_along(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        day = world.today
        found = turn(world.pass_day(amount=["many"] * 400))

        by_check = {(v.check, v.column): v for v in verdicts(found)}
        broken = by_check["wasserstein", "amount"]
        assert Status.UNKNOWN is broken.status
        assert "the column holds string, which is no number" == broken.cause
        assert Status.PASS is by_check["jensen_shannon", "plan"].status
        assert Status.FAIL is by_check["schema_change", None].status
        assert (day, "amount was number and is text") == (
            found.window.start,
            by_check["schema_change", None].statistic.detail,  # type: ignore[union-attr]
        )


def test_a_missing_column_is_told_by_name(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        log(tmp_path, world.today, rows(world.today).drop_columns(["plan"]))
        found = turn(world.wait())

        by_check = {(v.check, v.column): v for v in verdicts(found)}
        assert "the window has no column 'plan'" == by_check["missing", "plan"].cause
        assert ("schema_change", None) in failing(found)


def test_an_unreadable_file_is_unknown_with_its_cause_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        part = tmp_path / "log" / f"date={world.today:%Y-%m-%d}" / "part.parquet"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"PAR1 and then nothing")
        found = turn(world.wait())
        after = world.app.store.latest_runs()

        assert found.assessment is None
        assert "no whole Parquet file" in str(found.cause)
        assert [(Status.UNKNOWN, found.cause)] == [(r.status, r.cause) for r in after]


def test_logs_that_are_late_put_the_window_off_until_they_come(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        (tmp_path / "log").mkdir()
        assert [] == [e for e in world.wait() if isinstance(e, Turn)]
        log(tmp_path, START, rows(START))

        assert START == turn(world.app.round()).window.start


def test_served_features_in_another_unit_are_named(tmp_path: Path) -> None:
    with small(tmp_path, daily={"for": 1}) as world:
        world.pass_day()
        day = world.today
        table = rows(day)
        log(tmp_path, day, table)
        cents = pa.array([v * 100 for v in table.column("amount").to_pylist()])
        served = table.set_column(
            table.column_names.index("amount"), "amount", cents
        ).select(["id", "at", "amount", "plan", "score"])
        write(tmp_path / "log" / f"date={day:%Y-%m-%d}" / "part.parquet", served)
        found = turn(world.wait())

        named = next(
            v for v in verdicts(found) if v.check == "mismatch" and v.column == "amount"
        )
        assert Status.FAIL is named.status
        assert named.statistic is not None
        assert "recomputed × 100" in named.statistic.detail


def test_labels_that_turn_round_are_a_loss_of_performance(tmp_path: Path) -> None:
    with small(tmp_path, daily={"delay": "1d"}) as world:
        world.pass_day()
        world.pass_day(wrong=0.45)
        found = turn(world.pass_day())

        assert {"roc_auc", "log_loss"} <= {check for check, _ in failing(found)}
        families = {v.family for v in verdicts(found) if v.status is Status.FAIL}
        assert {Family.PERFORMANCE} == families


def test_labels_that_have_not_come_are_unknown_not_wrong(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        later = pa.array([START + 9 * DAY] * 400, pa.timestamp("us", "UTC"))
        found = turn(world.pass_day(known_at=later))

        (auc,) = [v for v in verdicts(found) if v.check == "roc_auc"]
        assert (Status.UNKNOWN, "no labels have come yet") == (auc.status, auc.cause)


def test_a_new_version_rotates_the_reference_and_closes_what_was_about_the_old(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        world.pass_day(shift=20.0)
        before = world.app.store.open_incidents("churn")
        days = [START + k * DAY for k in range(30)]
        moved = pa.concat_tables(rows(day, seed=2, shift=20.0) for day in days)
        write(tmp_path / "reference-2.parquet", moved)
        (tmp_path / "version.txt").write_text("2")
        events = world.pass_day(shift=20.0)

        assert ["1", "2"] == [v for v, _ in world.app.store.versions("churn")]
        assert isinstance(events[0], Rotation)
        ends = [world.app.store.transitions(i.id)[-1].reason for i in before]
        assert {Cause.REFERENCE_ROTATED} == set(ends)
        assert set() == failing(turn(events))


def test_a_reference_that_comes_after_its_version_is_waited_for(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        (tmp_path / "version.txt").write_text("2")
        early = [event for event in world.pass_day() if isinstance(event, Turn)]
        days = [START + k * DAY for k in range(30)]
        write(
            tmp_path / "reference-2.parquet",
            pa.concat_tables(rows(day, seed=2) for day in days),
        )
        found = turn(world.app.round())

        assert [] == early
        assert START + DAY == found.window.start
        assert found.assessment is not None
        assert "2" == found.assessment.version


def test_a_reference_that_never_comes_is_unknown_with_its_cause(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        (tmp_path / "version.txt").write_text("2")
        world.pass_day()
        found = [event for event in world.pass_day() if isinstance(event, Turn)]

        assert START + DAY == found[0].window.start
        assert "the reference of version 2: " in str(found[0].cause)
        assert "there is no such file" in str(found[0].cause)


@pytest.mark.parametrize("reference", [{"trailing": "3d"}, {"same_weekday": 2}])
def test_a_trailing_reference_gets_used_to_a_new_level(
    tmp_path: Path, reference: dict[str, Any]
) -> None:
    days = 4 if "trailing" in reference else 15
    with small(tmp_path, daily={"reference": reference}) as world:
        first = turn(world.pass_day(shift=20.0))
        later = [turn(world.pass_day(shift=20.0)) for _ in range(days)]

        assert ("no earlier windows yet: compared with the training data",) == (
            first.assessment.notes  # type: ignore[union-attr]
        )
        assert ("wasserstein", "amount") in failing(first)
        assert ("wasserstein", "amount") not in failing(later[-1])


def test_a_trailing_reference_counts_no_row_twice(tmp_path: Path) -> None:
    daily = {"window": "3d", "every": "1d", "reference": {"trailing": "6d"}}
    with small(tmp_path, daily=daily) as world:
        for _ in range(12):
            events = world.pass_day()
        found = turn(events)

        assert found.assessment is not None
        assert (3 * 400, 6 * 400) == (
            found.assessment.profile.rows,
            found.assessment.reference_rows,
        )


def test_a_month_is_re_evaluated_once_its_labels_are_ripe(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        events = [event for _ in range(35) for event in world.pass_day()]
        (done,) = [event for event in events if isinstance(event, Reevaluation)]
        found = done.evaluation
        again = world.app.reevaluate("churn", found.period)

        assert (31 * 400, 31 * 400, Status.PASS) == (
            found.rows,
            found.labelled,
            found.status,
        )
        assert (1, 2) == (found.revision, again.evaluation.revision)
        assert 0.5 < found.body["metrics"]["roc_auc"]["value"] < 1.0


def test_what_was_not_known_then_is_not_used(tmp_path: Path) -> None:
    with small(tmp_path, model={"evaluation": None}) as world:
        for _ in range(10):
            world.pass_day()
        march = world.app.reevaluate(
            "churn", periods.parse("2026-03"), as_of=START + 5 * DAY
        ).evaluation

        assert (10 * 400, 5 * 400) == (march.rows, march.labelled)


def test_who_heard_of_a_column_hears_when_it_is_watched_no_longer(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        world.pass_day(shift=20.0)
        (*before,) = world.app.store.open_incidents("churn")
        today = world.today
    columns = config()["models"]["churn"]["columns"]
    del columns["amount"]
    with small(tmp_path, today=today, model={"columns": columns}) as world:
        list(world.app.round())
        store = world.app.store

        ends = {store.transitions(i.id)[-1].reason for i in before}
        assert {Cause.NO_LONGER_WATCHED} == ends
        assert [] == store.open_incidents()
        assert ["resolved", "first"] == [p.delivery.reason for p in store.deliveries()]


def test_the_incidents_of_a_monitor_that_is_gone_end_with_it(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        world.pass_day(shift=20.0)
        today = world.today
    other = {"window": "1d", "min_rows": 50, "actions": ["journal"]}
    with small(tmp_path, today=today) as world:
        assert world.app.store.open_incidents()
    changed = config()
    changed["models"]["churn"]["monitors"] = {"nightly": other}
    file = tmp_path / "driftd.yaml"
    file.write_text(yaml.safe_dump(changed))
    with App(read_config(file, {}), World(clock=ManualClock(today))) as app:
        list(app.round())

        assert [] == [i for i in app.store.open_incidents() if i.key.monitor == "daily"]
        told = app.store.told("churn", "daily", "journal")
        assert told is not None
        assert frozenset() == told.incident_ids


def test_what_is_still_watched_stays_open_over_a_restart(tmp_path: Path) -> None:
    with small(tmp_path, daily={"keep_firing_for": 5}) as world:
        world.pass_day()
        world.pass_day(shift=20.0)
        for _ in range(3):
            world.wait()
        before = world.app.store.open_incidents()
        today = world.today
    with small(tmp_path, today=today) as world:
        list(world.app.round())

        assert {"no_data", "wasserstein"} <= {i.key.check for i in before}
        assert before == world.app.store.open_incidents()


def test_a_baseline_that_cannot_be_read_is_told_and_the_round_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(_: bytes) -> Baseline:
        message = "a newer driftd has written this baseline"
        raise ProfileError(message)

    with small(tmp_path) as world:
        with monkeypatch.context() as patched:
            patched.setattr(Baseline, "from_bytes", newer)
            assert [] == [e for e in world.pass_day() if isinstance(e, Turn)]
            late = turn(world.wait())

        assert "a newer driftd has written this baseline" == late.cause
        assert START + DAY == turn(world.app.round()).window.start


def test_a_reference_that_is_missing_from_the_first_day_is_told_until_it_comes(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        (tmp_path / "version.txt").write_text("2")
        told = [e for _ in range(6) for e in world.pass_day() if isinstance(e, Turn)]
        silent = [i.key.check for i in world.app.store.open_incidents()]
        write(tmp_path / "reference-2.parquet", rows(START - DAY, 9_000))
        found = [e for e in world.pass_day() if isinstance(e, Turn)]

        assert len(told) > 3
        assert all("reference-2.parquet" in str(one.cause) for one in told)
        assert ["no_data"] == silent
        assert {None} == {one.cause for one in found}
        assert told[-1].window.end == found[0].window.start
        assert [] == world.app.store.open_incidents()


def test_logs_that_never_came_are_told_from_the_first_window_on(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as world:
        (tmp_path / "log").mkdir()
        told = [e for _ in range(4) for e in world.wait() if isinstance(e, Turn)]

        assert [START + k * DAY for k in range(3)] == [t.window.start for t in told]
        assert ["no_data"] == [i.key.check for i in world.app.store.open_incidents()]


def test_what_nobody_foresaw_in_one_model_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {name: config()["models"]["churn"] for name in ("bad", "good")}
    find = Cycle.due

    def due(cycle: Cycle, watch: Watch, now: datetime) -> list[Window]:
        if watch.model == "bad":
            message = "nobody foresaw this"
            raise LookupError(message)
        return find(cycle, watch, now)

    monkeypatch.setattr(Cycle, "due", due)
    with small(tmp_path, models=models) as world:
        with pytest.raises(LookupError, match="nobody foresaw this"):
            world.pass_day()

        assert ["good"] == [run.model for run in world.app.store.latest_runs()]


def test_what_is_due_does_not_depend_on_what_was_asked_before(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        parts, store = world.app.cycle._parts, world.app.store
        section = world.app.config.models["churn"]
        watch = Watch(
            model="churn",
            monitor="daily",
            section=section,
            settings=section.monitors["daily"],
        )
        asked = Cycle(parts, world.app.cycle._judge)

        def recorded(day: int) -> None:
            start = START + day * DAY
            run = Run(
                model="churn",
                monitor="daily",
                window=Window(start, start + DAY),
                model_version="1",
                reference_id=None,
                status=Status.PASS,
                evaluated=start + DAY,
            )
            assert store.record_run(RunRecord(run=run))

        answers = []
        for day, now in [
            (None, 3), (3, 4), (None, 4), (4, 6), (6, 7), (None, 8), (5, 8), (7, 6),
            (0, 9), (1, 9), (2, 9), (None, 12), (8, 12), (-2, 12),
        ]:  # fmt: skip
            if day is not None:
                recorded(day)
            moment = START + now * DAY + DAY / 2
            fresh = Cycle(parts, world.app.cycle._judge).due(watch, moment)
            assert asked.due(watch, moment) == fresh
            answers.append(len(fresh))
        assert {0, 1} < set(answers)
