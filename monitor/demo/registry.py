"""The demo's model registry: a folder a version, and one file that names the current.

registry/
├── 1/reference.parquet   what the version was trained on, with out-of-fold scores
├── 1/model.json
└── current.json          {"version": "1", "reference": "1/reference.parquet", ...}
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from monitor.demo.flights import LABEL, TIMESTAMP
from monitor.demo.model import Model, out_of_fold, performance, train
from monitor.window import rfc3339

CURRENT = "current.json"


def publish(
    registry: Path,
    flights: pd.DataFrame,
    *,
    version: str,
    now: datetime,
    requested_by: str | None = None,
) -> dict[str, Any]:
    """Train a version on the flights given, publish it, and return its `current.json`.

    The pointer is replaced last and at once: a reader sees the old version whole or
    the new version whole. Labels that must not be known yet are the caller's to hide.
    `requested_by` is kept with the version: the id of the request that it answers.
    """
    folder = registry / version
    folder.mkdir(parents=True, exist_ok=True)
    scored = out_of_fold(flights)
    train(flights).save(folder / "model.json")
    write_parquet(scored, folder / "reference.parquet")
    entry = {
        "version": version,
        "reference": f"{version}/reference.parquet",
        "model": f"{version}/model.json",
        "trained_on": {
            "start": rfc3339(flights[TIMESTAMP].min()),
            "end": rfc3339(flights[TIMESTAMP].max()),
            "rows": len(flights),
            "labelled": int(flights[LABEL].notna().sum()),
        },
        "performance": performance(scored),
        "trained_at": rfc3339(now),
        "requested_by": requested_by,
    }
    text = json.dumps(entry, indent=1) + "\n"
    replace(registry / CURRENT, lambda path: path.write_text(text, encoding="utf-8"))
    return entry


def current(registry: Path) -> dict[str, Any] | None:
    """Return what `current.json` says, or None before the first version."""
    try:
        entry: dict[str, Any] = json.loads((registry / CURRENT).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return entry


def current_model(registry: Path) -> tuple[str, Model]:
    """Return the current version and its model; FileNotFoundError before the first."""
    entry = json.loads((registry / CURRENT).read_text("utf-8"))
    return entry["version"], Model.load(registry / entry["model"])


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table so that a reader sees all of it or none."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    replace(path, lambda unfinished: parquet.write_table(table, unfinished))


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let something be written aside, under a name no glob matches, and move it in."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    write(unfinished)
    unfinished.replace(path)
