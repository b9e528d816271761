"""How the contract suite puts a table where the delta source reads it."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table and return the options that read it."""
    write_deltalake(folder / "rows", table)
    return {"path": "rows"}


def damage(folder: Path) -> None:
    """Cut the data of what was placed in half."""
    for file in (folder / "rows").glob("*.parquet"):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    shutil.rmtree(folder / "rows")
