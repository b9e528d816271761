"""How many rows a second are taken durably, beside evidently's legacy collector.

    python benchmarks/ingest.py [--seconds 10] [--only singles|arrow|collector]

The server is `driftd serve`'s own (the same application, uvicorn, uvloop, httptools) in
a process of its own; this process sends. Both share the machine's processors. A sender
keeps some connections open and has one request under way on each: what is told as
latency is from the first byte sent to the last byte received. CPU seconds are the
server process's own, from the kernel: on a machine that others use as well they say
more than the clock. Every row that was acknowledged is counted in the Parquet files
afterwards, each exactly once.

evidently's collector answers once a row is in its memory; it is asked for no sync, and
writes none. It runs as its users run it: uvicorn with Litestar, one process.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import uvloop

ROOT = Path(__file__).parents[1]
FEATURES = 15
BATCH = 10_000

CONFIG = """
models:
  bench:
    columns:
      id: {role: id}
      at: {role: timestamp}
FEATURES
      city: {kind: categorical}
      plan: {kind: categorical}
      score: {role: score}
    reference: {type: parquet, path: reference.parquet}
    source: {type: ingest}
    monitors:
      daily: {window: 1d}
"""

SERVER = """
import signal, sys
from pathlib import Path
from monitor.clock import SystemClock
from monitor.ingest import Desk, IngestApi
from monitor.opening import read_config
from monitor.server import Server

async def nothing(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})

config = read_config(Path(sys.argv[1]), {})
with Desk(config, SystemClock().now) as desk:
    with Server(IngestApi(desk, nothing), port=int(sys.argv[2])):
        print("up", flush=True)
        sys.stdin.read()
    for intake in desk.intakes.values():
        intake.landing.land(SystemClock().now(), everything=True)
"""

COLLECTOR = """
import sys
import uvicorn
from evidently.legacy.collector.app import create_app
uvicorn.run(create_app(sys.argv[1]), port=int(sys.argv[2]), log_level="error")
"""


@dataclass(slots=True)
class Figures:
    """What one stretch of sending came to."""

    what: str
    rows: int = 0
    refused: int = 0
    seconds: float = 0.0
    server_cpu: float = 0.0
    sender_cpu: float = 0.0
    resident: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def line(self) -> str:
        """Tell them in one line."""
        ordered = sorted(self.latencies) or [0.0]

        def at(share: float) -> float:
            return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

        rate = self.rows / self.seconds
        per = 1e6 * self.server_cpu / max(1, self.rows)
        most, least = max(self.resident), min(self.resident)
        return (
            f"{self.what:<34} {rate:>10,.0f} rows/s  p50 {at(0.5):6.1f}  p99"
            f" {at(0.99):6.1f}  max {ordered[-1] * 1000:6.1f} ms  server"
            f" {per:7.1f} µs of CPU a row, {least >> 20}-{most >> 20} MiB"
            f"  ({self.refused} refused)"
        )


class Connection(asyncio.Protocol):
    """A connection with one request under way, the next one once it is answered."""

    def __init__(
        self, make: Callable[[], tuple[bytes, int]], told: Figures, end: float
    ) -> None:
        """Send until the end."""
        self._make, self._told, self._end = make, told, end
        self._transport: asyncio.WriteTransport | None = None
        self.done = asyncio.get_running_loop().create_future()
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def _send(self) -> None:
        body, self._rows = self._make()
        self._began = time.perf_counter()
        assert self._transport is not None
        self._transport.write(body)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer, and send the next request."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
        if not found or len(body) < length:
            return
        now = time.perf_counter()
        self._told.latencies.append(now - self._began)
        status = self._answer[9:12]
        if status in {b"200", b"201"}:
            self._told.rows += self._rows
        else:
            self._told.refused += self._rows
            assert status in {b"429", b"503"}, self._answer
        self._answer = b""
        if now < self._end:
            self._send()
        else:
            assert self._transport is not None
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell that all is done."""
        if error is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


