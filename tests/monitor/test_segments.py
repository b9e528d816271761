"""Segments in the daemon: a part of the rows goes wrong, and that part is named."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from checks.verdict import Family, Status, Verdict
from monitor import periods
from monitor.baseline import Baseline
from monitor.config import json_schema
from monitor.errors import ConfigErrors
from monitor.incident import Cause
from monitor.inspection import troubles
from monitor.opening import read_config
from tests.monitor.world import START, Small, config, log, rows, small, write

BY_PLAN: dict[str, Any] = {"model": {"segments": {"columns": ["plan"], "min_rows": 30}}}
"""Of 400 rows a day 240 are basic, 120 plus and 40 pro."""


def moved(day: datetime, plan: str, shift: float) -> list[float]:
    """Return a day's amounts, of which those of one plan have moved."""
    table = rows(day)
    inside = np.asarray(table["plan"].to_pylist()) == plan
    amounts: list[float] = (np.asarray(table["amount"]) + shift * inside).tolist()
    return amounts


def verdicts(world: Small) -> tuple[Verdict, ...]:
    """Return what the last window came to."""
    (run,) = world.app.store.latest_runs()
    return run.verdicts


def test_what_drifts_in_one_segment_alone_is_named(tmp_path: Path) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        world.pass_day()
        before = world.app.store.open_incidents("churn")
        world.pass_day(amount=moved(world.today, "pro", 15.0))
        opened = world.app.store.open_incidents("churn")
        (posted,) = world.app.store.deliveries()

    assert [] == before
    keys = {(i.key.check, i.key.column, i.key.segment) for i in opened}
    assert {("wasserstein", "amount", "plan = pro")} == keys
    assert "amount (plan = pro): distribution moved by" in json.dumps(
        posted.delivery.body
    )


def test_all_checks_of_a_window_are_one_family(tmp_path: Path) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        world.pass_day()
        found = [v for v in verdicts(world) if v.statistic is not None]

    inside = [v for v in found if v.segment is not None]
    assert {"plan = basic", "plan = plus", "plan = pro"} == {v.segment for v in inside}
    assert {Family.DRIFT, Family.PERFORMANCE} == {v.family for v in inside}
    assert not [v for v in inside if v.column == "plan"], "it has one value there"
    least = min(
        (v for v in found if v.statistic and v.statistic.p_value is not None),
        key=lambda v: v.statistic.p_value or 0.0 if v.statistic else 0.0,
    )
    assert least.statistic is not None
    family = sum(v.p_adjusted is not None for v in found)
    assert least.p_adjusted == pytest.approx(
        min(1.0, family * (least.statistic.p_value or 0.0))
    )


def test_labels_that_turn_round_in_one_segment_are_its_loss(tmp_path: Path) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        table = rows(world.today)
        inside = np.asarray(table["plan"].to_pylist()) == "plus"
        wrong = np.asarray(table["churned"]) ^ inside
        known = pa.array([world.today] * 400, pa.timestamp("us", "UTC"))
        world.pass_day(churned=wrong.tolist(), known_at=known)
        found = verdicts(world)

    failed = {(v.check, v.segment) for v in found if v.status is Status.FAIL}
    assert ("roc_auc", "plan = plus") in failed
    assert ("roc_auc", "plan = basic") not in failed


def test_a_segment_that_is_gone_is_unknown_and_raises_nothing(tmp_path: Path) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        for _ in range(4):
            world.pass_day(plan=["basic"] * 200 + ["plus"] * 200)
        found = [v for v in verdicts(world) if v.segment == "plan = pro"]
        opened = world.app.store.open_incidents("churn")

    assert {Status.UNKNOWN} == {v.status for v in found}
    assert {
        "too few rows of the segment in the window: 0, and at least 30 are needed"
    } == {v.cause for v in found if v.family is Family.DRIFT}
    assert not [i for i in opened if i.key.segment is not None]
    assert not [i for i in opened if i.key.check == "no_data"]


def test_rows_without_a_value_lie_in_no_segment_unless_one_is_named(
    tmp_path: Path,
) -> None:
    segments = {"columns": ["plan"], "where": {"none": {"plan": None}}, "min_rows": 1}
    with small(tmp_path, model={"segments": segments}) as world:
        world.pass_day(plan=pa.array([None] * 100 + ["basic"] * 300, pa.string()))
        causes = {v.cause for v in verdicts(world) if v.segment == "none"}
        store = world.app.store
        (run,) = store.latest_runs()
        content = store.load_profile("churn", "daily", run.window)
        kept = store.load_reference(run.reference_id or "")

    assert content is not None
    assert kept is not None
    bins = Baseline.from_bytes(kept.content).reference.bins
    counted = {n: part.rows for n, part in bins.read(content).segments.items()}
    assert {"none": 100, "plan = basic": 300, "plan = plus": 0, "plan = pro": 0} == (
        counted
    )
    assert causes == {
        "too few rows of the segment in the reference: 0, and at least 1 are needed"
    }


