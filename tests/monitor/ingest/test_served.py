"""The daemon as a process takes rows, tells of them, and outlives what is too much."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.sources.base import open_source
from tests.monitor import world
from tests.monitor.ingest.pushed import config, post

ROOT = Path(__file__).parents[3]
GROWTH = 256 << 20
"""Bytes that the daemon may grow by, whatever is sent to it."""
PARQUET = "application/vnd.apache.parquet"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """Run `driftd serve` on a free port; yield its address and its process."""
    reference = world.rows(datetime(2026, 1, 1, tzinfo=UTC))
    world.write(folder / "reference-1.parquet", reference)
    (folder / "version.txt").write_text("1")
    config(folder)
    code = [sys.executable, "-m", "monitor.cli", "serve", str(folder / "driftd.yaml")]
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen(
            [*code, "--port", "0"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert daemon.stdout is not None
        line = daemon.stdout.readline()
        assert line.startswith("driftd serves http://"), (folder / "log").read_text()
        yield line.split()[2], daemon.pid
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        if daemon.stdout is not None:
            daemon.stdout.close()


def text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - ours
        return str(answer.read().decode())


def peak(pid: int) -> int:
    """Return the most bytes that a process ever held."""
    told = Path(f"/proc/{pid}/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) << 10


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def bombs() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return what unfolds to more than a machine holds, small as it is sent."""
    spaces = gzip.compress(bytes(1 << 20) * 1000, 1)
    places = pa.array(np.zeros(40_000_000, np.int8))
    few = pa.DictionaryArray.from_arrays(places, pa.array(["x" * 80]))
    objects = b"[" + b",".join([b'{"id":1}'] * 3_000_000) + b"]"
    long = {"id": "x", "plan": "a" * (20 << 20)}
    return {
        "gzip": (spaces, {"content_encoding": "gzip"}),
        "parquet": (parquet(pa.table({"id": few})), {"kind": PARQUET}),
        "deep": (b'{"x":' * 200_000, {}),
        "objects": (objects, {}),
        "long": (json.dumps(long).encode(), {}),
    }


def test_the_daemon_takes_rows_tells_of_them_and_refuses_what_is_too_much(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC).isoformat()
    with served(tmp_path) as (url, pid):
        row = {"id": "p1", "at": now, "amount": 1.5}
        assert post(url, "predictions", [row, {"amount": 1}])[1]["accepted"] == 1
        metrics = text(f"{url}/metrics")
        labels = 'model="churn",table="predictions"'
        assert f"driftd_ingest_rows_total{{{labels}}} 1.0" in metrics
        missing = 'missing="response",model="churn"'
        assert f"driftd_ingest_unanswered_calls_total{{{missing}}} 0.0" in metrics
        rejected = 'driftd_ingest_rejected_rows_total{model="churn",reason="id"} 1.0'
        assert rejected in metrics
        told = json.loads(text(f"{url}/v1/openapi.json"))
        assert "/v1/models/churn/predictions" in told["paths"]
        ready = json.loads(text(f"{url}/livez"))
        assert ready == {"alive": True}

        before = peak(pid)
        statuses = {
            name: post(url, "predictions", body, **how)[0]
            for name, (body, how) in bombs().items()
        }
        assert statuses == {
            "gzip": 413,
            "parquet": 413,
            "deep": 400,
            "objects": 413,
            "long": 422,
        }
        assert peak(pid) - before < GROWTH
    section = config(tmp_path).models["churn"].source
    (kept,) = open_source(section, timestamp="at").read(None, ["id"])
    assert kept.to_pydict() == {"id": ["p1"]}
