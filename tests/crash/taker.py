"""A server that takes rows and is killed again and again, at random moments.

python -m tests.crash.taker FOLDER PORT SEED KILLS: each life is a fork of this process,
so that it is up at once. After the last kill one more life serves until the standard
input ends.
"""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random

from monitor.clock import SystemClock
from monitor.ingest import Desk, IngestApi, desk
from monitor.landing import landing, merging
from monitor.opening import read_config
from monitor.server import Server
from tests.monitor.ingest.pushed import nothing

LONGEST = 0.3
"""Seconds of a life at most, once it takes rows."""


def live(folder: Path, port: int, up: int) -> None:
    """Serve until killed; segments are small, and land and are merged all the time."""
    landing.SEGMENT_BYTES = 2_000
    desk.LANDING_EVERY = 0.03
    merging.QUIET, merging.GRACE = timedelta(0), timedelta(milliseconds=50)
    config = read_config(folder / "driftd.yaml", {})
    clock = SystemClock()
    with (
        Desk(config, clock.now) as taking,
        Server(IngestApi(taking, nothing), port=port),
    ):
        os.write(up, b"!")
        while True:  # the desk itself merges when nothing waits, as here something does
            time.sleep(0.02)
            for intake in taking.intakes.values():
                intake.landing.merge(clock.now())


def main(folder: Path, port: int, seed: int, kills: int) -> None:
    """Let one life follow another."""
    chance = Random(seed)
    for life in range(kills + 1):
        begun, up = os.pipe()
        child = os.fork()
        if child == 0:
            live(folder, port, up)
            os._exit(0)
        os.close(up)
        os.read(begun, 1)
        os.close(begun)
        if life == kills:
            sys.stdin.read()
        else:
            time.sleep(chance.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("killed", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
