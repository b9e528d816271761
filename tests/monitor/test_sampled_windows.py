"""A sampled model in the daemon: what is judged, what is told, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from checks.verdict import Status
from monitor.errors import ConfigErrors
from monitor.opening import read_config
from tests.monitor.world import Small, config, rows, small

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
        ({"rate": 0}, "0 does not fit: it should be greater than 0"),
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
