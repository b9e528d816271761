"""How the contract suite puts a table where the parquet source reads it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table and return the options that read it."""
    pq.write_table(table, folder / "rows.parquet", row_group_size=7)
    return {"path": "rows.parquet"}


def damage(folder: Path) -> None:
    """Cut what was placed in half."""
    whole = (folder / "rows.parquet").read_bytes()
    (folder / "rows.parquet").write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.parquet").unlink()
