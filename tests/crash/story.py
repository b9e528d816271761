"""A story of many windows, told by a process that is killed again and again.

`python -m tests.crash.story DIRECTORY STORE SEED KILLS` takes in the rows of window
after window, evaluates it, and delivers what follows, in a child process that gets a
SIGKILL at a random moment, KILLS times; the last child goes on for a few windows and
ends well. The number of windows is printed. Everything that reached a receiver is a
line of `DIRECTORY/received.jsonl`. A fifth argument tells that many windows in one go.

With FULL in place of KILLS nobody is killed: files cannot grow at random moments, as on
a full disk, and what failed is tried again once there is room.
"""

import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow as pa
import structlog

from checks.verdict import Family, Status, Verdict
from monitor import retraining
from monitor.action import Action, Delivery, Kind, Receipt
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.deliver import deliver_due
from monitor.errors import SourceError, StoreError
from monitor.incident import Policy, advance
from monitor.landing import Folder, Landing, LandingError, Shape
from monitor.notice import Context, Group, Routing, notify
from monitor.retraining import RetrainPolicy, reason_to_retrain
from monitor.sources.base import open_source
from monitor.store import Consequences, RunRecord, Store
from tests.monitor.examples import DAY, FIRST, run, statistic, verdict, window

MORE = 20
ROWS = 3
"""Rows of a window."""
SHAPE = Shape(key=("id",), time="at")
NETWORK = 0.004
"""Seconds that a request or an answer is under way: moments to be killed in."""
MODEL, MONITOR = "flights", "daily"
POLICY = Policy(for_=2, keep_firing_for=2)
RETRAIN = RetrainPolicy(cooldown=3 * DAY, patience=2 * DAY)


@dataclass
class Sink:
    """A receiver outside the process that is killed: a line once written stays."""

    name: str
    file: Path
    takes: Kind = Kind.NOTICE
    idempotent: bool = True
    type: str = "sink"
    on: frozenset[Family] = frozenset(Family)

    def perform(self, delivery: Delivery) -> Receipt:
        time.sleep(NETWORK)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit[1], limit[1]))
        line = {"action": self.name, "id": delivery.id, "body": dict(delivery.body)}
        out = os.open(self.file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(out, json.dumps(line).encode() + b"\n")
        os.close(out)
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)  # another's disk has room
        time.sleep(NETWORK)
        return Receipt(remote_id=delivery.id)


def sinks(folder: Path) -> Mapping[str, Action]:
    file = folder / "received.jsonl"
    made = [
        Sink("team", file),
        Sink("log", file),
        Sink("keyed", file, takes=Kind.RETRAINING),
        Sink("unkeyed", file, takes=Kind.RETRAINING, idempotent=False),
    ]
    return {sink.name: sink for sink in made}


def verdicts(day: int) -> list[Verdict]:
    """Say the same about a day whenever it is asked."""
    chance = Random(day)
    weights = (3, 1, 4, 1)
    return [
        verdict(
            chance.choices(list(Status), weights)[0],
            column=column,
            found=statistic(chance.uniform(0.1, 2.0)),
            cause="no rows",
        )
        for column in ("temp", "wind", "carrier")
    ]


def take(landing: Landing, day: int) -> None:
    """Take in a window's rows as a client sends them: again, where it was not heard."""
    at = [window(day).start + timedelta(hours=hour) for hour in range(ROWS)]
    rows = pa.record_batch(
        {
            "id": [f"{day}-{hour}" for hour in range(ROWS)],
            "at": pa.array(at, pa.timestamp("us", "UTC")),
        }
    )
    landing.append([rows], window(day).end)
    if day % 5 == 0:
        landing.land(window(day).end, everything=True)


def served(folder: Path, day: int) -> int:
    """Count the rows that a window has."""
    rows = Folder(folder / "rows")
    section = Plugin(type="ingest", options={"path": str(rows.path)})
    found = open_source(section, timestamp="at").read(window(day), ["id"])
    return sum(batch.num_rows for batch in found)


def evaluate(store: Store, folder: Path, day: int) -> None:
    """Commit one window and what follows from it."""
    now = window(day).end
    numbers = count(1)
    before = store.open_incidents(MODEL, MONITOR)
    moves = advance(
        before,
        verdicts(day),
        model=MODEL,
        monitor=MONITOR,
        window=window(day),
        policy=POLICY,
        now=now,
        new_id=lambda: f"i{day}-{next(numbers)}",
    )
    after = {one.id: one for one in before}
    after |= {move.incident.id: move.incident for move in moves}
    deliveries: list[Delivery] = []
    for action in ("team", "log"):
        told = store.told(MODEL, MONITOR, action)
        heard = store.incidents(told.incident_ids) if told else []
        standing = {one.id: one for one in heard} | after
        sent = notify(
            Group.of(MODEL, MONITOR, standing.values()),
            told,
            action=action,
            routing=Routing(repeat=5 * DAY),
            context=Context(window=window(day)),
            now=now,
        )
        deliveries += [sent] if sent else []
    asked = []
    for action in ("keyed", "unkeyed"):
        past = [one for one in store.retrainings(MODEL) if one.action == action]
        decision = reason_to_retrain(after.values(), past, now, RETRAIN)
        if decision.retrain:
            made = retraining.request(
                decision,
                model=MODEL,
                monitor=MONITOR,
                model_version="1",
                action=action,
                window=window(day),
                now=now,
            )
            asked.append(made)
            deliveries.append(retraining.delivery(made, decision, reference_id="ref"))
    consequences = Consequences(
        moves=tuple(moves), deliveries=tuple(deliveries), retrainings=tuple(asked)
    )
    record = RunRecord(
        run=replace(run(day, verdicts=verdicts(day)), rows=served(folder, day)),
        profile=bytes(1000),
        consequences=consequences,
    )
    store.record_run(record)


