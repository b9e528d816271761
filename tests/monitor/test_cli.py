"""The command line: what it prints, and how it exits, on files made to be awkward."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import structlog

from monitor.cli import main
from tests.monitor.production import (
    CITY,
    LIVE,
    SIZE,
    config,
    rows,
    serve_days,
    written,
)

Captured = pytest.CaptureFixture[str]
CONTRACT = {
    *("model", "model_version", "window", "reference", "status", "verdicts"),
    "incidents",
}
OF_A_VERDICT = {
    *("check", "family", "column", "segment", "status", "cause", "value", "low"),
    *("high", "p_value", "p_adjusted", "threshold", "n_reference", "n_current"),
}


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand in a folder of the test's own, and leave the log as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DRIFTD_LOG_LEVEL", raising=False)
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Write a config, its reference, and windows of each sort; return the config."""
    clean = rows(1_000, 2, start=LIVE, days=2)
    written(tmp_path / "clean.parquet", clean)
    written(tmp_path / "empty.parquet", clean.slice(0, 0))
    drifted = rows(1_000, 3, start=LIVE, days=2, shift=4.0)
    written(tmp_path / "drifted.parquet", drifted)
    return config(tmp_path)


def command(*arguments: str | Path) -> int:
    return main([str(one) for one in arguments])


