"""What is told beside verdicts: segments too small, values mistyped, peers' rules."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

from checks.example import reference
from checks.schema import Column, Kind
from checks.segment import Condition, Declared, Segment
from monitor.absent import absent
from monitor.cli import main
from tests.monitor.world import START, config, rows, small, write

Captured = pytest.CaptureFixture[str]
HERE = (f"{START:%Y-%m-%d}", "2026-03-02")


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "240")
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def logged(folder: Path, **changes: Any) -> Path:
    """Write a reference, a day's log and a config; return the config."""
    with small(folder, **changes) as world:
        world.pass_day()
    return folder / "driftd.yaml"


def said(captured: Captured, *arguments: str | Path) -> str:
    """Run a command and return what it prints."""
    captured.readouterr()
    assert main([str(one) for one in arguments]) == 0
    return captured.readouterr().out


def told(captured: Captured, *arguments: str | Path) -> dict[str, Any]:
    """Run a command and return its JSON object."""
    found = json.loads(said(captured, *arguments, "--format", "json"))
    assert isinstance(found, dict)
    return found


FEW = {
    "dear": {"amount": {"at_least": 78}},
    "cheap": {"amount": {"below": 24}},
    "gone": {"plan": "enterprise"},
}


def test_segments_with_too_few_rows_are_one_line_with_their_names(
    tmp_path: Path, capsys: Captured
) -> None:
    segments = {"columns": ["plan"], "where": FEW, "min_rows": 30}
    path = logged(tmp_path, model={"segments": segments})

    shown = said(capsys, "check", path, "--start", HERE[0], "--end", HERE[1])
    lines = [line for line in shown.splitlines() if line.startswith("UNKNOWN")]

    (line,) = lines
    assert "3 segments" in line
    for part in ("cheap (", "dear (", "gone (reference: 0)", "at least 30 are needed"):
        assert part in line


def test_segments_in_which_nothing_could_fail_are_one_note(
    tmp_path: Path, capsys: Captured
) -> None:
    where = {k: FEW[k] for k in ("dear", "cheap")}
    segments = {"columns": ["plan"], "where": where, "min_rows": 1}
    path = logged(tmp_path, model={"segments": segments})

    notes = told(capsys, "check", path, "--start", HERE[0], "--end", HERE[1])["notes"]

    (note,) = (note for note in notes if "segment" in note)
    assert note.startswith("2 segments are too small for any of their checks")
    assert "cheap" in note
    assert "dear" in note
    assert "plan = basic" not in note


def test_calibrate_names_the_segments_that_can_never_fire(
    tmp_path: Path, capsys: Captured
) -> None:
    segments = {"columns": ["plan"], "where": FEW, "min_rows": 30}
    path = logged(tmp_path, model={"segments": segments})

    every = told(capsys, "calibrate", path)["segments_too_small"]
    found = {s["segment"]: s for s in every}
    assert {"dear", "cheap", "gone"} == set(found)
    assert found["gone"]["rows_needed"] is None
    assert found["gone"]["cause"] == "0 rows in the reference, and 30 are needed"
    # With as many rows as are said to do, the segment is no longer named.
    enough = found["dear"]["rows_needed"]
    again = told(capsys, "calibrate", path, "--rows", str(enough))["segments_too_small"]
    assert "dear" not in {s["segment"] for s in again}
    fewer = told(capsys, "calibrate", path, "--rows", str(enough - 400))
    assert "dear" in {s["segment"] for s in fewer["segments_too_small"]}

    shown = said(capsys, "calibrate", path)
    assert "3 segments can never fire in such a window" in shown


def test_calibrate_finds_the_rows_at_which_a_segment_without_a_minimum_can_fire(
    tmp_path: Path, capsys: Captured
) -> None:
    segments = {"where": {"dear": FEW["dear"]}, "min_rows": 1}
    path = logged(tmp_path, model={"segments": segments})

    (dear,) = told(capsys, "calibrate", path)["segments_too_small"]
    assert dear["rows_needed"] > 400
    at = told(capsys, "calibrate", path, "--rows", str(dear["rows_needed"]))
    below = told(capsys, "calibrate", path, "--rows", str(dear["rows_needed"] - 200))
    assert [] == at["segments_too_small"]
    assert 1 == len(below["segments_too_small"])


