"""Series through the real cycle and store: what lasts, though no window shows it."""

import json
import re
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console
from river import drift

from checks.verdict import Family, Reason, Status, Verdict
from monitor import present, slack_message
from monitor.cycle import Turn
from monitor.incident import Cause, State
from monitor.store.records import Run
from monitor.wording import sentence
from tests.monitor.world import DAY, START, Small, log, rows, small, write

AMOUNT = {"check": "wasserstein", "column": "amount"}
NAME = "cusum(wasserstein)"
QUIET: dict[str, Any] = {"labels": None, "evaluation": None, "recomputed": None}
"""The small world, without what takes time and is not asked for here."""
ONLY: dict[str, Any] = {"checks": {"wasserstein": {"columns": ["amount"]}}}


def lasting(events: Iterable[Any], name: str = NAME) -> Verdict:
    """Return the verdict on the series among those of the one evaluated window."""
    (turn,) = [event for event in events if isinstance(event, Turn)]
    assert turn.assessment is not None
    (found,) = [v for v in turn.assessment.verdicts if v.check == name]
    return found


def others(events: Iterable[Any]) -> set[Status]:
    """Return the statuses of all verdicts but those on series."""
    (turn,) = [event for event in events if isinstance(event, Turn)]
    assert turn.assessment is not None
    return {v.status for v in turn.assessment.verdicts if "(" not in v.check}


def world(folder: Path, **changes: Any) -> Any:
    settings = {**ONLY, "sequence": [{"of": AMOUNT}], **changes.pop("daily", {})}
    return small(folder, model=QUIET, daily=settings, **changes)


def days(small_world: Small, shifts: Iterable[float]) -> list[Verdict]:
    """Let days pass, and return the verdict on the series of each."""
    return [lasting(small_world.pass_day(shift=shift)) for shift in shifts]


def runs(small_world: Small) -> list[Run]:
    store = small_world.app.store
    return store.runs_between("churn", "daily", START, small_world.today)


def shift_of(day: int, since: int, level: float = 0.75) -> float:
    return level if day >= since else 0.0


def test_a_small_lasting_shift_is_found_though_no_window_shows_it(
    tmp_path: Path,
) -> None:
    with world(tmp_path) as small_world:
        found, seen = [], set[Status]()
        for day in range(34):
            events = small_world.pass_day(shift=shift_of(day, 20))
            found.append(lasting(events))
            seen |= others(events)
        incidents = small_world.app.store.open_incidents("churn")

    statuses = [v.status for v in found]
    assert {Status.PASS} == seen
    assert [Status.UNKNOWN] * 10 == statuses[:10]
    assert {Status.PASS} == set(statuses[10:20])
    first = statuses.index(Status.FAIL)
    assert 20 < first < 30
    assert {Status.FAIL} == set(statuses[first:])
    last = found[-1]
    assert (Family.DRIFT, "amount", Reason.CERTAIN_AND_MATERIAL) == (
        last.family,
        last.column,
        last.reason,
    )
    assert [(NAME, State.FIRING)] == [(i.key.check, i.state) for i in incidents]
    assert START + first * DAY == incidents[0].opened
    said = sentence(incidents[0])
    assert said.startswith("amount: mean rose from 50.02 to 50.")
    assert " and stays there, from 2026-03-" in said
    assert "cusum(wasserstein), since 2026-03-" in said


def test_a_lasting_change_reads_well_everywhere(tmp_path: Path) -> None:
    with world(tmp_path) as small_world:
        for shift in [0.0] * 14 + [1.5] * 8:
            events = small_world.pass_day(shift=shift)
        (posted, *_) = small_world.app.store.deliveries()

    (found,) = [event.assessment for event in events if isinstance(event, Turn)]
    assert found is not None
    (verdict,) = [v for v in found.verdicts if v.check == NAME]
    assert verdict.statistic is not None
    said = verdict.statistic.detail
    assert re.fullmatch(
        r"mean rose from \d\d\.\d to \d\d\.\d and stays there, from 2026-03-1\d on",
        said,
    )
    assert f"| FAIL | amount | {NAME} | " in present.markdown(found)
    assert f"| {said} |" in present.markdown(found)
    table = Console(width=160, record=True, file=StringIO())
    table.print(present.table(found))
    assert said in table.export_text()
    told = json.loads(present.as_json(found))["verdicts"][-1]
    assert (NAME, "FAIL", said) == (told["check"], told["status"], told["detail"])
    body = posted.delivery.body
    assert "1 incident firing, worst: amount: mean rose" in body["headline"]
    blocks = json.dumps(slack_message.message(body))
    assert "and stays there, from 2026-03-1" in blocks
    assert "cusum(wasserstein), since 2026-03-" in blocks