def deliver(store: Store, folder: Path, clock: ManualClock) -> None:
    rng = Random(1)
    deliver_due(store, sinks(folder), clock=clock, rng=rng, lease=timedelta(hours=1))


Through = Callable[[Callable[[], None], str], None]
"""Does something, that writes to files of a pattern, whatever stands in the way."""


def straight(act: Callable[[], None], files: str) -> None:
    """Do something once."""
    del files
    act()


def tell(
    folder: Path,
    url: str,
    windows: int,
    ready: int | None = None,
    through: Through = straight,
) -> None:
    """Tell the story from wherever it broke off, up to a number of windows."""
    clock = ManualClock(FIRST)
    rows = Landing.open(folder / "rows", SHAPE)
    with rows as landing, Store.open(url) as store:
        if ready is not None:
            os.write(ready, b"!")
        done = store.windows_done(MODEL, MONITOR)
        for day in range(windows):
            clock.move_to(window(day).end)
            if window(day).start not in done:
                through(partial(take, landing, day), "rows/wal/*.wal")
                through(partial(evaluate, store, folder, day), "*.db-wal")
                through(partial(deliver, store, folder, clock), "*.db-wal")
        while store.oldest_pending() is not None:
            clock.advance(timedelta(hours=2))
            deliver(store, folder, clock)


def child(folder: Path, url: str, windows: int) -> tuple[int, int]:
    """Start telling in a process of its own; return its id, and where it counts.

    It writes a byte there when its store is open, and one after each thing it does.
    """
    listen, speak = os.pipe()

    def counted(act: Callable[[], None], files: str) -> None:
        straight(act, files)
        os.write(speak, b".")

    started = os.fork()
    if started == 0:
        os.close(listen)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        try:
            tell(folder, url, windows, speak, counted)
        except BaseException as error:  # noqa: BLE001 - the parent reads the exit code
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(speak)
    return started, listen


def kill_at_random(folder: Path, url: str, seed: int, kills: int) -> int:
    """Tell and kill; return how many windows the last child is to reach."""
    chance = Random(seed)
    with TemporaryDirectory() as scratch:
        tell(
            Path(scratch), f"sqlite:///{scratch}/driftd.db", 10
        )  # what is loaded once need not be loaded by each child
    for _ in range(kills):
        running, count = child(folder, url, sys.maxsize)
        # One in five dies before it has opened the store, the others in their work.
        for _ in range(chance.randint(1, 10) if chance.random() < 0.8 else 0):
            os.read(count, 1)
        time.sleep(chance.uniform(0.0, 0.03))
        os.kill(running, signal.SIGKILL)
        _, status = os.waitpid(running, 0)
        if not os.WIFSIGNALED(status):
            sys.exit("the story broke off by itself")
        os.close(count)
    with Store.open(url) as store:
        return len(store.windows_done(MODEL, MONITOR)) + MORE


def on_a_full_disk(folder: Path, url: str, seed: int, windows: int) -> None:
    """Tell the story while files may not grow beyond a random size, half of the time.

    What fails is done again once there is room, as the next round does it.
    """
    signal.signal(
        signal.SIGXFSZ, signal.SIG_IGN
    )  # then writing fails, as it does there
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    chance, failures = Random(seed), Counter[str]()

    def room(most: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))

    def through(act: Callable[[], None], files: str) -> None:
        if chance.random() < 0.5:
            written = max((f.stat().st_size for f in folder.rglob(files)), default=0)
            room(written + int(10 ** chance.uniform(1, 4.5)))
        try:
            act()
        except (StoreError, LandingError, SourceError) as error:
            failures[type(error).__name__] += 1
            room(hard)
            act()
        finally:
            room(hard)

    tell(folder, url, windows, through=through)
    print(json.dumps(failures))


def main(
    folder: Path, url: str, seed: int, kills: int | None, windows: int = 0
) -> None:
    """Tell the story, killed, on a full disk, or in one go."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    if kills is None:
        on_a_full_disk(folder, url, seed, windows)
        return
    windows = windows or kill_at_random(folder, url, seed, kills)
    told, count = child(folder, url, windows)
    while os.read(count, 4096):
        pass
    _, status = os.waitpid(told, 0)
    print(windows)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    place, store, *numbers = sys.argv[1:]
    kills = None if numbers[1] == "FULL" else int(numbers[1])
    main(Path(place), store, int(numbers[0]), kills, *map(int, numbers[2:]))