TYPED = {
    "a": {"plan": "basci"},
    "b": {"plan": ["plus", "PRO"]},
    "c": {"plan": "zzzz"},
    "d": {"plan": None},
}


def test_a_value_that_the_reference_has_not_is_told_with_the_nearest(
    tmp_path: Path, capsys: Captured
) -> None:
    path = logged(tmp_path, model={"segments": {"where": TYPED, "min_rows": 30}})
    expected = [
        "segment a: the reference has no plan 'basci'; did you mean 'basic'?",
        "segment b: the reference has no plan 'PRO'; did you mean 'pro'?",
        "segment c: the reference has no plan 'zzzz'; it has 'basic', 'plus', 'pro'",
    ]

    notes = told(capsys, "check", path, "--start", HERE[0], "--end", HERE[1])["notes"]
    assert expected == [note for note in notes if "the reference has no" in note]

    days = rows(START).drop_columns(["known_at"])
    write(tmp_path / "reference-1.parquet", days)
    lines = said(capsys, "validate", path, "--data").splitlines()
    assert "is valid" in lines[0]
    prefix = "note: models.churn.segments.where: "
    assert [prefix + note for note in expected] == lines[1:]
    assert "note" not in said(capsys, "validate", path)


def test_the_daemon_says_it_once_when_the_reference_is_frozen(tmp_path: Path) -> None:
    segments = {"where": {"a": TYPED["a"]}, "min_rows": 30}
    with (
        structlog.testing.capture_logs() as log,
        small(tmp_path, model={"segments": segments}) as world,
    ):
        world.pass_day()
        world.pass_day()

    (line,) = (event for event in log if event["event"] == "segment_value_absent")
    assert "did you mean 'basic'?" in line["note"]
    assert line["model"] == "churn"


def test_levels_that_are_too_many_to_be_known_are_not_spoken_of() -> None:
    column = Column(name="x", kind=Kind.CATEGORICAL)
    asked = Condition(column=column.name, kind=column.kind, levels=("nowhere",))
    declared = Declared(columns={}, named=(Segment(name="s", conditions=(asked,)),))

    few = reference({"x": [f"v{i}" for i in range(9)]}).bins.divided(declared)
    many = reference({"x": [f"v{i}" for i in range(2_000)]}).bins.divided(declared)
    other = reference({"y": ["a", "b"]}).bins.divided(declared)

    assert ["v0', 'v1', 'v2', 'v3', 'v4' and 4 more"] == [
        note.partition("it has '")[2] for note in absent(few)
    ]
    assert [] == list(absent(many))
    assert [] == list(absent(other))


def preset(folder: Path, **daily: Any) -> Path:
    """Write a config whose monitor has a preset."""
    days = rows(START, 2_000)
    write(folder / "reference-1.parquet", days)
    (folder / "version.txt").write_text("1")
    path = folder / "driftd.yaml"
    tree = config(daily={"preset": "evidently-0.7", **daily})
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path


def test_of_a_preset_alone_calibrate_says_that_its_rule_decides(
    tmp_path: Path, capsys: Captured
) -> None:
    path = preset(tmp_path)
    shown = said(capsys, "calibrate", path)

    assert "4 checks follow evidently-0.7's own rule" in shown
    assert "Computed: nothing." in shown
    assert "checks: default" in shown
    assert "effective rows" not in shown, "an empty table says nothing"
    assert "fail by chance" not in shown
    found = told(capsys, "calibrate", path)
    for key in ("rows", "false_alarms_per_quarter", "window_level", "check_level"):
        assert found[key] is None, key
    assert 4 == found["checks_by_a_peers_rule"]
    assert "evidently-0.7" == found["preset"]


def test_of_a_preset_beside_the_standard_suite_both_are_told(
    tmp_path: Path, capsys: Captured
) -> None:
    path = preset(tmp_path, checks="default")

    shown = said(capsys, "calibrate", path, "--rows", "400")
    assert "4 checks follow evidently-0.7's own rule" in shown
    assert "standard deviations" in shown
    assert told(capsys, "calibrate", path, "--rows", "400")["check_level"] > 0
