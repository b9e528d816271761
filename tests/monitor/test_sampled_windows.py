"""A sampled model in the daemon: what is judged, what is told, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from checks.column import LevelProfile
from checks.interval import wilson
from checks.outcomes import BinaryOutcomes
from checks.schema import Role
from checks.verdict import Status
from checks.weight import WEIGHT
from monitor.cli import main
from monitor.comparison import build_baseline
from monitor.errors import ConfigErrors
from monitor.inference import Facts, infer
from monitor.inspection import troubles
from monitor.opening import read_config
from monitor.sources.base import open_source
from monitor.window import Window
from tests.monitor.world import DAY, START, Small, config, rows, small, write

HALF: dict[str, Any] = {"model": {"sampling": {"rate": 0.5}}}
UNEVEN: dict[str, Any] = {
    "model": {
        "sampling": {"rate": 0.3, "always_keep": [{"score": {"at_least": 0.8}}]},
        "segments": {"columns": ["plan"], "min_rows": 20},
    }
}


def run(world: Small) -> Any:
    (found,) = world.app.store.latest_runs()
    return found


@pytest.mark.parametrize("changes", [HALF, UNEVEN])
def test_days_in_which_nothing_changes_are_quiet(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with small(tmp_path, **changes) as world:
        for _ in range(3):
            world.pass_day()
            told = {v.check: v for v in run(world).verdicts if v.segment is None}
            assert Status.FAIL not in {v.status for v in told.values()}
        volume, accuracy = told["volume"].statistic, told["accuracy"].statistic
    assert volume is not None
    assert volume.n_current < 300
    assert volume.at_current == pytest.approx(400, rel=0.25)
    assert accuracy is None or accuracy.n_current < 300


def test_a_shift_is_found_in_a_sample(tmp_path: Path) -> None:
    with small(tmp_path, **UNEVEN) as world:
        world.pass_day(shift=12.0)
        failing = {
            (v.check, v.column)
            for v in run(world).verdicts
            if v.status is Status.FAIL and v.segment is None
        }
    assert ("wasserstein", "amount") in failing
    assert all(column == "amount" for _, column in failing)


def refused(tmp_path: Path, sampling: Any, **model: Any) -> str:
    file = tmp_path / "driftd.yaml"
    changes = {"model": {"sampling": sampling, **model}}
    file.write_text(yaml.safe_dump(config(**changes)))
    with pytest.raises(ConfigErrors) as caught:
        read_config(file, {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("sampling", "told"),
    [
        ({}, "at a rate, or so many in a stretch of time"),
        ({"rate": 0.1, "rows": "10 per 1h"}, "at a rate, or so many in a stretch"),
        ({"rate": 0}, "it should be greater than or equal to 0.000001"),
        ({"rate": 1e-9}, "it should be greater than or equal to 0.000001"),
        ({"rate": 1.5}, "1.5 does not fit: it should be less than or equal to 1"),
        ({"rows": "many"}, "'many' is not a budget"),
        ({"rate": 0.1, "by": "idd"}, "there is no column 'idd'"),
        (
            {"rows": "10 per 1h", "stratify": {"by": "plan", "rates": {"pro": 1}}},
            "limits every part alike, and `rates` are given too",
        ),
        ({"rate": 0.1, "stratify": "score"}, "numbers are cut"),
        ({"rate": 0.1, "stratify": {"by": "plan", "at": [1]}}, "levels are not cut"),
        (
            {
                "rate": 0.1,
                "stratify": {"by": "score", "at": [0.2, 0.5], "rates": [0.1, 1]},
            },
            "2 cuts make 3 parts, and 2 rates are given",
        ),
        ({"rate": 0.1, "always_keep": [{"churned": True}]}, "with the role label"),
        ({"rate": 0.1, "always_keep": [{"plna": "pro"}]}, "there is no column 'plna'"),
    ],
)
def test_a_contradiction_is_one_clear_error(
    tmp_path: Path, sampling: Any, told: str
) -> None:
    said = refused(tmp_path, sampling)
    assert told in said
    assert "models.churn.sampling" in said
    assert said.count("driftd.yaml: models.") == 1


def test_the_weight_of_a_row_may_come_with_it(tmp_path: Path) -> None:
    """A gateway logs one row in four of the cheap plans, and says so."""
    columns = dict(config()["models"]["churn"]["columns"])
    columns["fraction"] = {"role": "sampling_fraction"}
    off = dict.fromkeys(("labels", "recomputed", "evaluation"))
    with small(tmp_path, model={"columns": columns, **off}) as world:
        table = rows(world.today, 4000)
        rate = np.where(np.asarray(table["plan"].to_pylist()) == "basic", 0.25, 1.0)
        kept = np.random.default_rng(1).random(4000) < rate
        table = table.append_column("fraction", pa.array(rate)).filter(pa.array(kept))
        path = tmp_path / "log" / "date=2026-03-01" / "part.parquet"
        path.parent.mkdir(parents=True)
        pa.parquet.write_table(table, path)
        world.wait()
        told = {(v.check, v.column): v for v in run(world).verdicts}
    plan = told["jensen_shannon", "plan"]
    assert plan.status is Status.PASS
    assert plan.statistic is not None
    assert plan.statistic.n_current == kept.sum()


def test_earlier_windows_of_a_sampled_stream_are_a_reference_too(
    tmp_path: Path,
) -> None:
    daily = {"reference": {"trailing": "3d"}}
    with small(tmp_path, daily=daily, **UNEVEN) as world:
        for _ in range(4):
            world.pass_day()
            assert Status.FAIL not in {v.status for v in run(world).verdicts}
        world.pass_day(shift=15.0)
        failing = {v.check for v in run(world).verdicts if v.status is Status.FAIL}
    assert "wasserstein" in failing


def checked(
    folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> dict[str, Any]:
    """Return what `driftd check` says as JSON."""
    asked = ["check", str(folder / "driftd.yaml"), "--format", "json", *arguments]
    capsys.readouterr()
    assert main(asked) in {0, 1}
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_a_check_tells_how_many_rows_there_were_and_how_many_it_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small(tmp_path, **HALF) as world:
        world.pass_day()
    span = ("--start", "2026-03-01", "--end", "2026-03-02")
    window = checked(tmp_path, capsys, *span)["window"]
    assert window["sampled"] < 260
    assert window["rows"] == 2 * window["sampled"]
    file = str(tmp_path / "log" / "date=2026-03-01" / "part.parquet")
    whole = checked(tmp_path, capsys, "--data", file)["window"]
    assert whole["sampled"] == window["sampled"]


def test_a_reference_may_be_a_sample_as_well(tmp_path: Path) -> None:
    """Of the reference three rows in ten of the basic plan were kept."""
    columns = dict(config()["models"]["churn"]["columns"])
    columns["weight"] = {"role": "weight"}
    table = pa.concat_tables(rows(START - k * DAY, 1500, 1) for k in range(30, 0, -1))
    cheap = np.asarray(table["plan"].to_pylist()) == "basic"
    rate = np.where(cheap, 0.3, 1.0)
    kept = np.random.default_rng(2).random(len(rate)) < rate
    table = table.append_column("weight", pa.array(1 / rate)).filter(pa.array(kept))
    write(tmp_path / "reference-1.parquet", table)
    (tmp_path / "version.txt").write_text("1")
    daily = {"checks": {"default": True, "volume": False}}
    with small(tmp_path, model={"columns": columns}, daily=daily) as world:
        world.pass_day()
        quiet = {v.status for v in run(world).verdicts}
        section = world.app.config.models["churn"]
    assert Status.FAIL not in quiet
    source = open_source(section.reference, timestamp=None, version="1")
    known = build_baseline(source, section, DAY)
    plan = known.reference.profile.columns["plan"]
    assert plan.weighted is not None
    assert isinstance(plan, LevelProfile)
    basic = plan.bins.position["basic"]
    share = plan.weighted.counts[basic] / plan.weighted.valued.total
    assert share == pytest.approx(0.6, abs=0.01)
    plans = known.sample["plan"].to_pylist()
    assert plans.count("basic") / len(plans) == pytest.approx(0.6, abs=0.03)
    assert isinstance(known.outcomes, BinaryOutcomes)
    assert known.outcomes.rows == pytest.approx(45_000 * 0.3, rel=0.03)


def test_a_weight_that_stays_away_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = dict(config()["models"]["churn"]["columns"])
    columns["weight"] = {"role": "weight"}
    with small(tmp_path, model={"columns": columns}) as world:
        world.pass_day()
    span = ("--start", "2026-03-01", "--end", "2026-03-02")
    notes = checked(tmp_path, capsys, *span)["notes"]
    assert any("there is no column weight, which says how many" in n for n in notes)
    found = troubles(read_config(tmp_path / "driftd.yaml", {}))
    told = [problem.message for problem in found]
    assert any("there is no column 'weight' in source" in one for one in told)


def test_a_column_of_weights_is_known_by_its_name() -> None:
    column = pa.chunked_array([[1.0, 10.0, 10.0]])
    (guess,) = infer([Facts.of(WEIGHT, column)], {})
    assert guess.role is Role.WEIGHT


def test_an_evaluation_of_a_sample_is_as_unsure_as_its_weights_are(
    tmp_path: Path,
) -> None:
    with small(tmp_path, **UNEVEN) as world:
        world.pass_day()
        day = Window(START, START + DAY)
        body = world.app.reevaluate("churn", day).evaluation.body
    found = body["metrics"]["accuracy"]
    low, high = wilson(found["value"] * found["n"], found["n"])
    serial = body["design_effects"].get("accuracy", 1.0)
    assert found["high"] - found["low"] > 1.1 * (high - low) * serial**0.5
