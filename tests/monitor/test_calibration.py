"""`driftd calibrate`, and the note of a window too small, as users meet them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from monitor.cli import main
from tests.monitor.production import CITY, LIVE, SIZE, config, rows, written

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DRIFTD_LOG_LEVEL", raising=False)
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def command(*arguments: str | Path) -> int:
    return main([str(one) for one in arguments])


def calibrated(captured: Captured, *arguments: str | Path) -> dict[str, Any]:
    """Run `calibrate` and return its one JSON object."""
    assert command("calibrate", *arguments, "--format", "json") == 0
    found = json.loads(captured.readouterr().out)
    assert isinstance(found, dict)
    return found


def seen(found: dict[str, Any], check: str, column: str) -> dict[str, Any]:
    (one,) = (
        c for c in found["checks"] if (c["check"], c["column"]) == (check, column)
    )
    return dict(one)


def test_the_budget_becomes_a_level_and_false_alarms_a_quarter(
    tmp_path: Path, capsys: Captured
) -> None:
    found = calibrated(capsys, config(tmp_path))

    # Once in 90 daily windows, less three months' re-evaluations at one in twenty each;
    # a window of the reference has 300 rows.
    level = (1 - 0.05 * 90 / (365.25 / 12)) / 90
    assert found["rows"] == 300
    assert found["window_level"] == pytest.approx(level)
    assert found["false_alarms_per_quarter"] == pytest.approx(365.25 / 4 * level)
    assert found["check_level"] == pytest.approx(level / found["checks_in_family"])
    assert found["delay_windows"] == pytest.approx(1.25)
    size = seen(found, "wasserstein", SIZE)
    assert 0.1 < size["smallest_shift"] < 1.0
    assert size["unit"] == "standard deviations"
    assert seen(found, "jensen_shannon", CITY)["unit"] == "distance"
    assert 0.0 < seen(found, "missing", SIZE)["smallest_shift"] < 0.3


def test_the_number_of_rows_is_told_in_factors_of_the_usual_one(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = config(tmp_path)
    found = seen(calibrated(capsys, path), "volume", "")

    assert found["unit"] == "times the usual rows"
    assert 2.0 < found["smallest_shift"] < 3.0
    # A window with so many rows more, or fewer, is noticed, and one with less is not.
    days = (f"{LIVE:%Y-%m-%d}", f"{LIVE + timedelta(days=1):%Y-%m-%d}")
    for factor, fails in ((found["smallest_shift"], True), (1.9, False)):
        for n in (round(300 * factor), round(300 / factor)):
            written(tmp_path / "day.parquet", rows(n, 3, start=LIVE))
            asked = ("--start", days[0], "--end", days[1], "--data", "day.parquet")
            command("check", path, *asked, "--format", "json")
            (told,) = (
                v
                for v in json.loads(capsys.readouterr().out)["verdicts"]
                if v["check"] == "volume"
            )
            assert (told["status"] == "FAIL") is fails, n

    assert command("calibrate", path) == 0
    shown = capsys.readouterr().out
    assert "(table)" in shown
    assert "or 0.4" in shown
    assert "times the usual rows" in shown


def test_more_rows_let_a_smaller_shift_be_caught(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)
    few = calibrated(capsys, path, "--rows", "200")
    many = calibrated(capsys, path, "--rows", "5000")

    first = seen(few, "wasserstein", SIZE)["smallest_shift"]
    assert seen(many, "wasserstein", SIZE)["smallest_shift"] < first


def test_two_of_three_windows_take_longer_and_are_said_in_words(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("min_rows: 100", "min_rows: 100, for: 2, of: 3"), encoding="utf-8"
    )
    found = calibrated(capsys, path)

    assert found["delay_windows"] > 2.0
    assert "2 failing windows among 3" in found["policy"]["said"]


def test_columns_that_can_never_fire_come_with_the_window_that_would_do(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = config(tmp_path)
    every = calibrated(capsys, path, "--rows", "50")["checks"]
    mute = [c for c in every if c["check"] != "volume"]

    assert {c["can_fire"] for c in mute} == {False}
    assert {c["smallest_shift"] for c in mute} == {None}
    assert seen({"checks": mute}, "missing", SIZE)["rows_needed"] == 100
    assert "UNKNOWN" in mute[0]["cause"]

    assert command("calibrate", path, "--rows", "50") == 0
    shown = capsys.readouterr().out
    assert "never fires" in shown
    assert "100 rows" in shown


def test_the_table_names_every_column_and_what_is_not_computed(
    tmp_path: Path, capsys: Captured
) -> None:
    assert command("calibrate", config(tmp_path)) == 0

    shown = capsys.readouterr().out
    assert SIZE in shown
    assert "standard deviations" in shown
    assert "quarter" in shown
    assert "Not computed" in shown


def test_a_reference_without_time_needs_the_rows_to_be_said(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("role: timestamp", "role: ignored"), encoding="utf-8")

    assert command("calibrate", path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--rows" in err
    assert calibrated(capsys, path, "--rows", "400")["rows"] == 400


def test_mistakes_and_a_missing_reference_exit_as_everywhere(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)

    assert command("calibrate", path, "--model", "shap") == 2
    assert command("calibrate", path, "--rows", "0") == 2
    (tmp_path / "reference.parquet").unlink()
    assert command("calibrate", path) == 3
    assert capsys.readouterr().out == ""


def test_check_warns_of_a_window_too_small_to_ever_fire(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("min_rows: 100", "min_rows: 1"), encoding="utf-8")
    written(tmp_path / "few.parquet", rows(3, 2, start=LIVE))
    written(tmp_path / "many.parquet", rows(900, 2, start=LIVE))

    command("check", path, "--data", "few.parquet", "--format", "json")
    few = json.loads(capsys.readouterr().out)["notes"]
    command("check", path, "--data", "many.parquet", "--format", "json")
    many = json.loads(capsys.readouterr().out)["notes"]

    assert any("too small" in note and "calibrate" in note for note in few)
    assert not any("too small" in note for note in many)
    command("check", path, "--data", "few.parquet")
    assert "note: the window is too small" in capsys.readouterr().out
