"""Several replicas on one PostgreSQL do each thing once, whatever befalls them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from monitor.store import Store
from tests.crash import replicas
from tests.crash.figures import note
from tests.crash.replicas import BEGIN, LEASE, MODELS, WINDOW
from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]
WINDOWS = int(os.environ.get("DRIFTD_SLOTS", "12"))
TROUBLES = int(os.environ.get("DRIFTD_TROUBLES", "5"))
SEED = int(os.environ.get("DRIFTD_SEED", "20260301"))

# Without ids, which are drawn by chance, and in the order of what they are about.
STATE = {
    "run": "SELECT model, window_start, status, rows FROM run ORDER BY 1, 2",
    "verdict": 'SELECT model, window_start, "check", "column", v.status, value '
    "FROM verdict v JOIN run r ON v.run = r.seq ORDER BY 1, 2, position",
    "incident": 'SELECT model, family, "check", "column", state, history::text, '
    "last_window FROM incident ORDER BY 1, 2, 3, 4, last_window",
    "transition": 'SELECT model, "check", "column", old, new, reason FROM transition t '
    "JOIN incident i ON t.incident = i.id ORDER BY model, t.seq",
    "outbox": "SELECT model, reason, body ->> 'headline', outcome FROM outbox "
    "ORDER BY model, seq",
}


def told(folder: Path, postgres: Postgres, troubles: int, count: int) -> str:
    """Tell the story in a process of its own and return its database."""
    folder.mkdir()
    database = postgres.database()
    url = database.render_as_string(hide_password=False)
    numbers = map(str, (SEED, troubles, count, WINDOWS))
    code = [sys.executable, "-W", "error", "-m", "tests.crash.replicas"]
    done = subprocess.run(
        [*code, str(folder), url, *numbers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(database.database)


@pytest.fixture(scope="module")
def told_twice(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, list[Any]], dict[str, list[Any]]]:
    """Return what one replica in peace made of the story, and three in trouble."""
    folder = tmp_path_factory.mktemp("replicas")
    calm = told(folder / "calm", postgres, 0, 1)
    troubled = told(folder / "troubled", postgres, TROUBLES, 3)
    states = [
        {name: postgres.ask(sql, database=database) for name, sql in STATE.items()}
        for database in (calm, troubled)
    ]
    note(
        "three replicas, killed or stopped for longer than a lease",
        times=TROUBLES,
        slots=len(states[1]["run"]),
        sent=len(states[1]["outbox"]),
    )
    return folder, states[0], states[1]


def test_replicas_in_trouble_reach_the_state_of_one_in_peace(
    told_twice: tuple[Path, dict[str, list[Any]], dict[str, list[Any]]],
) -> None:
    _, calm, troubled = told_twice

    assert calm == troubled
    assert len(calm["run"]) == WINDOWS * len(MODELS)
    assert len(calm["outbox"]) >= len(MODELS)


def test_each_notice_is_one_and_every_repeat_has_the_same_body(
    told_twice: tuple[Path, dict[str, list[Any]], dict[str, list[Any]]],
) -> None:
    folder, _, troubled = told_twice
    lines = (folder / "troubled" / "received.jsonl").read_text().splitlines()
    bodies: dict[str, set[str]] = {}
    for line in map(json.loads, lines):
        bodies.setdefault(line["id"], set()).add(json.dumps(line["body"]))

    assert len(bodies) == len(troubled["outbox"])
    assert all(len(body) == 1 for body in bodies.values())
    assert len(lines) - len(bodies) <= TROUBLES  # only what was hit is sent again


def test_a_replica_that_stood_still_longer_than_its_lease_is_fenced_off(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database().render_as_string(hide_password=False)
    replicas.prepare(tmp_path, url, WINDOWS)
    program = (
        "import sys; from pathlib import Path; from tests.crash import replicas as r\n"
        "folder, name = Path(sys.argv[1]), sys.argv[2]\n"
        f"r.work(folder, r.BEGIN + {WINDOWS} * r.WINDOW, name, 1)"
    )

    def start(name: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, str(tmp_path), name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )

    first = start("first")
    with ExitStack() as ending, Store.open(url) as store:
        ending.callback(first.kill)
        assert first.stdout is not None
        first.stdout.read(2)  # it is in the middle of its first model
        first.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        second = start("second")
        ending.callback(second.kill)
        eventually(lambda: replicas.done(store, WINDOWS))
        took_over = time.monotonic() - stopped
        first.send_signal(signal.SIGCONT)
        log = tmp_path / "log"
        # Stopped in the middle of a commit, it has lost its connection before.
        ends = ("was lost to second", "store_failed")
        eventually(lambda: any(end in log.read_text() for end in ends))
        for process in (first, second):
            process.terminate()
            assert process.stdout is not None
            process.stdout.close()

        assert [first.wait(20), second.wait(20)] == [0, 0]
        assert took_over > LEASE.total_seconds()
        for name in MODELS:
            starts = sorted(store.windows_done(name, "hourly"))
            assert starts == [BEGIN + n * WINDOW for n in range(WINDOWS)]


def eventually(true: Any) -> None:
    """Wait until something is true, for a while."""
    limit = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.05)
