"""How the contract suite puts a table where the json source reads it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table and return the options that read it."""
    lines = [json.dumps(row, default=str) for row in table.to_pylist()]
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return {"path": "rows.jsonl.gz"}


def damage(folder: Path) -> None:
    """Cut what was placed in half."""
    whole = (folder / "rows.jsonl.gz").read_bytes()
    (folder / "rows.jsonl.gz").write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.jsonl.gz").unlink()