def test_a_restart_compares_segments_as_before(tmp_path: Path) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        world.pass_day()
        day = world.today
    with small(tmp_path, today=day, **BY_PLAN) as world:
        world.pass_day(amount=moved(day, "pro", 15.0))
        opened = world.app.store.open_incidents("churn")

    assert ["plan = pro"] == [i.key.segment for i in opened]


def test_segments_that_are_watched_no_longer_end_with_their_incidents(
    tmp_path: Path,
) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        world.pass_day(amount=moved(world.today, "pro", 15.0))
        (before,) = world.app.store.open_incidents("churn")
        day = world.today
    with small(tmp_path, today=day) as world:
        list(world.app.round())
        after = world.app.store.open_incidents("churn")
        reason = world.app.store.transitions(before.id)[-1].reason

    assert [] == after
    assert Cause.NO_LONGER_WATCHED is reason


def test_a_trailing_reference_has_segments_of_its_own(tmp_path: Path) -> None:
    daily = {"reference": {"trailing": "3d"}}
    with small(tmp_path, daily=daily, **BY_PLAN) as world:
        for _ in range(4):
            world.pass_day(amount=moved(world.today, "pro", 15.0))
        failing = [v for v in verdicts(world) if v.status is Status.FAIL]
        world.pass_day()
        (back, *_) = [v for v in verdicts(world) if v.status is Status.FAIL]

    assert [] == failing, "three days ago it was as it is now"
    assert "plan = pro" == back.segment


def written(folder: Path, segments: Any) -> Path:
    """Write a config with some segments."""
    folder.joinpath("version.txt").write_text("1")
    file = folder / "driftd.yaml"
    tree: Mapping[str, Any] = config(model={"segments": segments})
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file


@pytest.mark.parametrize(
    ("segments", "where", "said"),
    [
        (["plam"], "segments.columns[0]", "did you mean `plan`"),
        (["plan", "plan"], "segments.columns[1]", "'plan' stands twice"),
        (["amount"], "segments.columns[0]", "no values to divide by"),
        (["id"], "segments.columns[0]", "no values to divide by"),
        ({}, "segments", "no column has the role segment"),
        ({"columns": ["plan"], "top": 101}, "segments.top", "less than or equal"),
        (
            {"columns": ["plan"], "top": 100, "where": {"a": {"plan": "x"}}},
            "segments.top",
            "at most 100",
        ),
        ({"where": {"a b": {"plan": "x"}}}, "segments.where", "cannot be a name"),
        ({"where": {"a": {}}}, "segments.where.a", "at least 1"),
        ({"where": {"a": {"plam": "x"}}}, "segments.where.a.plam", "`plan`"),
        ({"where": {"a": {"churned": True}}}, "where.a.churned", "role label"),
        ({"where": {"a": {"plan": {"below": 3}}}}, "where.a.plan", "has no ranges"),
        ({"where": {"a": {"amount": "x"}}}, "where.a.amount", "no number"),
        (
            {"where": {"a": {"amount": {"at_least": 3, "below": 3}}}},
            "where.a.amount",
            "no value is at least the one",
        ),
        (
            {"where": {"a": {"amount": {"at_least": "low"}}}},
            "where.a.amount",
            "'low' is no number",
        ),
        (
            {"where": {"a": {"amount": {"any_of": [1], "below": 3}}}},
            "where.a.amount",
            "one or more values, or a range",
        ),
        ({"columns": ["plan"], "checks": ["schema_change"]}, "checks[0]", "whole"),
        ({"columns": ["plan"], "checks": ["psy"]}, "checks[0]", "did you mean `psi`"),
        ({"columns": ["plan"], "checks": ["psi"]}, "checks[0]", "no monitor makes"),
        ({"columns": ["plan"], "most": 3}, "segments.most", ""),
    ],
)
def test_a_mistake_in_the_segments_is_told_where_it_stands(
    tmp_path: Path, segments: Any, where: str, said: str
) -> None:
    with pytest.raises(ConfigErrors) as error:
        read_config(written(tmp_path, segments), {})

    (told,) = error.value.errors
    assert where in told.path
    assert said in str(told)


