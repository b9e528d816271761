"""How the contract suite puts a table where the arrow source reads it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table and return the options that read it."""
    feather.write_feather(table, folder / "rows.arrow", compression="zstd", chunksize=7)
    return {"path": "rows.arrow"}


def damage(folder: Path) -> None:
    """Cut what was placed in half."""
    whole = (folder / "rows.arrow").read_bytes()
    (folder / "rows.arrow").write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.arrow").unlink()
