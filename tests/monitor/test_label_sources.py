"""Labels from files, a database or the door, in any order: one evaluation."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pytest

from monitor import reevaluate
from monitor.config import Model
from monitor.feeds import Feeds, labelled
from monitor.labels import LabelJoin
from monitor.sources.base import open_source
from monitor.window import Window
from tests.monitor.ingest.pushed import DAY, config, serving
from tests.monitor.world import START, rows, small, write

HOUR, DAYS = timedelta(hours=1), timedelta(days=1)
AS_OF = DAY.end + 36 * HOUR
MADE = rows(DAY.start, 300).select(["id", "at", "amount", "plan", "score", "churned"])


def events(rng: np.random.Generator) -> pa.Table:
    """Tell labels early, late, twice, corrected, taken back, and of nobody."""
    told: list[tuple[str, bool | None, datetime]] = []
    for row in MADE.to_pylist():
        for _ in range(int(rng.integers(0, 4))):
            known = row["at"] + int(rng.integers(0, 96)) * HOUR / 2
            label = (row["churned"], not row["churned"], None)[int(rng.integers(0, 3))]
            told.append((row["id"], label, known))
            if rng.random() < 0.2:  # once more, and another at the same time
                told += [told[-1], (row["id"], not row["churned"], known)]
    told += [("nobody", True, DAY.start + HOUR)]
    told += [(row["id"], True, AS_OF + HOUR / 60) for row in MADE.to_pylist()[:50]]
    return pa.table(
        {
            "id": pa.array([one[0] for one in told], pa.string()),
            "churned": pa.array([one[1] for one in told], pa.bool_()),
            "known_at": pa.array([one[2] for one in told], pa.timestamp("us", "UTC")),
        }
    )


def parquet(folder: Path, parts: list[pa.Table]) -> dict[str, Any]:
    for number, part in enumerate(parts):
        write(folder / "told" / f"{number}.parquet", part)
    return {"type": "parquet", "path": "told/*.parquet"}


def csv(folder: Path, parts: list[pa.Table]) -> dict[str, Any]:
    (folder / "told").mkdir()
    for number, part in enumerate(parts):
        pcsv.write_csv(part, folder / "told" / f"{number}.csv")
    return {"type": "csv", "path": "told/*.csv"}


def json_lines(folder: Path, parts: list[pa.Table]) -> dict[str, Any]:
    (folder / "told").mkdir()
    for number, part in enumerate(parts):
        lines = [json.dumps(row, default=str) for row in part.to_pylist()]
        (folder / "told" / f"{number}.jsonl").write_text("\n".join(lines))
    return {"type": "json", "path": "told/*.jsonl"}


def database(folder: Path, parts: list[pa.Table]) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "told.db")) as base:
        base.execute("CREATE TABLE told (id TEXT, churned BOOLEAN, known_at TIMESTAMP)")
        for part in parts:
            for row in part.to_pylist():
                told = {**row, "known_at": str(row["known_at"])}
                base.execute("INSERT INTO told VALUES (:id, :churned, :known_at)", told)
        base.commit()
    return {"type": "sql", "url": "${TOLD}", "table": "told"}


def door(folder: Path, parts: list[pa.Table]) -> dict[str, Any]:
    """Send the parts, the first of them twice, and stop in the middle."""
    for some in (parts[:2], [parts[0], *parts[2:]]):
        with serving(folder) as pushed:
            pushed.clock.move_to(AS_OF + HOUR)
            for part in some:
                sent = [
                    {**row, "known_at": row["known_at"].isoformat()}
                    for row in part.to_pylist()
                ]
                told = {"accepted": len(sent), "rejected": 0}
                assert pushed.post("labels", sent) == (200, told)
    return {"type": "ingest"}


def opened(folder: Path, source: dict[str, Any]) -> tuple[Feeds, Model]:
    write(folder / "log.parquet", MADE.drop_columns(["churned"]))
    log = {"type": "parquet", "path": "log.parquet"}
    labels = {"source": source, "timestamp": "known_at"}
    env = {"TOLD": "sqlite:///told.db"}
    read = config(folder, env, model={"source": log, "labels": labels})
    model = read.models["churn"]
    assert model.labels is not None
    feeds = Feeds(
        predictions=open_source(model.source, timestamp="at"),
        labels=open_source(model.labels.source, timestamp="known_at"),
    )
    return feeds, model


def joined(folder: Path, place: Callable[..., Any], parts: list[pa.Table]) -> LabelJoin:
    folder.mkdir()
    feeds, model = opened(folder, place(folder, parts))
    found = labelled(model, DAY, feeds, AS_OF, sample=MADE)
    assert found is not None
    return found


def test_a_label_that_is_dated_by_the_day_is_found_in_every_hour_of_it(
    tmp_path: Path,
) -> None:
    dated = MADE.select(["id", "churned"]).append_column(
        "known_at", pa.array([DAY.start.date()] * len(MADE), pa.date32())
    )
    feeds, model = opened(tmp_path, parquet(tmp_path, [dated]))
    for hour in range(24):
        window = Window(DAY.start + hour * HOUR, DAY.start + (hour + 1) * HOUR)
        found = labelled(model, window, feeds, AS_OF)
        assert found is not None
        assert found.outcomes.labelled == found.outcomes.rows > 0


@pytest.mark.parametrize("place", [csv, json_lines, database, door])
def test_labels_say_the_same_wherever_and_however_they_come(
    tmp_path: Path, place: Callable[..., Any]
) -> None:
    table = events(np.random.default_rng(1))
    whole = joined(tmp_path / "whole", parquet, [table])
    rng = np.random.default_rng(2)
    mixed = table.take(pa.array(rng.permutation(len(table))))
    cuts = [0, *np.sort(rng.integers(0, len(table), 4)).tolist(), len(table)]
    parts = [mixed.slice(a, b - a) for a, b in pairwise(cuts)]
    found = joined(tmp_path / "parts", place, parts)

    assert 100 < whole.outcomes.labelled < 200
    assert whole.outcomes.to_bytes() == found.outcomes.to_bytes()
    assert whole.delays.to_bytes() == found.delays.to_bytes()
    assert whole.orphans == found.orphans == 1
    assert whole.troubles == found.troubles
    kept = [one.labels.table.sort_by("id").to_pylist() for one in (whole, found)]
    assert kept[0] == kept[1]


def poison(folder: Path, day: datetime, known: datetime) -> None:
    """Tell other labels of all of a day's predictions, which are known later."""
    made = rows(day).select(["id", "churned", "known_at"])
    other = pa.array([not one for one in made["churned"].to_pylist()])
    at = pa.array([known] * len(made), made["known_at"].type)
    wrong = made.set_column(1, "churned", other).set_column(2, "known_at", at)
    write(folder / "labels" / f"date={day:%Y-%m-%d}" / "later.parquet", wrong)


