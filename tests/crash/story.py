"""A story of many windows, told by a process that is killed again and again.

`python -m tests.crash.story DIRECTORY SEED KILLS` evaluates window after window, and
delivers what follows from them, in a child process that gets a SIGKILL at a random
moment, KILLS times; the last child goes on for a few windows and ends well. The number
of windows is printed. Everything that reached a receiver is a line of
`DIRECTORY/received.jsonl`. A fourth argument tells that many windows in one go.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import structlog

from checks.verdict import Family, Status, Verdict
from monitor import retraining
from monitor.action import Action, Delivery, Kind, Receipt
from monitor.clock import ManualClock
from monitor.deliver import deliver_due
from monitor.incident import Policy, advance
from monitor.notice import Context, Group, Routing, notify
from monitor.retraining import RetrainPolicy, reason_to_retrain
from monitor.store import Consequences, RunRecord, Store
from tests.monitor.examples import DAY, FIRST, run, statistic, verdict, window

MORE = 20
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
        line = {"action": self.name, "id": delivery.id, "body": dict(delivery.body)}
        out = os.open(self.file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(out, json.dumps(line).encode() + b"\n")
        os.close(out)
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


def evaluate(store: Store, day: int) -> None:
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
        run=run(day, verdicts=verdicts(day)),
        profile=bytes(1000),
        consequences=consequences,
    )
    store.record_run(record)


def deliver(store: Store, folder: Path, clock: ManualClock) -> None:
    rng = Random(1)
    deliver_due(store, sinks(folder), clock=clock, rng=rng, lease=timedelta(hours=1))


def tell(folder: Path, windows: int, ready: int | None = None) -> None:
    """Tell the story from wherever it broke off, up to a number of windows."""
    clock = ManualClock(FIRST)
    with Store.open(f"sqlite:///{folder}/driftd.db") as store:
        if ready is not None:
            os.write(ready, b"!")
        done = store.windows_done(MODEL, MONITOR)
        for day in range(windows):
            clock.move_to(window(day).end)
            if window(day).start not in done:
                evaluate(store, day)
                deliver(store, folder, clock)
        while store.oldest_pending() is not None:
            clock.advance(timedelta(hours=2))
            deliver(store, folder, clock)


def child(folder: Path, windows: int, *, wait: bool = False) -> int:
    """Start telling in a process of its own and return its id.

    With `wait`, not before it has opened its store.
    """
    listen, speak = os.pipe()
    started = os.fork()
    if started == 0:
        try:
            tell(folder, windows, speak)
        except BaseException as error:  # noqa: BLE001 - the parent reads the exit code
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(speak)
    if wait:
        os.read(listen, 1)
    os.close(listen)
    return started


def kill_at_random(folder: Path, seed: int, kills: int) -> int:
    """Tell and kill; return how many windows the last child is to reach."""
    chance = Random(seed)
    with TemporaryDirectory() as scratch:
        tell(Path(scratch), 10)  # what is loaded once need not be loaded by each child
    for _ in range(kills):
        # One in five dies before it has opened the store, the others in their work.
        opened = chance.random() < 0.8
        running = child(folder, sys.maxsize, wait=opened)
        time.sleep(chance.uniform(0.0, 0.25 if opened else 0.03))
        os.kill(running, signal.SIGKILL)
        _, status = os.waitpid(running, 0)
        if not os.WIFSIGNALED(status):
            sys.exit("the story broke off by itself")
    with Store.open(f"sqlite:///{folder}/driftd.db") as store:
        return len(store.windows_done(MODEL, MONITOR)) + MORE


def main(folder: Path, seed: int, kills: int, windows: int = 0) -> None:
    """Tell the story, killed or in one go."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    windows = windows or kill_at_random(folder, seed, kills)
    _, status = os.waitpid(child(folder, windows), 0)
    print(windows)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:]]
    main(Path(sys.argv[1]), *numbers)