def one_object(captured: Captured) -> dict[str, Any]:
    """Return what was printed, which must be one JSON object and nothing else."""

    def refuse(constant: str) -> None:
        msg = f"{constant} is not JSON"
        raise ValueError(msg)

    found = json.loads(captured.readouterr().out, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def only_line(captured: Captured) -> str:
    """Return the one line that was told on stderr, with nothing on stdout."""
    out, err = captured.readouterr()
    assert out == ""
    assert "Traceback" not in err
    (line,) = err.splitlines()
    return line


# ── init and check: the first five minutes ───────────────────────────────────────


def test_a_config_that_init_writes_is_checked_unchanged(tmp_path: Path) -> None:
    written(tmp_path / "a/R.parquet", rows(9_000, 1, days=30))
    written(tmp_path / "W.parquet", rows(1_000, 2, start=LIVE, days=2))
    line = (
        f"{sys.executable} -m monitor.cli init --reference a/R.parquet > c.yaml"
        f" && {sys.executable} -m monitor.cli validate c.yaml"
        f" && {sys.executable} -m monitor.cli check c.yaml --data W.parquet"
        " --format json > found.json"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert "c.yaml is valid" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["model"] == "r"
    assert {v["column"] for v in found["verdicts"]} >= {SIZE, CITY, "store id"}


def test_a_config_on_a_pipe_names_the_reference_by_its_whole_path(
    tmp_path: Path, capsys: Captured
) -> None:
    path = written(tmp_path / "R.parquet", rows(500, 1))

    assert command("init", "--reference", "R.parquet", "--label", "label") == 0
    assert f'path: "{path}"' in capsys.readouterr().out


def test_init_does_not_write_over_a_file_unless_it_is_told_to(
    tmp_path: Path, capsys: Captured
) -> None:
    written(tmp_path / "R.parquet", rows(500, 1))
    asked = ("init", "--reference", "R.parquet", "-o", "c.yaml")

    assert command(*asked) == 0
    (tmp_path / "c.yaml").write_text("mine")
    assert command(*asked) == 2
    assert (tmp_path / "c.yaml").read_text() == "mine"
    assert command(*asked, "--force") == 0
    assert "--force" in capsys.readouterr().err
    assert command("validate", "c.yaml") == 0


def test_a_clean_window_exits_0_with_one_object_of_the_contract(
    files: Path, capsys: Captured
) -> None:
    assert command("check", files, "--data", "clean.parquet", "--format", "json") == 0
    found = one_object(capsys)

    assert found.keys() >= CONTRACT
    assert all(verdict.keys() >= OF_A_VERDICT for verdict in found["verdicts"])
    assert found["window"]["start"] == "2026-09-01T00:00:00Z"
    assert found["window"]["rows"] == 1_000
    assert found["reference"]["rows"] == 9_000


def test_a_drifted_window_exits_1_and_blames_the_column_that_moved(
    files: Path, capsys: Captured
) -> None:
    assert command("check", files, "--data", "drifted.parquet", "--format", "json") == 1
    verdicts = one_object(capsys)["verdicts"]

    assert {v["column"] for v in verdicts if v["status"] == "FAIL"} == {SIZE}


def test_a_table_is_read_by_people_and_has_no_colours_on_a_pipe(
    files: Path, capsys: Captured
) -> None:
    assert command("check", files, "--data", "drifted.parquet") == 1
    out = capsys.readouterr().out

    assert "\x1b" not in out
    assert f"FAIL  {SIZE}" in out.replace("FAIL     ", "FAIL  ")
    assert out.splitlines()[-1].startswith("FAIL: 1 FAIL")
    assert not any(line.endswith(" ") for line in out.splitlines())


def test_an_answer_can_be_written_to_a_file(
    files: Path, tmp_path: Path, capsys: Captured
) -> None:
    asked = ("check", files, "--data", "drifted.parquet", "--format", "markdown")

    assert command(*asked, "-o", "found.md") == 1
    assert capsys.readouterr().out == ""
    assert (tmp_path / "found.md").read_text("utf-8").startswith("### driftd: FAIL")
    assert command(*asked, "-o", "nowhere/found.md") == 2
    assert "nowhere/found.md: it cannot be written" in only_line(capsys)


def test_rows_without_a_time_are_checked_whole(
    files: Path, tmp_path: Path, capsys: Captured
) -> None:
    table = rows(1_000, 2).drop_columns(["served_at", "label"])
    written(tmp_path / "timeless.parquet", table)

    assert command("check", files, "--data", "timeless.parquet", "--format=json") == 0
    window = one_object(capsys)["window"]
    assert (window["start"], window["end"], window["rows"]) == (None, None, 1_000)


def test_a_start_and_an_end_cut_a_window_out_of_the_data(
    files: Path, capsys: Captured
) -> None:
    asked = ("check", files, "--data", "clean.parquet", "--format", "json")

    assert command(*asked, "--start", "2026-09-01", "--end", "2026-09-02") == 0
    assert one_object(capsys)["window"]["rows"] == 500
    assert command(*asked, "--start", "2026-09-02T12:00:00Z") == 1
    found = one_object(capsys)
    assert found["window"]["end"] == "2026-09-03T12:00:00Z"
    failed = [v["check"] for v in found["verdicts"] if v["status"] == "FAIL"]
    assert failed == ["freshness"]  # the data end when half of this window has passed


def test_a_check_leaves_nothing_behind_but_the_cached_reference(
    files: Path, tmp_path: Path, capsys: Captured
) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    asked = ("check", files, "--data", "clean.parquet", "--format", "json")
    command(*asked)
    first = capsys.readouterr().out
    (kept,) = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert kept.is_relative_to(tmp_path / "cache/driftd")

    command(*asked)
    assert capsys.readouterr() == (first, "")
    kept.write_bytes(kept.read_bytes()[:-9])
    assert command(*asked) == 0
    out, err = capsys.readouterr()
    assert out == first
    assert "cached_baseline_damaged" in err


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda kept: kept[:-9], "truncated"),
        (lambda kept: kept[:7] + b"\x63\x00" + kept[9:], "written in format 99"),
        (lambda kept: kept[:-1] + bytes([kept[-1] ^ 1]), "checksum does not match"),
        (lambda _: b"PAR1", "this is no baseline of driftd's"),
    ],
)
def test_a_kept_baseline_that_cannot_be_read_is_named_with_the_cause_and_made_again(
    files: Path,
    tmp_path: Path,
    capsys: Captured,
    spoil: Callable[[bytes], bytes],
    cause: str,
) -> None:
    asked = ("check", files, "--data", "clean.parquet", "--format", "json")
    command(*asked)
    first = capsys.readouterr().out
    (kept,) = (p for p in (tmp_path / "cache/driftd").rglob("*") if p.is_file())
    whole = kept.read_bytes()
    kept.write_bytes(spoil(whole))

    assert command(*asked) == 0
    out, err = capsys.readouterr()
    assert out == first
    assert cause in err
    assert kept.name in err
    assert kept.read_bytes() == whole


