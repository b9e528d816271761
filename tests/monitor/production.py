"""A small model's data as files, with all that makes files hard to read."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY = timedelta(days=1)
TRAINED = datetime(2026, 8, 1, tzinfo=UTC)
LIVE = datetime(2026, 9, 1, tzinfo=UTC)
SIZE = "Größe (cm)"
CITY = 'città "x": #1'
COLUMNS = {
    SIZE: "{kind: numeric}",
    CITY: "{kind: categorical}",
    "store id": "{kind: categorical}",
    "on": "{kind: boolean}",
    "since": "{kind: datetime}",
    "nothing": "{kind: numeric}",
    "served_at": "{role: timestamp}",
    "pred_id": "{role: id}",
    "score": "{role: score}",
    "label": "{role: label, kind: categorical}",
}


def rows(
    n: int, seed: int, *, start: datetime = TRAINED, days: int = 1, shift: float = 0.0
) -> pa.Table:
    """Return rows whose size is moved by a shift, in a column with gaps."""
    rng = np.random.default_rng(seed)
    times = [start + DAY * days * (i / n) for i in range(n)]
    size = rng.normal(10 + shift, 3, n)
    size[rng.random(n) < 0.02] = np.nan
    cities = rng.choice(["Roma", "München", "東京"], n, p=[0.5, 0.3, 0.2])
    gone = rng.random(n) < 0.05
    return pa.table(
        {
            SIZE: size,
            CITY: [None if g else str(c) for g, c in zip(gone, cities, strict=True)],
            "store id": pa.array(rng.integers(1, 9, n)),
            "on": rng.random(n) < 0.3,
            "since": [date(2020, 1, 1) + int(d) * DAY for d in rng.integers(0, 900, n)],
            "nothing": pa.nulls(n, pa.float64()),
            "served_at": pa.array(times, pa.timestamp("us", "UTC")),
            "pred_id": [f"{seed}-{i}" for i in range(n)],
            "score": rng.beta(2, 5, n),
            "label": (rng.random(n) < 0.3).astype(int),
        }
    )


def written(path: Path, table: pa.Table) -> Path:
    """Write a table as a Parquet file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def config(folder: Path, *, actions: str = "{}", tells: Sequence[str] = ()) -> Path:
    """Write a config for the data of a folder, the reference included."""
    if not (folder / "reference.parquet").exists():
        written(folder / "reference.parquet", rows(9_000, 1, days=30))
    columns = "\n".join(
        f"      {json.dumps(name, ensure_ascii=False)}: {section}"
        for name, section in COLUMNS.items()
    )
    path = folder / "driftd.yaml"
    path.write_text(
        f"""
actions: {actions}
models:
  shop:
    task: binary_classification
    columns:
{columns}
    reference: {{type: parquet, path: reference.parquet}}
    source: {{type: parquet, path: "log/*.parquet"}}
    labels:
      source: {{type: parquet, path: "labels/*.parquet"}}
    monitors:
      daily: {{window: 1d, min_rows: 100, actions: {json.dumps(list(tells))}}}
    evaluation: {{period: month}}
""",
        encoding="utf-8",
    )
    return path


def serve_days(
    folder: Path, days: int, *, start: datetime = LIVE, drifted: int = 10_000
) -> None:
    """Write a log and labels of some days; from the day `drifted` on, sizes move."""
    for day in range(days):
        shift = 4.0 if day >= drifted else 0.0
        table = rows(300, 100 + day, start=start + day * DAY, shift=shift)
        written(folder / f"log/{day}.parquet", table.drop_columns(["label"]))
        written(folder / f"labels/{day}.parquet", table.select(["pred_id", "label"]))