def told(evaluation: Any) -> Any:
    return reevaluate.to_dict(replace(evaluation, revision=0))


def test_no_label_of_later_changes_what_is_told_of_any_moment(tmp_path: Path) -> None:
    """Neither what windows say, nor evaluations, nor what is learned of delays."""
    checks = {"accuracy": {}, "worst_segment_error": {"smallest": 150}}
    model = {"recomputed": None, "evaluation": None}
    worlds = []
    for name in ("clean", "poisoned"):
        folder = tmp_path / name
        folder.mkdir()
        with small(folder, model=model, daily={"checks": checks}) as world:
            far = world.today + 365 * DAYS
            for _ in range(3):
                if name == "poisoned":
                    poison(folder, world.today, far)
                world.pass_day()
            period = Window(START, START + 2 * DAYS)
            then = world.clock.now()
            known = world.app.reevaluate("churn", period, then).evaluation
            for day in range(3):
                poison(folder, START + day * DAYS, then + HOUR / 3600)
            world.pass_day()
            again = world.app.reevaluate("churn", period, then).evaluation
            later = world.app.reevaluate("churn", period).evaluation
            assert told(again) == told(known)
            assert told(later)["metrics"] != told(known)["metrics"]
            learned = world.app.store.arrivals.learned("churn", then)
            assert learned is not None
            runs = [
                (v.check, v.column, v.statistic, v.cause)
                for run in world.app.store.runs_between("churn", "daily", START, then)
                for v in run.verdicts
            ]
            checked = {check for check, _, found, _ in runs if found is not None}
            assert {"accuracy", "worst_segment_error"} <= checked
            worlds.append((told(known), learned.content, learned.newest, runs))
    assert worlds[0] == worlds[1]
