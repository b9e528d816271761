"""How the contract suite puts a table where the sagemaker source reads it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

COLUMNS = ["id", "distance", "prediction", "t"]


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Write each row as a captured call, and return the options that read it."""
    with (folder / "rows.jsonl").open("w") as log:
        for row in table.to_pylist():
            told = {
                "captureData": {
                    "endpointInput": {
                        "observedContentType": "text/csv",
                        "mode": "INPUT",
                        "data": str(row["distance"]),
                        "encoding": "CSV",
                    },
                    "endpointOutput": {
                        "observedContentType": "application/json",
                        "mode": "OUTPUT",
                        "data": '{"predictions": [0.5]}',
                        "encoding": "JSON",
                    },
                },
                "eventMetadata": {
                    "eventId": row["id"],
                    "inferenceTime": row["t"] and str(row["t"]),
                },
                "eventVersion": "0",
            }
            log.write(json.dumps(told) + "\n")
    return {"path": "rows.jsonl", "features": ["distance"], "id": "id"}


def damage(folder: Path) -> None:
    """Write over what was placed."""
    (folder / "rows.jsonl").write_text("rows\n" * 9)


def remove(folder: Path) -> None:
    """Take away what was placed."""
    (folder / "rows.jsonl").unlink()
