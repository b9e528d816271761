"""How the contract suite puts a table where the SQL source reads it: in SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

_TYPES = {"id": "TEXT", "t": "TIMESTAMP", "distance": "REAL"}


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write a table, its times as texts in the zone they are in."""
    with closing(sqlite3.connect(folder / "rows.db")) as db:
        declared = ", ".join(f"{n} {_TYPES[n]}" for n in table.column_names)
        db.execute(f"CREATE TABLE rows ({declared})")
        for row in table.to_pylist():
            told = {**row, "t": row["t"] and str(row["t"])}
            db.execute("INSERT INTO rows VALUES (:id, :t, :distance)", told)
        db.commit()
    return {"url": "sqlite:///rows.db", "table": "rows"}


def damage(folder: Path) -> None:
    """Cut what was placed in half."""
    whole = (folder / "rows.db").read_bytes()
    (folder / "rows.db").write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.db").unlink()
