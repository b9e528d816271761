"""How the contract suite puts a table where the ingest source reads it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from monitor.landing import Landing, Shape

NOW = datetime(2013, 4, 4, tzinfo=UTC)


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Append a table, of which half has landed and half is in the log."""
    half = table.num_rows // 2
    with Landing.open(folder / "rows", Shape(key=("id",), time="t")) as landing:
        landing.append(table.slice(0, half).to_batches(), NOW)
        landing.land(NOW, everything=True)
        landing.append(table.slice(half - 1).to_batches(), NOW)
    return {"path": "rows"}


def damage(folder: Path) -> None:
    """Cut what has landed in half."""
    for path in (folder / "rows").glob("date=*/*.parquet"):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    shutil.rmtree(folder / "rows")
