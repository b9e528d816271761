"""Rows that are sampled as they come in: kept with weights, and all of them counted."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from checks.errors import Unmeasurable
from checks.traffic import ROWS, UNANSWERED, Traffic
from checks.verdict import Status, Verdict
from checks.weight import WEIGHT
from monitor.feeds import door
from monitor.ingest.calls import PATIENCE
from monitor.ingest.events import BATCH
from monitor.sampling import sampled
from monitor.sources.base import open_source
from monitor.window import Window
from tests.monitor.ingest.pushed import DAY, Pushed, config, found, serving
from tests.monitor.ingest.test_events import NS, ask, binary, say
from tests.monitor.world import Small, rows, small

ARROW = "application/vnd.apache.arrow.stream"
SENT = ["id", "at", "amount", "plan", "score"]
TENTH: dict[str, Any] = {"sampling": {"rate": 0.1}}
PUSHED: dict[str, Any] = {
    "source": {"type": "ingest"},
    "labels": {"source": {"type": "ingest"}, "timestamp": "known_at"},
    "recomputed": None,
}


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def send(pushed: Pushed, table: pa.Table) -> None:
    status, told = pushed.post("predictions", stream(table.select(SENT)), ARROW)
    assert (status, told) == (200, {"accepted": table.num_rows, "rejected": 0})


def counted(pushed: Pushed, window: Window | None = DAY) -> Traffic:
    pushed.desk.intakes["churn", "predictions"].write()
    counters = door(pushed.config.models["churn"])
    assert counters is not None
    return counters.within(window)


def test_the_rows_kept_are_those_that_pulling_would_read(tmp_path: Path) -> None:
    table = rows(DAY.start, 5000).select(SENT)
    pq.write_table(table, tmp_path / "pulled.parquet")
    with serving(tmp_path, model=TENTH) as pushed:
        send(pushed, table)
        model = pushed.config.models["churn"]
        kept = found(pushed.config)
        again = sampled(
            open_source(model.source, timestamp="at"), model.sampling, model.table
        )
        read = pa.Table.from_batches(again.read(DAY, None))
        assert counted(pushed).count(ROWS) == 5000
    section = model.source.__class__(
        type="parquet", options={"path": "pulled.parquet"}, base=tmp_path
    )
    pulled = sampled(open_source(section, timestamp="at"), model.sampling, model.table)
    wanted = pa.Table.from_batches(pulled.read(DAY, None))
    assert 350 < wanted.num_rows < 650
    assert sorted(kept["id"].to_pylist()) == sorted(wanted["id"].to_pylist())
    assert set(kept[WEIGHT].to_pylist()) == {10.0}
    assert read.num_rows == kept.num_rows


def test_a_row_has_one_answer_before_and_after_a_restart_spelt_or_counted(
    tmp_path: Path,
) -> None:
    ids = list(range(400))
    halves: list[set[str]] = []
    for folder, spell in (("a", int), ("b", str)):
        (tmp_path / folder).mkdir()
        for part in (ids[:200], ids[200:]):
            with serving(tmp_path / folder, model=TENTH) as pushed:
                sent = [
                    {"id": spell(i), "at": "2026-03-02T11:00:00Z", "amount": 1.0}
                    for i in part
                ]
                assert pushed.post("predictions", sent)[1]["accepted"] == 200
                kept = {str(i) for i in found(pushed.config)["id"].to_pylist()}
                assert counted(pushed).count(ROWS) == part[-1] + 1
        halves.append(kept)
    assert halves[0] == halves[1]
    assert 15 < len(halves[0]) < 80


def test_all_rows_are_counted_by_their_own_hour_and_once_however_often_sent(
    tmp_path: Path,
) -> None:
    table = rows(DAY.start, 4800)
    with serving(tmp_path, model=TENTH) as pushed:
        for part in (table, table.slice(0, 1000), table.slice(4000)):
            send(pushed, part)
        sent = table.slice(0, 200)
        hour = Window(DAY.start, DAY.start + timedelta(hours=1))
        assert counted(pushed, hour).count(ROWS) == 200
        whole, first = counted(pushed), counted(pushed, hour)
        schema = pushed.config.models["churn"].table
        assert first == Traffic.of(sent, schema)
        assert whole == Traffic.of(table, schema)
        told = pushed.desk.intakes["churn", "predictions"].tally.totals()
        assert told["accepted"] == 6600
        assert 5000 < told["not_kept"] < 6300
    with serving(tmp_path, model=TENTH) as pushed:
        assert counted(pushed) == whole


def test_columns_that_no_row_has_are_counted_as_empty(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        one = {"id": "a", "at": "2026-03-02T11:00:00Z"}
        assert pushed.post("predictions", one)[0] == 200
        told = counted(pushed)
    assert {n: told.count(f"nulls/{n}") for n in ("amount", "plan", "score")} == {
        "amount": 1,
        "plan": 1,
        "score": 1,
    }


def test_rows_of_calls_whose_response_never_came_are_counted(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        for i in range(20):
            binary(pushed, "request", f"c{i}", ask([float(i), "basic"]))
            if i >= 3:
                binary(pushed, "response", f"c{i}", say(0.5))
        pushed.clock.advance(PATIENCE + timedelta(seconds=1))
        pushed.desk.events["churn"].overdue()
        told = counted(pushed)
    assert (told.count(ROWS), told.count(UNANSWERED)) == (20, 3)


def test_a_limit_holds_as_rows_come_and_their_weights_say_how_many_came(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, model={"sampling": {"rows": "400 per 1d"}}) as pushed:
        table = rows(DAY.start, 6000)
        for part in range(12):
            send(pushed, table.slice(500 * part, 500))
        kept = found(pushed.config)
    assert 200 < kept.num_rows <= 400
    assert pc.sum(kept[WEIGHT]).as_py() == pytest.approx(6000, rel=0.3)


def test_a_disk_that_is_full_loses_no_count(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        place = tmp_path / "ingest/churn/predictions/traffic"
        place.write_text("in the way")
        send(pushed, rows(DAY.start, 100))
        pushed.desk.intakes["churn", "predictions"].write()
        place.unlink()
        assert counted(pushed).count(ROWS) == 100


SENDING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from monitor.ingest import Desk
from monitor.opening import read_config
now = datetime(2026, 3, 2, 12, tzinfo=UTC)
with Desk(read_config(Path(sys.argv[1]), {}), lambda: now) as desk:
    intake = desk.intakes["churn", "predictions"]
    for batch in range(int(sys.argv[2]), 10**9):
        rows = ",".join(
            f'{{"id": "{batch}-{i}", "at": "2026-03-02T11:00:00Z"}}' for i in range(20)
        )
        read = intake.reader.read(f"[{rows}]".encode(), int(now.timestamp()) * 10**6)
        intake.store(read)
        intake.write()
        print(batch, flush=True)
"""


