"""A small world for tests: a model's reference and daily logs, and driftd on them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet

from monitor.app import App, World
from monitor.clock import ManualClock
from monitor.opening import read_config
from monitor.window import floor

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PER_DAY = 400


def rows(day: datetime, n: int = PER_DAY, seed: int = 0, **moved: Any) -> pa.Table:
    """Return a day's rows of a model that says who will churn.

    `moved` replaces a column (`amount=[...]`), shifts a numeric one (`shift=2.0`) or
    turns labels round for a share of the rows (`wrong=0.4`).
    """
    rng = np.random.default_rng([seed, int(day.timestamp())])
    amount = rng.normal(50, 10, n) + moved.get("shift", 0.0)
    score = 1 / (1 + np.exp(-(rng.normal(0, 2, n))))
    label = rng.random(n) < score
    label ^= rng.random(n) < moved.get("wrong", 0.0)
    step = DAY / n
    columns: dict[str, Any] = {
        "id": [f"{day:%Y%m%d}-{i}" for i in range(n)],
        "at": pa.array([day + i * step for i in range(n)], pa.timestamp("us", "UTC")),
        "amount": amount,
        "plan": rng.choice(["basic", "plus", "pro"], n, p=[0.6, 0.3, 0.1]),
        "score": score,
        "churned": label,
        "known_at": pa.array([day + DAY] * n, pa.timestamp("us", "UTC")),
    }
    columns |= {k: v for k, v in moved.items() if k in columns}
    return pa.table(columns)


def floor_day(moment: datetime) -> datetime:
    """Return the beginning of a day."""
    return floor(moment, DAY)


def log(folder: Path, day: datetime, table: pa.Table) -> None:
    """Write a day's prediction log, label log and recomputed features."""
    for name, columns in (
        ("log", ["id", "at", "amount", "plan", "score"]),
        ("labels", ["id", "churned", "known_at"]),
        ("recomputed", ["id", "at", "amount", "plan"]),
    ):
        kept = [c for c in columns if c in table.column_names]
        write(
            folder / name / f"date={day:%Y-%m-%d}" / "part.parquet", table.select(kept)
        )


def write(path: Path, table: pa.Table) -> None:
    """Write a table, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)


def config(**changes: Any) -> dict[str, Any]:
    """Return the config of the small world as YAML would read it."""
    model: dict[str, Any] = {
        "task": "binary_classification",
        "version": {"file": "version.txt"},
        "columns": {
            "id": {"role": "id"},
            "at": {"role": "timestamp"},
            "amount": {"kind": "numeric"},
            "plan": {"kind": "categorical"},
            "score": {"role": "score"},
            "churned": {"role": "label", "kind": "boolean"},
        },
        "reference": {"type": "parquet", "path": "reference-{version}.parquet"},
        "source": {"type": "parquet", "path": "log/**/*.parquet"},
        "labels": {
            "source": {"type": "parquet", "path": "labels/**/*.parquet"},
            "timestamp": "known_at",
        },
        "recomputed": {
            "source": {"type": "parquet", "path": "recomputed/**/*.parquet"}
        },
        "monitors": {"daily": {"window": "1d", "actions": ["journal"], "min_rows": 50}},
        "evaluation": {"period": "month", "actions": ["journal"]},
    }
    model |= changes.pop("model", {})
    model["monitors"]["daily"] |= changes.pop("daily", {})
    actions = {"journal": {"type": "log"}, **changes.pop("actions", {})}
    return {"actions": actions, "models": {"churn": model}, **changes}


@dataclass(kw_only=True)
class Small:
    """The small world while it is running."""

    folder: Path
    app: App
    clock: ManualClock
    today: datetime = field(default=START)

    def pass_day(self, **moved: Any) -> list[Any]:
        """Let a day pass in production, and return what driftd made of it."""
        log(self.folder, self.today, rows(self.today, **moved))
        return self.wait()

    def wait(self) -> list[Any]:
        """Let a day pass on which nothing is logged."""
        self.today += DAY
        self.clock.move_to(self.today + timedelta(hours=1))
        return list(self.app.round())


@contextmanager
def small(
    folder: Path,
    *,
    today: datetime = START,
    env: Mapping[str, str] = {},
    **changes: Any,
) -> Iterator[Small]:
    """Set the small world up in a folder, or take it up again where it stopped."""
    reference = folder / "reference-1.parquet"
    if not reference.exists():
        days = [START - k * DAY for k in range(30, 0, -1)]
        write(reference, pa.concat_tables(rows(day, seed=1) for day in days))
        (folder / "version.txt").write_text("1")
    file = folder / "driftd.yaml"
    file.write_text(yaml.safe_dump(config(**changes), sort_keys=False))
    clock = ManualClock(today)
    ids = iter(range(10**9))
    world = World(
        clock=clock, rng=Random(1), new_id=lambda: f"id-{today:%d}-{next(ids)}"
    )
    with App(read_config(file, env), world) as app:
        yield Small(folder=folder, app=app, clock=clock, today=today)