def test_an_incident_ends_when_the_old_level_is_back(tmp_path: Path) -> None:
    shifts = [0.0] * 16 + [1.5] * 9 + [0.0] * 8
    with world(tmp_path) as small_world:
        found = days(small_world, shifts)
        store = small_world.app.store
        (ended,) = [i for i in store.newest_incidents() if i.key.check == NAME]

    statuses = [v.status for v in found]
    assert Status.FAIL in statuses[16:25]
    assert Status.FAIL is statuses[24]
    assert Status.PASS is statuses[-1]
    assert (State.RESOLVED, "no lasting change in 33 windows") == (
        ended.state,
        found[-1].statistic.detail,  # type: ignore[union-attr]
    )


def test_a_restart_and_a_catch_up_give_the_same_verdicts(tmp_path: Path) -> None:
    shifts = [shift_of(day, 12, 2.0) for day in range(20)]
    with world(tmp_path / "whole") as small_world:
        days(small_world, shifts)
        expected = runs(small_world)
    with world(tmp_path / "broken") as small_world:
        days(small_world, shifts[:13])
        today = small_world.today
    for shift in shifts[13:]:
        log(tmp_path / "broken", today, rows(today, shift=shift))
        today += DAY
    with world(tmp_path / "broken", today=today) as small_world:
        caught_up = list(small_world.app.round())
        small_world.today = today
        found = runs(small_world)

    assert [] == [e for e in caught_up if not isinstance(e, Turn)]
    assert [r.verdicts for r in expected[:-1]] == [r.verdicts for r in found[:19]]
    assert Status.FAIL in {r.status for r in found}


def test_a_window_without_rows_is_a_gap_and_raises_nothing(tmp_path: Path) -> None:
    with world(tmp_path) as small_world:
        days(small_world, [0.0] * 11)
        gap = lasting(small_world.wait())
        after = days(small_world, [0.0])[0]

    assert Status.UNKNOWN is gap.status
    assert "the window has no rows" == gap.cause
    assert after.statistic is not None
    assert "no lasting change in 12 windows" == after.statistic.detail


def test_a_short_history_is_unknown_with_its_cause(tmp_path: Path) -> None:
    with world(tmp_path) as small_world:
        (found,) = days(small_world, [0.0])
        opened = small_world.app.store.open_incidents("churn")

    assert (Status.UNKNOWN, "the history is too short yet: 1 window") == (
        found.status,
        found.cause,
    )
    assert [] == opened


def test_a_new_version_starts_the_series_again(tmp_path: Path) -> None:
    with world(tmp_path) as small_world:
        days(small_world, [0.0] * 14 + [3.0] * 6)
        before = small_world.app.store.open_incidents("churn")
        past = [START + k * DAY for k in range(10)]
        moved = pa.concat_tables(rows(day, seed=2, shift=3.0) for day in past)
        write(tmp_path / "reference-2.parquet", moved)
        (tmp_path / "version.txt").write_text("2")
        first = lasting(small_world.pass_day(shift=3.0))
        ends = {small_world.app.store.transitions(i.id)[-1].reason for i in before}

    assert NAME in {i.key.check for i in before}
    assert {Cause.REFERENCE_ROTATED} == ends
    assert "the history is too short yet: 1 window" == first.cause


