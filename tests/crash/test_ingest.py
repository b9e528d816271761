"""Killed at random moments, the server loses no row that it acknowledged, ever."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.landing import Folder, Landing, Shape
from tests.crash.figures import note
from tests.monitor.ingest.pushed import config

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("DRIFTD_KILLS", "12"))
SEED = int(os.environ.get("DRIFTD_SEED", "20130501"))
ARROW = "application/vnd.apache.arrow.stream"
LINES = "application/x-ndjson"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def dying(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that is killed, and end it for good."""
    code = [sys.executable, "-W", "error", "-m", "tests.crash.taker"]
    taker = subprocess.Popen(
        [*code, str(folder), str(port), str(SEED), str(KILLS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield taker
    finally:
        taker.communicate(timeout=60)


class Sender:
    """Sends each batch until it is acknowledged, and some of them again."""

    def __init__(self, port: int, chance: Random) -> None:
        self._port = port
        self._chance = chance
        self._count = 0
        self._last: list[tuple[bytes, str]] = []
        self.acknowledged: list[str] = []
        self.begun: set[str] = set()

    def turn(self, patience: float) -> None:
        """Make a batch and send it; one that is not taken in time is given up."""
        rows = self._rows(self._chance.choice([1, 1, 1, 3, 40]))
        body = self._chance.choice([_json, _lines, _arrow])(rows)
        self.begun |= {row["id"] for row in rows}
        if self._sent(*body, patience):
            self.acknowledged += [row["id"] for row in rows]
            self._last = [*self._last[-30:], body]
        if self._last and self._chance.random() < 0.2:
            self._sent(*self._chance.choice(self._last), patience)

    def _rows(self, count: int) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        rows = []
        for _ in range(count):
            at = now - timedelta(days=self._chance.choice([0, 0, 0, 1, 2]))
            rows.append({"id": f"r{self._count}", "at": at.isoformat(), "amount": 1.5})
            self._count += 1
        return rows

    def _sent(self, body: bytes, kind: str, patience: float) -> bool:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            try:
                connection.request(
                    "POST",
                    "/v1/models/churn/predictions",
                    body,
                    {"content-type": kind},
                )
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
            else:
                assert answer.status in {200, 429, 503}
                if answer.status == 200:
                    return True
            finally:
                connection.close()
        return False


def _json(rows: list[dict[str, Any]]) -> tuple[bytes, str]:
    return json.dumps(rows).encode(), "application/json"


def _lines(rows: list[dict[str, Any]]) -> tuple[bytes, str]:
    return "\n".join(map(json.dumps, rows)).encode(), LINES


def _arrow(rows: list[dict[str, Any]]) -> tuple[bytes, str]:
    times = [datetime.fromisoformat(row["at"]) for row in rows]
    table = pa.table(
        {
            "id": [row["id"] for row in rows],
            "at": pa.array(times, pa.timestamp("us", "UTC")),
            "amount": [row["amount"] for row in rows],
        }
    )
    sink = BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue(), ARROW


def test_every_row_that_was_acknowledged_is_landed_exactly_once(tmp_path: Path) -> None:
    config(tmp_path, model={"labels": None, "evaluation": None})
    port, chance = free_port(), Random(SEED)
    sender = Sender(port, chance)
    with dying(tmp_path, port) as taker:
        assert taker.stdout is not None
        os.set_blocking(taker.stdout.fileno(), False)
        killed = 0
        while killed < KILLS:
            sender.turn(10)
            killed += (taker.stdout.read() or b"").count(b"killed")
        for _ in range(20):
            sender.turn(10)
    folder = tmp_path / "ingest/churn/predictions"
    with Landing.open(folder, Shape(key=("id",), time="at")) as landing:
        landing.land(datetime.now(UTC), everything=True)

    landed = Counter(
        key
        for file in Folder(folder).files()
        for key in pq.read_table(file, columns=["id"])["id"].to_pylist()
    )
    assert len(sender.acknowledged) > 5 * KILLS
    assert [key for key in sender.acknowledged if landed[key] != 1] == []
    assert [key for key, count in landed.items() if count != 1] == []
    assert set(landed) <= sender.begun
    note("kill -9 of the server", times=KILLS, rows_acknowledged=len(landed))
    # It was killed while rows landed, and while their files were merged.
    assert Folder(folder).newest() > 3
    assert any("-" in file.stem for file in Folder(folder).files())