def test_another_reference_is_not_mistaken_for_the_cached_one(
    files: Path, tmp_path: Path
) -> None:
    asked = ("check", files, "--data", "drifted.parquet")
    assert command(*asked) == 1
    written(tmp_path / "reference.parquet", rows(8_000, 9, days=30, shift=4.0))
    assert command(*asked) == 0


# ── what could not be evaluated ──────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["empty", "few"])
def test_rows_that_say_nothing_exit_3(
    name: str, files: Path, tmp_path: Path, capsys: Captured
) -> None:
    written(tmp_path / "few.parquet", rows(9, 2, start=LIVE))

    assert command("check", files, "--data", f"{name}.parquet", "--format=json") == 3
    assert one_object(capsys)["status"] == "UNKNOWN"


def test_data_that_is_missing_exits_3_and_still_is_one_object(
    files: Path, capsys: Captured
) -> None:
    assert command("check", files, "--data", "nope.parquet", "--format", "json") == 3
    out, err = capsys.readouterr()
    found = json.loads(out)

    assert err.startswith("driftd: ")
    assert "nope.parquet: there is no such file. Fix: " in err
    assert found.keys() >= CONTRACT
    assert {v["status"] for v in found["verdicts"]} == {"UNKNOWN"}
    assert "nope.parquet" in found["verdicts"][0]["cause"]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("missing", lambda t: t.drop_columns([CITY])),
        ("wrong type", lambda t: _replaced(t, CITY, pa.array([[1]] * t.num_rows))),
    ],
)
def test_one_bad_column_never_takes_the_verdicts_of_the_others(
    name: str, broken: Any, files: Path, tmp_path: Path, capsys: Captured
) -> None:
    written(tmp_path / f"{name}.parquet", broken(rows(1_000, 3, shift=4.0)))

    assert command("check", files, "--data", f"{name}.parquet", "--format=json") == 1
    verdicts = one_object(capsys)["verdicts"]
    of_city = [v for v in verdicts if v["column"] == CITY]
    assert of_city
    assert {v["status"] for v in of_city} == {"UNKNOWN"}
    assert all(v["cause"] for v in of_city)
    failed = {(v["column"], v["check"]) for v in verdicts if v["status"] == "FAIL"}
    assert {column for column, _ in failed} >= {SIZE, None}
    passed = {v["column"] for v in verdicts if v["status"] == "PASS"}
    assert passed >= {"store id", "on", "since", "score"}


def _replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.names.index(name), name, values)


# ── mistakes of the user's ───────────────────────────────────────────────────────


def test_a_mistake_is_one_line_with_its_fix(files: Path, capsys: Captured) -> None:
    mistakes: list[tuple[list[str | Path], str]] = [
        (["check", "nope.yaml"], "nope.yaml: there is no such file. Fix: "),
        (["check", files, "--start", "soon"], "--start: 'soon' is no time. Fix: "),
        (["check", files, "--model", "shp"], "did you mean `shop`?"),
        (["check", files, "--monitor", "x"], "the monitors are: daily."),
        (
            ["check", files, "--start", "2026-09-02", "--end", "2026-09-01"],
            "Fix: give an end after the start.",
        ),
        (["evaluate", files, "--period", "soon"], "--period: 'soon' is no period."),
        (["run", files, "--now", "late"], "--now: 'late' is no time."),
        (["test-action", files, "team"], "there is no action 'team'"),
        (["init", "--reference", "nope.parquet"], "there is no such file. Fix: "),
        (
            ["init", "--reference", "clean.parquet", "--label", "scor"],
            "did you mean `score`?",
        ),
    ]
    for arguments, told in mistakes:
        assert command(*arguments) == 2, arguments
        assert told in only_line(capsys)


