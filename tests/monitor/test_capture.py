"""Capture in the daemon: a log that loses rows, and counters that know of them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pytest
import yaml
from prometheus_client.exposition import generate_latest

from checks.profile import Bins
from checks.quality.completeness import completeness
from checks.schema import Schema
from checks.traffic import Traffic
from checks.verdict import Status, Verdict
from monitor.capture import captured
from monitor.config import Model, Plugin
from monitor.config.capture import Capture
from monitor.errors import ConfigErrors
from monitor.feeds import Feeds
from monitor.metrics import Collector, Daemon, Snapshot, Standing, registry
from monitor.opening import read_config
from monitor.sources.base import open_source
from monitor.window import Window
from tests.monitor.world import DAY, START, Small, config, log, rows, small, write

COUNTED: dict[str, Any] = {
    "counters": {"source": {"type": "csv", "path": "counters/*.csv"}}
}


def verdict(world: Small, check: str) -> Verdict:
    (run,) = world.app.store.latest_runs()
    (found,) = [v for v in run.verdicts if v.check == check]
    return found


def count(folder: Path, table: pa.Table, **more: int) -> None:
    """Write the counters of a day, hour by hour, as the serving side keeps them."""
    lines = []
    schema = read_config(folder / "driftd.yaml", {}).models["churn"].table
    for hour in range(24):
        start = START + timedelta(hours=hour)
        inside = pc.and_(
            pc.greater_equal(table["at"], start),
            pc.less(table["at"], start + timedelta(hours=1)),
        )
        held = Traffic.of(table.filter(inside), schema)
        counts = {name: held.count(name) for name in held.counts} | {
            name: total // 24 for name, total in more.items()
        }
        lines += [(start.isoformat(), name, n) for name, n in counts.items()]
    path = folder / "counters" / "day.csv"
    path.parent.mkdir(exist_ok=True)
    names = ("time", "name", "count")
    pa_csv.write_csv(
        pa.table(dict(zip(names, map(list, zip(*lines, strict=True)), strict=True))),
        path,
    )


def many(n: int, **changes: Any) -> pa.Table:
    return rows(START, n, **changes)


def test_a_logger_that_drops_three_in_a_hundred_shows_as_97(tmp_path: Path) -> None:
    with small(tmp_path, model={"capture": COUNTED}) as world:
        table = many(24_000)
        count(tmp_path, table, requests=24_000)
        kept = np.random.default_rng(1).random(24_000) > 0.03
        log(tmp_path, START, table.filter(pa.array(kept)))
        world.wait()
        lost, bias = verdict(world, "completeness"), verdict(world, "sampling_bias")
        (run,) = world.app.store.latest_runs()

    assert lost.status is Status.FAIL
    assert lost.statistic is not None
    assert lost.statistic.at_current == pytest.approx(0.97, abs=0.004)
    assert lost.statistic.low <= 0.03 <= lost.statistic.high
    assert "of 24,000 requests counted" in lost.statistic.detail
    assert bias.status is Status.PASS
    assert run.rows < 24_000


@pytest.mark.parametrize("sampling", [None, {"rate": 0.3}])
def test_one_plan_that_is_lost_is_a_biased_sample(
    tmp_path: Path, sampling: Any
) -> None:
    columns = dict(config()["models"]["churn"]["columns"])
    columns["plan"] = {"role": "segment"}
    model = {"capture": COUNTED, "sampling": sampling, "columns": columns}
    with small(tmp_path, model=model) as world:
        table = many(40_000)
        count(tmp_path, table)
        lost = pc.and_(
            pc.equal(table["plan"], "pro"),
            pa.array(np.random.default_rng(1).random(40_000) < 0.25),
        )
        log(tmp_path, START, table.filter(pc.invert(lost)))
        world.wait()
        bias = verdict(world, "sampling_bias")

    assert bias.statistic is not None
    assert bias.statistic.detail.startswith("level/plan/pro")
    assert bias.status is Status.FAIL


@pytest.mark.parametrize("producer", [None, "pod"])
def test_numbers_that_rise_by_one_tell_what_is_lost(
    tmp_path: Path, producer: str | None
) -> None:
    capture = {"sequence": "number", "producer": producer}
    with small(tmp_path, model={"capture": capture}) as world:
        table = many(20_000)
        pods = np.arange(20_000) % 2 if producer else np.zeros(20_000, np.int64)
        numbers = np.zeros(20_000, np.int64)
        for pod in (0, 1):
            numbers[pods == pod] = 5000 * pod + np.arange((pods == pod).sum())
        kept = np.random.default_rng(1).random(20_000) > 0.03
        kept[[0, 1, -1, -2]] = True
        table = table.append_column("number", pa.array(numbers))
        table = table.append_column("pod", pa.array(pods))
        table = table.filter(pa.array(kept))
        # A line that was written twice is one request all the same.
        table = pa.concat_tables([table, table.slice(0, 10)])
        write(tmp_path / "log" / "part.parquet", table)
        world.wait()
        found = verdict(world, "completeness").statistic

    assert found is not None
    assert found.n_reference == 20_000
    assert found.at_current == kept.sum() / 20_000
    assert found.at_current == pytest.approx(0.97, abs=0.004)


def test_a_request_without_its_response_is_lost(tmp_path: Path) -> None:
    with small(tmp_path, model={"capture": {"response": "score"}}) as world:
        table = many(20_000)
        gone = np.arange(20_000) % 100 < 3
        score = pa.array(table["score"].to_numpy(), mask=gone)
        at = table.column_names.index("score")
        log(tmp_path, START, table.set_column(at, "score", score))
        world.wait()
        found = verdict(world, "completeness")
        (run,) = world.app.store.latest_runs()

    assert found.statistic is not None
    assert found.statistic.at_current == 0.97
    assert found.statistic.detail.startswith("97.00 % [")
    day = Window(START, START + DAY)
    standing = Standing(
        model="churn", monitor="daily", window=day, verdicts=run.verdicts
    )
    state = Snapshot(now=START + 2 * DAY, standings=(standing,))
    daemon = Daemon(version="0", config_hash="0")
    told = generate_latest(registry(Collector(lambda: state, lambda: daemon))).decode()
    (line,) = [t for t in told.splitlines() if t.startswith("driftd_capture_")]
    assert line.endswith("} 0.97")


def test_counters_that_cannot_be_read_are_unknown_and_take_nothing_along(
    tmp_path: Path,
) -> None:
    with small(tmp_path, model={"capture": COUNTED}) as world:
        world.pass_day()
        found = verdict(world, "completeness")
        (run,) = world.app.store.latest_runs()

    assert found.status is Status.UNKNOWN
    assert (found.cause or "").startswith("capture: ")
    assert Status.PASS in {v.status for v in run.verdicts}


@pytest.mark.parametrize(
    ("capture", "told"),
    [
        ({}, "nothing tells how many rows there should be"),
        ({"sequence": "n", "response": "score"}, "numbers and responses both tell"),
        ({"response": "score", "producer": "pod"}, "there are none"),
        ({"response": "scroe"}, "there is no column 'scroe'"),
    ],
)
def test_a_contradiction_is_told_where_it_stands(
    tmp_path: Path, capture: Any, told: str
) -> None:
    file = tmp_path / "driftd.yaml"
    file.write_text(yaml.safe_dump(config(model={"capture": capture})))
    with pytest.raises(ConfigErrors) as caught:
        read_config(file, {})
    assert told in str(caught.value)
    assert "models.churn.capture" in str(caught.value)


def test_a_stream_of_kserve_with_three_responses_in_a_hundred_gone_is_97(
    tmp_path: Path,
) -> None:
    kinds = ("request", "response")
    lines = []
    for k in range(10_000):
        bodies = ({"instances": [{"amount": 50.0 + k % 9}]}, {"predictions": [0.5]})
        for kind, body in zip(kinds[: 1 + (k % 100 >= 3)], bodies, strict=False):
            event = {
                "id": f"r{k}",
                "type": f"org.kubeflow.serving.inference.{kind}",
                "specversion": "1.0",
                "time": str(START + k * timedelta(seconds=8)),
                "data": body,
            }
            lines.append(json.dumps(event))
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    rows_of = Plugin(type="kserve", options={"path": "events.jsonl"}, base=tmp_path)
    source = open_source(rows_of, timestamp="t")
    capture = Capture(response="prediction")
    section = Model.model_construct(capture=capture)
    feeds = Feeds(predictions=source, every=source)
    empty = Bins(schema=Schema.of([]), columns={}).empty()
    told = captured(section, Window(START, START + DAY), feeds, empty)
    found = completeness(told)
    assert found.at_current == pytest.approx(0.97, abs=0.001)
    assert found.n_reference == 10_000