def test_a_daemon_that_is_killed_counts_no_row_twice_and_forgets_few(
    tmp_path: Path,
) -> None:
    config(tmp_path, model=TENTH)
    done = 0
    for round_ in range(2):
        code = [sys.executable, "-c", SENDING, str(tmp_path / "driftd.yaml"), str(done)]
        with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as sender:
            assert sender.stdout is not None
            for line in sender.stdout:
                done = int(line)
                if done % 97 == 40 + 7 * round_:
                    sender.send_signal(signal.SIGKILL)
                    break
            for line in sender.stdout:
                done = int(line)
        done += 1  # the last may be counted, and was not told
    with serving(tmp_path, model=TENTH) as pushed:
        told = counted(pushed).count(ROWS)
    assert 20 * done - 60 <= told <= 20 * done + 20


def test_counts_that_are_damaged_are_told_and_put_aside(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        send(pushed, rows(DAY.start, 100))
        counted(pushed)
        (file,) = (tmp_path / "ingest/churn/predictions/traffic").glob("*.json")
        file.write_text("{")
        with pytest.raises(ValueError, match="holds no counts"):
            counted(pushed)
        send(pushed, rows(DAY.start, 100, id=[f"b{i}" for i in range(100)]))
        assert counted(pushed).count(ROWS) == 100
    assert file.with_suffix(".damaged").exists()


def test_a_window_that_cuts_an_hour_is_not_judged_by_its_counts(
    tmp_path: Path,
) -> None:
    half = Window(DAY.start, DAY.start + timedelta(minutes=90))
    with serving(tmp_path) as pushed:
        send(pushed, rows(DAY.start, 240))
        with pytest.raises(Unmeasurable, match="the window cuts one"):
            counted(pushed, half)
    often = {"window": "30m", "every": "30m"}
    (tmp_path / "b").mkdir()
    with serving(tmp_path / "b", daily=often) as pushed:
        send(pushed, rows(DAY.start, 240))
        assert counted(pushed, half).count(ROWS) == 15


# ── what a window makes of it ─────────────────────────────────────────────────────────


@contextmanager
def day(folder: Path, table: pa.Table, **model: Any) -> Iterator[Small]:
    """Send a day's rows, and yield the world before the day is judged."""
    with serving(folder, model=model) as pushed:
        pushed.clock.move_to(DAY.end)
        send(pushed, table)
    with small(folder, today=DAY.start, model={**PUSHED, **model}) as world:
        yield world


def verdicts(world: Small) -> dict[str, Verdict]:
    (run,) = world.app.store.latest_runs()
    return {v.check: v for v in run.verdicts if v.column is None}


COLUMNS: dict[str, Any] = {
    "id": {"role": "id"},
    "at": {"role": "timestamp"},
    "amount": {"kind": "numeric"},
    "plan": {"role": "segment"},
    "score": {"role": "score"},
    "churned": {"role": "label", "kind": "boolean"},
}


def test_an_honest_sampler_is_quiet_and_its_window_is_of_all_rows(
    tmp_path: Path,
) -> None:
    table = rows(DAY.start, 20_000)
    model = {"columns": COLUMNS, "sampling": {"rate": 0.3}}
    with day(tmp_path, table, **model) as world:
        world.wait()
        told = verdicts(world)
    bias, complete = told["sampling_bias"], told["completeness"]
    assert (bias.status, complete.status) == (Status.PASS, Status.PASS)
    assert complete.statistic is not None
    assert complete.statistic.n_reference == 20_000
    assert 5500 < complete.statistic.n_current < 6500


def test_a_biased_sample_is_found(tmp_path: Path) -> None:
    """Half of the kept rows of one plan are lost on the disk."""
    table = rows(DAY.start, 20_000)
    model = {"columns": COLUMNS, "sampling": {"rate": 0.3}}
    with day(tmp_path, table, **model) as world:
        with serving(tmp_path, model=model) as pushed:
            landing = pushed.desk.intakes["churn", "predictions"].landing
            landing.land(DAY.end, everything=True)
            (file,) = landing.folder.files()
        landed = pq.read_table(file)
        plus = pc.equal(landed["plan"], "plus")
        lost = pc.and_(plus, pa.array(np.arange(len(landed)) % 2 == 0))
        pq.write_table(landed.filter(pc.invert(lost)), file)
        world.wait()
        told = verdicts(world)
    assert told["sampling_bias"].status is Status.FAIL
    assert told["completeness"].status is Status.FAIL


def events(first: int, last: int) -> list[dict[str, Any]]:
    """Return both halves of some calls; three in a hundred are not answered."""
    halves = []
    for k in range(first, last):
        bodies = {"request": ask([float(k), "basic"]), "response": say(0.5)}
        for kind in ("request", *(("response",) if k % 100 >= 3 else ())):
            event = {"specversion": "1.0", "id": f"r{k}", "source": "s"}
            event |= {"type": f"{NS}{kind}", "time": "2026-03-02T11:00:00Z"}
            halves.append(event | {"data": bodies[kind]})
    return halves


def test_a_stream_of_kserve_with_a_restart_in_the_middle_is_97(tmp_path: Path) -> None:
    """Of some calls one half comes before the restart, and of some one comes twice."""
    sent = events(0, 300)
    order = np.random.default_rng(21).permutation(len(sent)).tolist()
    parts = (order[:250], order[200:])
    for part in parts:
        with serving(tmp_path) as pushed:
            for start in range(0, len(part), 100):
                some = [sent[k] for k in part[start : start + 100]]
                told = pushed.post("predictions", some, BATCH.decode())
                assert told == (200, {"accepted": len(some), "rejected": 0})
            if part is parts[-1]:
                pushed.clock.advance(PATIENCE + timedelta(seconds=1))
                pushed.desk.events["churn"].overdue()
    with small(tmp_path, today=DAY.start, model=PUSHED) as world:
        world.wait()
        found = verdicts(world)["completeness"]
    assert found.statistic is not None
    assert found.statistic.n_reference == 300
    assert found.statistic.at_current == pytest.approx(0.97, abs=0.001)
    assert found.status is Status.FAIL


@pytest.mark.parametrize("rate", [None, 0.5])
def test_calls_without_a_response_are_missing_in_the_log(
    tmp_path: Path, rate: float | None
) -> None:
    sampling = {"sampling": {"rate": rate}} if rate else {}
    with serving(tmp_path, model=sampling) as pushed:
        for i in range(100):
            binary(pushed, "request", f"c{i}", ask([float(i), "basic"]))
            if i >= 20:
                binary(pushed, "response", f"c{i}", say(0.5))
        pushed.clock.advance(PATIENCE + timedelta(seconds=1))
        pushed.desk.events["churn"].overdue()
    with small(tmp_path, today=DAY.start, model=PUSHED | sampling) as world:
        world.wait()
        found = verdicts(world)["completeness"]
    assert found.statistic is not None
    assert found.statistic.n_reference == 100
    assert found.statistic.at_current == pytest.approx(0.8, abs=0.3 if rate else 1e-9)
    if rate is None:
        assert found.status is Status.FAIL
