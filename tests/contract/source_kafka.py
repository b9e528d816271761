"""How the contract suite puts a table where the Kafka source reads it: landed."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.contract import source_ingest

damage, remove = source_ingest.damage, source_ingest.remove


def place(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Land a table as the daemon lands what it consumes."""
    landed = source_ingest.place(table, folder)
    return {"brokers": "localhost:9092", "topic": "served", **landed}
