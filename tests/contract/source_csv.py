"""How the contract suite puts a table where the csv source reads it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table and return the options that read it."""
    pa.csv.write_csv(table, folder / "rows.csv")
    return {"path": "rows.csv", "types": {"distance": "number"}}


def damage(folder: Path) -> None:
    """Write over what was placed."""
    (folder / "rows.csv").write_bytes(b"\xff\x00" * 1_000)


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.csv").unlink()