def test_an_option_that_is_not_there_exits_2(files: Path, capsys: Captured) -> None:
    assert command("check", files, "--dta", "x") == 2
    assert "--dta" in capsys.readouterr().err


def test_a_broken_config_is_told_whole_each_mistake_with_file_path_and_fix(
    files: Path, capsys: Captured
) -> None:
    text = files.read_text("utf-8")
    text = text.replace("window: 1d", "widow: 1d").replace(
        "evaluation: {period: month}", 'evaluation: {schedule: "61 * * * *"}'
    )
    files.write_text(text, "utf-8")

    for name in ("validate", "check", "run", "serve", "incidents"):
        assert command(name, files) == 2
        out, err = capsys.readouterr()
        assert out == ""
        lines = err.splitlines()
        assert all(line.startswith(f"{files}: models.shop.") for line in lines)
        assert any("widow" in line and "Fix: did you mean" in line for line in lines)
        assert any("'61 * * * *' is not a cron line" in line for line in lines)


def test_what_needs_a_schedule_refuses_a_model_without_a_time(
    files: Path, capsys: Captured
) -> None:
    files.write_text(files.read_text("utf-8").replace("role: timestamp", "role: id"))
    text = files.read_text("utf-8").replace('"pred_id": {role: id}', "")
    files.write_text(text, "utf-8")

    for name in ("run", "serve", "check"):
        assert command(name, files) == 2
        assert "no column has the role timestamp" in only_line(capsys)
    assert command("check", files, "--data", "clean.parquet") == 0


