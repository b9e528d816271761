"""Several replicas on one database, killed and stopped while they work.

`python -m tests.crash.replicas FOLDER URL SEED TROUBLES REPLICAS` evaluates every due
window of a few models, and delivers what follows, in that many processes. TROUBLES
times one of them, at a random moment, gets a SIGKILL (another takes its place) or is
stopped for longer than a lease and then goes on. It ends when all is done; what
reached a receiver is a line of `FOLDER/received.jsonl`, and what replicas said of
themselves is in `FOLDER/log`.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import structlog
import yaml
from pyarrow import parquet

from monitor.app import App, World
from monitor.clock import ManualClock, SystemClock
from monitor.deliver import deliver_due
from monitor.errors import StoreError
from monitor.opening import read_config
from monitor.store import Store
from tests.crash.story import Sink

MODELS = ("churn", "fraud", "price")
WINDOW = timedelta(hours=1)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
LEASE = timedelta(seconds=1)
PER_WINDOW = 40


def prepare(folder: Path, url: str, windows: int) -> None:
    """Write the models' rows and a config, and see their versions at the beginning."""
    times = pa.timestamp("us", "UTC")
    for number, name in enumerate(MODELS):
        rng = np.random.default_rng([number, 1])
        for part, rows, start in (
            ("reference", 20 * PER_WINDOW, BEGIN - 20 * WINDOW),
            ("log", windows * PER_WINDOW, BEGIN),
        ):
            step = WINDOW / PER_WINDOW
            amount = rng.normal(50, 10, rows)
            if part == "log":  # every third stretch of four windows has drifted
                amount += 40 * ((np.arange(rows) // (4 * PER_WINDOW)) % 3 == 1)
            table = pa.table(
                {
                    "id": [f"{name}-{i}" for i in range(rows)],
                    "at": pa.array([start + i * step for i in range(rows)], times),
                    "amount": amount,
                    "plan": rng.choice(["basic", "plus"], rows),
                }
            )
            path = folder / name / f"{part}.parquet"
            path.parent.mkdir(exist_ok=True)
            parquet.write_table(table, path)
    (folder / "driftd.yaml").write_text(yaml.safe_dump(config(url)))
    with Store.open(url) as store:
        for name in MODELS:
            store.see_version(name, "1", BEGIN + WINDOW)


def config(url: str) -> dict[str, object]:
    model = {
        "task": "regression",
        "version": "1",
        "columns": {
            "id": {"role": "id"},
            "at": {"role": "timestamp"},
            "amount": {"role": "prediction", "kind": "numeric"},
            "plan": {"kind": "categorical"},
        },
        "monitors": {
            "hourly": {"window": "1h", "actions": ["team"], "min_rows": 10, "for": 1}
        },
    }
    return {
        "store": url,
        "actions": {"team": {"type": "log"}},
        "models": {
            name: {
                **model,
                "reference": {"type": "parquet", "path": f"{name}/reference.parquet"},
                "source": {"type": "parquet", "path": f"{name}/log.parquet"},
            }
            for name in MODELS
        },
    }


def work(folder: Path, now: datetime, name: str, spoken: int | None = None) -> None:
    """Be a replica until it is told to stop; say so when a window is done."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    out = (folder / "log").open("a", buffering=1)
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(out),
    )
    sinks = {"team": Sink("team", folder / "received.jsonl")}
    world = World(clock=ManualClock(now), lease=LEASE, replica=name)
    with App(read_config(folder / "driftd.yaml", {}), world) as app:

        def deliver() -> None:
            clock, rng = SystemClock(), Random(1)
            deliver_due(app.store, sinks, clock=clock, rng=rng, lease=LEASE)

        while not stopped:
            try:
                # Not `app.round`, which would have a report drawn of all that fires.
                for _ in app.cycle.run(now):
                    if spoken is not None:
                        os.write(spoken, b".")
                    deliver()
                    if stopped:
                        break
                deliver()
            except StoreError as error:
                # PostgreSQL ends the connection of one that stands still in a commit.
                structlog.get_logger().warning("store_failed", cause=str(error))
            time.sleep(0.05)


def replica(folder: Path, now: datetime, name: str, spoken: int | None = None) -> int:
    """Start a replica in a process of its own and return its id."""
    started = os.fork()
    if started == 0:
        try:
            work(folder, now, name, spoken)
        except BaseException as error:  # noqa: BLE001 - the parent reads the exit code
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return started


def done(store: Store, windows: int) -> bool:
    every = all(len(store.windows_done(name, "hourly")) >= windows for name in MODELS)
    return every and store.oldest_pending() is None


class Trouble:
    """Kills and stops replicas at random, and starts others for the dead."""

    def __init__(self, folder: Path, now: datetime, seed: int, replicas: int) -> None:
        self._folder = folder
        self._now = now
        self._chance = Random(seed)
        self._made = 0
        self.running = [self._replica() for _ in range(replicas)]

    def _replica(self) -> int:
        self._made += 1
        return replica(self._folder, self._now, f"r{self._made}")

    def make(self) -> None:
        """Hit one replica after a random while."""
        time.sleep(self._chance.uniform(0.05, 0.8))
        place = self._chance.randrange(len(self.running))
        victim = self.running[place]
        if self._chance.random() < 0.5:
            os.kill(victim, signal.SIGKILL)
            _, status = os.waitpid(victim, 0)
            if not os.WIFSIGNALED(status):
                sys.exit("a replica ended by itself")
            self.running[place] = self._replica()
            return
        os.kill(victim, signal.SIGSTOP)
        time.sleep(LEASE.total_seconds() * self._chance.uniform(1.1, 2.0))
        os.kill(victim, signal.SIGCONT)

    def end(self) -> int:
        """Tell all replicas to stop; return how many did not end well."""
        for process in self.running:
            os.kill(process, signal.SIGTERM)
        ends = [os.waitpid(process, 0)[1] for process in self.running]
        return sum(1 for status in ends if os.waitstatus_to_exitcode(status) != 0)


def main(  # noqa: PLR0913, PLR0917 - what a story is told of
    folder: Path, url: str, seed: int, troubles: int, replicas: int, windows: int
) -> None:
    """Prepare, work in trouble until all is done, and end."""
    prepare(folder, url, windows)
    now = BEGIN + windows * WINDOW
    trouble = Trouble(folder, now, seed, replicas)
    for _ in range(troubles):
        trouble.make()
    with Store.open(url) as store:
        limit = time.monotonic() + 60 + windows
        while not done(store, windows):
            if time.monotonic() > limit:
                sys.exit("it was not done in time")
            time.sleep(0.1)
    sys.exit(trouble.end())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:7]))