def test_a_series_that_is_watched_no_longer_ends_its_incident(tmp_path: Path) -> None:
    with world(tmp_path) as small_world:
        days(small_world, [0.0] * 14 + [3.0] * 6)
        today = small_world.today
        opened = small_world.app.store.open_incidents("churn")
    with world(tmp_path, today=today, daily={"sequence": []}) as small_world:
        list(small_world.app.round())
        left = small_world.app.store.open_incidents("churn")

    assert NAME in {i.key.check for i in opened}
    assert NAME not in {i.key.check for i in left}


def test_by_rivers_convention_it_alarms_where_river_does(tmp_path: Path) -> None:
    options: dict[str, Any] = {"threshold": 1.0, "delta": 0.1, "min_instances": 5}
    section = {
        "of": AMOUNT,
        "detector": "page_hinkley",
        "convention": "river",
        "options": options,
    }
    with world(tmp_path, daily={"sequence": [section]}) as small_world:
        shifts = [0.0] * 8 + [2.0] * 6 + [-1.0] * 6
        for shift in shifts:
            small_world.pass_day(shift=shift)
        found = runs(small_world)

    theirs: Any = drift.PageHinkley(**options)
    expected, alarms = [], []
    for run in found:
        point, series = run.verdicts
        assert point.statistic is not None
        theirs.update(point.statistic.at_current)
        expected.append(theirs.drift_detected)
        alarms.append(series.status is Status.FAIL)
    assert expected == alarms
    assert any(alarms)


def test_performance_is_worse_downward_and_told_by_its_name(tmp_path: Path) -> None:
    settings = {"checks": {"roc_auc": True}, "sequence": ["roc_auc"], "delay": "1d"}
    model = {"evaluation": None, "recomputed": None}
    with small(tmp_path, model=model, daily=settings) as small_world:
        name = "cusum(roc_auc)"
        small_world.pass_day()
        found = [
            lasting(small_world.pass_day(wrong=0.15 * (day >= 14)), name)
            for day in range(22)
        ]

    last = found[-1]
    assert (Status.FAIL, Family.PERFORMANCE, None) == (
        last.status,
        last.family,
        last.column,
    )
    assert last.statistic is not None
    assert last.statistic.detail.startswith("ROC AUC fell from 0.")


def test_a_change_below_the_threshold_does_not_fail(tmp_path: Path) -> None:
    section = {"of": AMOUNT, "threshold": 5.0}
    with world(tmp_path, daily={"sequence": [section]}) as small_world:
        found = days(small_world, [0.0] * 14 + [1.5] * 8)[-1]

    assert (Status.PASS, Reason.CERTAIN_BUT_SMALL) == (found.status, found.reason)


def test_without_a_column_every_column_of_the_check_is_a_series(
    tmp_path: Path,
) -> None:
    settings = {"checks": {"missing": True}, "sequence": ["missing"]}
    with small(tmp_path, model=QUIET, daily=settings) as small_world:
        (turn,) = [e for e in small_world.pass_day() if isinstance(e, Turn)]

    assert turn.assessment is not None
    found = {v.column for v in turn.assessment.verdicts if "(" in v.check}
    assert {"amount", "plan", "score"} == found


def test_series_take_their_part_of_the_budget(tmp_path: Path) -> None:
    with world(tmp_path) as small_world:
        (turn, *_) = [e for e in small_world.pass_day() if isinstance(e, Turn)]

    watch = turn.watch
    assert (1, 2) == (len(watch.entries), watch.level.family)
    assert watch.alpha == pytest.approx(1 / 180)
    assert watch.level.share == pytest.approx(1 / 180)


@pytest.mark.parametrize(
    ("reference", "forget"),
    [("training", None), ({"trailing": "14d"}, 14), ({"same_weekday": 4}, 28)],
)
def test_a_series_forgets_as_its_monitor_does(
    tmp_path: Path, reference: Any, forget: int | None
) -> None:
    with world(tmp_path, daily={"reference": reference}) as small_world:
        (turn,) = [e for e in small_world.pass_day() if isinstance(e, Turn)]

    (series,) = turn.watch.series
    assert forget == series.forget