def test_segments_take_values_lists_ranges_and_times(tmp_path: Path) -> None:
    where = {
        "paying": {"plan": ["plus", "pro"], "amount": {"at_least": 40, "below": 60.5}},
        "late": {"amount": {"below": 0}},
        "none": {"plan": None},
    }
    settings = read_config(written(tmp_path, {"where": where}), {})

    named = settings.models["churn"].declared.named
    assert ["paying", "late", "none"] == [segment.name for segment in named]
    assert ["plan in (plus, pro)", "amount in [40, 60.5)"] == [
        c.said for c in named[0].conditions
    ]
    assert ["plan = missing"] == [c.said for c in named[2].conditions]
    assert json.loads(json.dumps(settings.models["churn"].declared.to_list()))


def test_without_segments_nothing_is_asked_or_stored_of_them(tmp_path: Path) -> None:
    with small(tmp_path, today=START) as world:
        world.pass_day()
        (run,) = world.app.store.latest_runs()

    assert not [v for v in run.verdicts if v.segment is not None]


def test_the_worst_segment_is_searched_for_where_it_is_asked_for(
    tmp_path: Path,
) -> None:
    checks = {"worst_segment": {"smallest": 20}}
    with small(tmp_path, daily={"checks": checks, "min_rows": 50}) as world:
        world.pass_day()
        quiet = world.app.store.open_incidents("churn")
        for shift in (25.0, -25.0):
            world.pass_day(amount=moved(world.today, "basic", shift))
        (incident,) = world.app.store.open_incidents("churn")
        told = [
            json.dumps(posted.delivery.body) for posted in world.app.store.deliveries()
        ]

    assert [] == quiet
    assert incident.key.segment is None, "one incident, whichever segment is worst"
    assert incident.verdict.segment is not None
    assert "plan = basic" in incident.verdict.segment
    assert any(
        "worst segment: amount has changed most where plan = basic" in body
        for body in told
    )


def test_a_re_evaluation_judges_each_segment_too(tmp_path: Path) -> None:
    with small(tmp_path, **BY_PLAN) as world:
        for _ in range(3):
            table = rows(world.today)
            wrong = np.asarray(table["churned"]) ^ (
                np.asarray(table["plan"].to_pylist()) == "pro"
            )
            world.pass_day(churned=wrong.tolist())
        world.wait()
        found = world.app.reevaluate("churn", periods.parse("2026-03")).evaluation

    failed = {v.segment for v in found.verdicts if v.status is Status.FAIL}
    assert "plan = pro" in failed
    assert not {"plan = basic", "plan = plus"} & failed
    assert {None, "plan = basic", "plan = plus", "plan = pro"} == {
        v.segment for v in found.verdicts
    }


def test_the_segment_whose_labels_turn_round_is_searched_for(tmp_path: Path) -> None:
    checks = {"worst_segment_error": {"smallest": 40}}
    with small(tmp_path, daily={"checks": checks, "min_rows": 50}) as world:
        table = rows(world.today)
        inside = np.asarray(table["plan"].to_pylist()) == "basic"
        wrong = np.asarray(table["churned"]) ^ inside
        known = pa.array([world.today] * 400, pa.timestamp("us", "UTC"))
        world.pass_day(churned=wrong.tolist(), known_at=known)
        (found,) = verdicts(world)
        (incident,) = world.app.store.open_incidents("churn")
        late = [world.today + timedelta(days=9)] * 400
        world.pass_day(known_at=pa.array(late, pa.timestamp("us", "UTC")))
        (unlabelled,) = verdicts(world)

    assert Status.FAIL is found.status
    assert "plan = basic" in (found.segment or "")
    assert incident.key.segment is None
    assert (Status.UNKNOWN, "no labels have come yet") == (
        unlabelled.status,
        unlabelled.cause,
    )


def test_a_column_that_only_divides_must_be_in_the_data_too(tmp_path: Path) -> None:
    file = written(tmp_path, {"where": {"a": {"tier": "x"}}})
    tree = yaml.safe_load(file.read_text())
    tree["models"]["churn"]["columns"]["tier"] = {"role": "ignored"}
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    write(tmp_path / "reference-1.parquet", rows(START))
    log(tmp_path, START, rows(START))

    told = [str(problem.message) for problem in troubles(read_config(file, {}))]

    assert "there is no column 'tier' in reference" in told
    assert "there is no column 'tier' in source" in told


def test_editors_are_told_of_both_forms() -> None:
    forms = json_schema()["$defs"]["Segments"]["anyOf"]

    assert ["object", "array"] == [form["type"] for form in forms]
    assert {"columns", "top", "where", "min_rows", "checks"} == set(
        forms[0]["properties"]
    )
