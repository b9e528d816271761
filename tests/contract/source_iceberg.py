"""How the contract suite puts a table where the iceberg source reads it."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.memory import InMemoryCatalog


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table and return the options that read it."""
    catalog = InMemoryCatalog("tests", warehouse=f"file://{folder}")
    catalog.create_namespace("serving")
    where = f"file://{folder}/rows"
    zoned = table["t"].type.tz not in {None, "UTC"}
    rows = (
        table.set_column(1, "t", table["t"].cast(pa.timestamp("us", "UTC")))
        if zoned
        else table
    )
    made = catalog.create_table("serving.rows", rows.schema, location=where)
    made.append(rows)
    catalog.close()
    return {"path": "rows"}


def damage(folder: Path) -> None:
    """Cut the data of what was placed in half."""
    for file in (folder / "rows/data").glob("*.parquet"):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    shutil.rmtree(folder / "rows")
