"""How the contract suite puts a table where the bentoml source reads it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table as a monitor's log and its schema; return the options."""
    columns = [
        {"name": "id", "role": "feature", "type": "categorical"},
        {"name": "distance", "role": "feature", "type": "numerical"},
    ]
    (folder / "rows/data").mkdir(parents=True, exist_ok=True)
    (folder / "rows/schema").mkdir(exist_ok=True)
    told = json.dumps({"meta_data": {"bento_name": "a"}, "columns": columns})
    (folder / "rows/schema/schema.0.log").write_text(told + "\n")
    lines = [json.dumps(row, default=str) for row in table.to_pylist()]
    (folder / "rows/data/data.0.log").write_text("\n".join(lines[40:]))
    (folder / "rows/data/data.0.log.2013-04-02").write_text("\n".join(lines[:40]))
    (folder / "rows/data/data.1.log").write_text("")
    return {"path": "rows", "types": {"t": "time"}}


def damage(folder: Path) -> None:
    """Write over what was placed."""
    for log in (folder / "rows/data").iterdir():
        log.write_bytes(b"\xff\xfe")


def remove(folder: Path) -> None:
    """Take away what was placed."""
    shutil.rmtree(folder / "rows")
