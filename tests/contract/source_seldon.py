"""How the contract suite puts a table where the seldon source reads it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

COLUMNS = ["prediction_id", "t", "id", "distance", "prediction"]


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write each row as a request and a response, and return the options."""
    with (folder / "rows.jsonl").open("w") as log:
        for row in table.to_pylist():
            for half, body in (
                (
                    "request",
                    {
                        "data": {
                            "names": ["id", "distance"],
                            "ndarray": [[row["id"], row["distance"]]],
                        }
                    },
                ),
                ("response", {"data": {"ndarray": [0.5]}}),
            ):
                event = {
                    "id": f"{row['id']}-{half}",
                    "type": f"io.seldon.serving.inference.{half}",
                    "specversion": "1.0",
                    "time": row["t"] and str(row["t"]),
                    "data": body,
                }
                event["requestid"] = row["id"]
                log.write(json.dumps(event) + "\n")
    return {"path": "rows.jsonl"}


def damage(folder: Path) -> None:
    """Write over what was placed."""
    (folder / "rows.jsonl").write_text("rows\n" * 9)


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.jsonl").unlink()