def test_validate_looks_into_the_data_when_it_is_asked_to(
    files: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert command("validate", files) == 0
    told = "(7 columns with labels; daily) and tells nobody.\n"
    assert capsys.readouterr().out.endswith(told)

    assert command("validate", files, "--data") == 2
    err = capsys.readouterr().err
    assert "models.shop.source: " in err
    assert "models.shop.labels.source: " in err

    serve_days(tmp_path, 1)
    assert command("validate", files, "--data") == 0
    text = files.read_text("utf-8").replace(
        '"on": {kind: boolean}', "unnamed: {kind: numeric}"
    )
    files.write_text(text, "utf-8")
    capsys.readouterr()
    assert command("validate", files, "--data") == 2
    err = capsys.readouterr().err
    assert "there is no column 'unnamed' in reference" in err
    assert "the reference's column 'on' is not named" in err


# ── run, evaluate, and a look at what they left ──────────────────────────────────


def test_run_evaluates_each_due_window_once_and_says_how_it_went(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path, actions="{journal: {type: log}}", tells=["journal"])
    serve_days(tmp_path, 4, drifted=3)
    asked = ("run", path, "--format", "json")

    assert command(*asked, "--now", "2026-09-02T01:00:00Z") == 0
    assert len(one_object(capsys)["runs"]) == 1

    assert command(*asked, "--now", "2026-09-05T01:00:00Z") == 1
    found = one_object(capsys)
    assert found["status"] == "FAIL"
    assert [run["window"]["start"][:10] for run in found["runs"]] == [
        "2026-09-02",
        "2026-09-03",
        "2026-09-04",
    ]
    assert all(run.keys() >= CONTRACT for run in found["runs"])
    assert [len(run["incidents"]) for run in found["runs"]] == [0, 0, 1]
    assert found["deliveries"]["delivered"] == 1

    assert command(*asked, "--now", "2026-09-05T02:00:00Z") == 0
    assert one_object(capsys)["runs"] == []

    assert command("incidents", path) == 0
    told = capsys.readouterr().out
    assert "firing" in told
    assert "journal" in told
    assert command("incidents", path, "--format", "json") == 0
    (incident,) = one_object(capsys)["incidents"]
    assert (incident["column"], incident["told"]) == (SIZE, ["journal"])
    assert command("deliveries", path) == 0
    assert "delivered" in capsys.readouterr().out
    assert command("retrainings", path) == 0
    assert capsys.readouterr().out == "There are no retrainings.\n"


def test_an_unreachable_webhook_loses_nothing_and_is_no_error_of_the_run(
    tmp_path: Path, capsys: Captured
) -> None:
    hook = "{hook: {type: webhook, url: 'http://127.0.0.1:9/hook'}}"
    path = config(tmp_path, actions=hook, tells=["hook"])
    serve_days(tmp_path, 1, drifted=0)

    assert command("run", path, "--now", "2026-09-02T01:00:00Z") == 1
    out, err = capsys.readouterr()
    assert "1 delivery: 1 to be tried again" in out
    assert "Traceback" not in err
    # The window fired, and its report is where the line says.
    (told,) = (line for line in out.splitlines() if line.startswith("report: "))
    assert str(tmp_path / "reports/shop/daily") in told
    assert Path(told.removeprefix("report: ")).is_file()
    assert command("deliveries", path, "--format", "json") == 0
    (waiting,) = one_object(capsys)["deliveries"]
    assert (waiting["outcome"], waiting["attempts"]) == ("pending", 1)
    assert command("test-action", path, "hook") == 2
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_a_due_window_that_cannot_be_read_yet_exits_3_and_stays_due(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)
    asked = ("run", path, "--now", "2026-09-02T01:00:00Z")

    assert command(*asked) == 3
    assert "the next run tries again" in " ".join(capsys.readouterr().out.split())
    serve_days(tmp_path, 1)
    assert command(*asked) == 0


def test_evaluate_tells_every_metric_beside_the_looks_before(
    tmp_path: Path, capsys: Captured
) -> None:
    path = config(tmp_path)
    serve_days(tmp_path, 3)
    asked = ("evaluate", path, "--period", "2026-09")

    assert command(*asked) == 0
    out = capsys.readouterr().out
    assert "revision 1" in out
    assert "900 of 900 rows have labels (100 %)" in out
    assert "ROC AUC" in out

    assert command(*asked) == 0
    assert "since revision 1" in capsys.readouterr().out
    assert command(*asked, "--format", "json") == 0
    found = one_object(capsys)
    assert found["revision"] == 3
    assert found["metrics"]["accuracy"].keys() == {"value", "low", "high", "n"}
    assert command("evaluate", path, "--period", "2026-10") == 3


def test_the_version_is_told(capsys: Captured) -> None:
    assert command("--version") == 0
    assert capsys.readouterr().out.startswith("driftd ")


def test_a_reader_that_leaves_early_is_no_error(files: Path, tmp_path: Path) -> None:
    line = (
        f"{sys.executable} -m monitor.cli check {files} --data drifted.parquet"
        " --format json | true"
    )
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def without_pandas(first: str) -> list[str]:
    """Run a few lines in a process of their own and return what they print."""
    code = f"""
import sys
import pyarrow as pa
from monitor.cli import lean
{first}
pa.scalar(1.5), pa.array([1.0, None])
print("pandas" in sys.modules)
import pandas as pd
print(len(pd.Series([1.0])), pa.array(pd.Series([1.0, 2.0])).to_pylist())
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return ran.stdout.splitlines()


def test_pandas_is_left_out_until_somebody_asks_for_it() -> None:
    assert ["True", "1 [1.0, 2.0]"] == without_pandas("")
    assert ["False", "1 [1.0, 2.0]"] == without_pandas("lean.leave_pandas_out()")


NEEDLESS = {
    *("alembic", "apscheduler", "asyncio", "duckdb", "fastapi", "httpx", "numpy.f2py"),
    *("numpy.ma", "numpy.random", "numpy.testing", "pandas", "scipy.linalg"),
    *("scipy.stats", "sklearn", "slack_sdk", "sqlalchemy", "structlog", "uvicorn"),
}
"""What takes long to import, and no standard check of a file makes use of."""


def test_a_check_imports_no_more_than_it_uses(files: Path) -> None:
    code = """
import sys
from monitor.cli import main
code = main()
print("imported:", *sys.modules)
sys.exit(code)
"""
    check = ("check", str(files), "--data", "clean.parquet")
    command(*check)  # from now on its reference is known
    ran = subprocess.run(
        [sys.executable, "-c", code, *check],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert NEEDLESS & {*ran.stdout.splitlines()[-1].split()} == set()