async def pressed(
    at: tuple[int, int],
    make: Callable[[], tuple[bytes, int]],
    told: Figures,
    *,
    seconds: float,
    connections: int,
) -> None:
    """Send for some seconds on some connections to a port of a process."""
    port, pid = at
    loop = asyncio.get_running_loop()
    began, cpu, own = time.perf_counter(), cpu_of(pid), time.process_time()
    end = began + seconds
    open_ = [
        await loop.create_connection(
            lambda: Connection(make, told, end), "127.0.0.1", port
        )
        for _ in range(connections)
    ]

    async def watch() -> None:
        while True:
            told.resident.append(resident(pid))
            await asyncio.sleep(0.25)

    watching = loop.create_task(watch())
    await asyncio.gather(*(protocol.done for _, protocol in open_))
    watching.cancel()
    told.seconds = time.perf_counter() - began
    told.server_cpu = cpu_of(pid) - cpu
    told.sender_cpu = time.process_time() - own


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the bytes that a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def asked(path: str, body: bytes, kind: str = "application/json") -> bytes:
    """Return a whole request."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def row(number: int, now: str) -> dict[str, object]:
    """Return one row."""
    told: dict[str, object] = {"id": f"r{number}", "at": now, "score": 0.25}
    told |= {f"x{k}": number * 0.5 + k for k in range(FEATURES)}
    return told | {"city": "Roma", "plan": "basic"}


def singles(path: str, *, listed: bool = False) -> Callable[[], tuple[bytes, int]]:
    """Return what makes requests of one row each."""
    count = iter(range(1 << 60))
    now = datetime.now(UTC).isoformat()

    def make() -> tuple[bytes, int]:
        told = row(next(count), now)
        return asked(path, json.dumps([told] if listed else told).encode()), 1

    return make


def batches(path: str) -> Callable[[], tuple[bytes, int]]:
    """Return what makes requests of Arrow batches; the ids are new each time."""
    count = iter(range(1 << 60))
    now = datetime.now(UTC)
    told = [row(i, "") for i in range(BATCH)]
    columns = {
        name: pa.array([r[name] for r in told]) for name in told[0] if name != "at"
    }
    columns["at"] = pa.array([now] * BATCH, pa.timestamp("us", "UTC"))

    def make() -> tuple[bytes, int]:
        stem = next(count)
        columns["id"] = pa.array([f"b{stem}-{i}" for i in range(BATCH)])
        table = pa.table(columns)
        sink = BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        kind = "application/vnd.apache.arrow.stream"
        return asked(path, sink.getvalue(), kind), BATCH

    return make


@contextmanager
def running(code: str, *arguments: str, port: int) -> Iterator[int]:
    """Run a server in a process of its own; yield its id."""
    server = subprocess.Popen(
        [sys.executable, "-c", code, *arguments, str(port)],
        cwd=ROOT,
        env={**os.environ, "DO_NOT_TRACK": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
        yield server.pid
    finally:
        assert server.stdin is not None
        server.stdin.close()
        if code is COLLECTOR:
            server.terminate()
        server.wait(120)


def ours(folder: Path, seconds: float, connections: int, only: str | None) -> None:
    """Measure the daemon, and count what landed."""
    features = "\n".join(f"      x{k}: {{kind: numeric}}" for k in range(FEATURES))
    (folder / "driftd.yaml").write_text(CONFIG.replace("FEATURES", features))
    port, path = free_port(), "/v1/models/bench/predictions"
    taken = 0
    with running(SERVER, str(folder / "driftd.yaml"), port=port) as pid:
        for what, make, open_ in (
            ("singles", singles(path), connections),
            ("arrow", batches(path), 2),
        ):
            if only in {None, what}:
                told = Figures(what=f"driftd, {what}, durable")
                asyncio.run(
                    pressed((port, pid), make, told, seconds=seconds, connections=open_)
                )
                print(told.line())
                taken += told.rows
    ids = pa.chunked_array(
        [
            chunk
            for file in (folder / "ingest/bench/predictions").glob("date=*/*.parquet")
            for chunk in pq.read_table(file, columns=["id"])["id"].chunks
        ],
        pa.string(),
    )
    distinct = len(ids.unique())
    print(f"landed {len(ids):,} rows, {distinct:,} ids; acknowledged {taken:,}")
    assert len(ids) == distinct >= taken


def collector(folder: Path, seconds: float, connections: int) -> None:
    """Measure evidently's collector on the same rows."""
    config = {
        "collectors": {
            "bench": {
                "id": "bench",
                "trigger": {
                    "type": "evidently:collector_trigger:IntervalTrigger",
                    "interval": 1e9,
                    "last_triggered": time.time(),
                },
                "report_config": {
                    "metrics": [],
                    "tests": [],
                    "options": {},
                    "metadata": {},
                    "tags": [],
                },
                "project_id": "0",
                "api_url": "http://127.0.0.1:9",
            }
        },
    }
    (folder / "collector.json").write_text(json.dumps(config))
    port = free_port()
    with running(COLLECTOR, str(folder / "collector.json"), port=port) as pid:
        told = Figures(what="evidently's collector, in memory")
        make = singles("/bench/data", listed=True)
        asyncio.run(
            pressed((port, pid), make, told, seconds=seconds, connections=connections)
        )
        print(told.line())


def main() -> None:
    """Measure both, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", choices=["singles", "arrow", "collector"])
    options = parser.parse_args()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f} before it began")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        folder = Path(place)
        if options.only != "collector":
            ours(folder, options.seconds, options.connections, options.only)
        if options.only in {None, "collector"}:
            collector(folder, options.seconds, options.connections)


if __name__ == "__main__":
    main()
