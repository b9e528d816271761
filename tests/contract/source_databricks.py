"""How the contract suite puts a table where the databricks source reads it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

COLUMNS = ["t", "weight", "prediction_id", "id", "distance", "prediction"]


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write each row as a call in an inference table; return the options."""
    calls = []
    for row in table.to_pylist():
        request = {"id": row["id"], "distance": row["distance"]}
        calls.append(
            {
                "databricks_request_id": row["id"],
                "client_request_id": None,
                "timestamp_ms": _millis(row["t"]),
                "status_code": 200,
                "sampling_fraction": 0.5,
                "request": json.dumps({"dataframe_records": [request]}),
                "response": json.dumps({"predictions": [0.5]}),
            }
        )
    schema = pa.schema(
        [
            ("databricks_request_id", pa.string()),
            ("client_request_id", pa.string()),
            ("timestamp_ms", pa.int64()),
            ("status_code", pa.int32()),
            ("sampling_fraction", pa.float64()),
            ("request", pa.string()),
            ("response", pa.string()),
        ]
    )
    write_deltalake(folder / "rows", pa.Table.from_pylist(calls, schema=schema))
    return {"path": "rows"}


def _millis(moment: Any) -> int | None:
    told = pa.scalar(moment, pa.timestamp("ms", "UTC")).cast(pa.int64()).as_py()
    return None if told is None else int(told)


def damage(folder: Path) -> None:
    """Cut the data of what was placed in half."""
    for file in (folder / "rows").glob("*.parquet"):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])


def remove(folder: Path) -> None:
    """Take away what was placed."""
    shutil.rmtree(folder / "rows")
