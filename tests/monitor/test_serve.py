"""The daemon as a process: answers, works, stops when told, and survives a kill."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import yaml

from monitor.window import floor
from tests.monitor.production import DAY, config, serve_days

ROOT = Path(__file__).parents[2]
SOON = 30.0
DAYS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Prepare a model whose last days are those before today; end what was started."""
    config(tmp_path, actions="{journal: {type: log}}", tells=["journal"])
    yield tmp_path
    while _STARTED:
        killed(_STARTED.pop())


_STARTED: list[subprocess.Popen[str]] = []


def driftd(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "monitor.cli", *map(str, arguments)]


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the daemon on a free port; return it and its address."""
    with (folder / "log.jsonl").open("a") as log:
        daemon = subprocess.Popen(
            driftd("serve", folder / "driftd.yaml", "--port", "0"),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    _STARTED.append(daemon)
    assert daemon.stdout is not None
    line = daemon.stdout.readline()
    assert line.startswith("driftd serves http://"), (folder / "log.jsonl").read_text()
    return daemon, line.split()[2]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=SOON) as answer:  # noqa: S310 - ours
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask the store from outside; nothing as long as it is not there."""
    try:
        with closing(
            sqlite3.connect(f"file:{folder}/driftd.db?mode=ro", uri=True)
        ) as db:
            return db.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def ended(daemon: subprocess.Popen[str]) -> int:
    """Tell the daemon to stop, and return how it exits."""
    daemon.send_signal(signal.SIGTERM)
    return daemon.wait(SOON)


def killed(daemon: subprocess.Popen[str]) -> None:
    """Take the daemon down without a word, if it is still up."""
    daemon.kill()
    daemon.wait(SOON)
    if daemon.stdout is not None:
        daemon.stdout.close()


def test_the_daemon_answers_works_and_exits_0_when_it_is_told_to_stop(
    folder: Path,
) -> None:
    today = floor(datetime.now(UTC), DAY)
    serve_days(folder, 2, start=today - 2 * DAY)
    daemon, url = started(folder)

    assert get(f"{url}/livez")[0] == 200
    eventually(lambda: get(f"{url}/readyz")[0] == 200)
    eventually(lambda: len(query(folder, "SELECT status FROM run")) == 1)
    assert 'driftd_windows_evaluated_total{model="shop"' in get(f"{url}/metrics")[1]
    (model,) = json.loads(get(f"{url}/v1/models")[1])["models"]
    assert model["model"] == "shop"

    told = time.monotonic()
    assert ended(daemon) == 0
    assert time.monotonic() - told < 10
    lines = (folder / "log.jsonl").read_text().splitlines()
    (last,) = [json.loads(line) for line in lines if '"stopped"' in line]
    assert last["finished"]


def test_a_daemon_that_is_killed_evaluates_and_tells_each_window_once(
    folder: Path,
) -> None:
    today = floor(datetime.now(UTC), DAY)
    first = today - DAYS * DAY
    serve_days(folder, DAYS, start=first, drifted=DAYS - 2)
    began = (first + DAY + timedelta(minutes=1)).isoformat()
    subprocess.run(
        driftd("run", folder / "driftd.yaml", "--now", began),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )

    for windows in (2, 4):
        daemon, _ = started(folder)
        eventually(partial(evaluated, folder, windows))
        killed(daemon)
    daemon, _ = started(folder)
    eventually(partial(evaluated, folder, DAYS))
    eventually(lambda: query(folder, _SENT) == [("first", "delivered")])
    assert ended(daemon) == 0

    windows_told = query(folder, _WINDOWS)
    assert len(windows_told) == len(set(windows_told)) == DAYS
    assert query(folder, "SELECT count(*) FROM incident") == [(1,)]
    assert query(folder, _SENT) == [("first", "delivered")]


def evaluated(folder: Path, windows: int) -> bool:
    return len(query(folder, _WINDOWS)) >= windows


_WINDOWS = "SELECT window_start FROM run WHERE monitor = 'daily'"
_SENT = "SELECT reason, outcome FROM outbox"


def test_a_port_that_is_taken_is_a_line_with_a_fix_and_exits_2(folder: Path) -> None:
    _, url = started(folder)
    taken = url.rpartition(":")[2]
    config = yaml.safe_load((folder / "driftd.yaml").read_text())
    other = {**config, "store": "sqlite:///other.db"}
    (folder / "other.yaml").write_text(yaml.safe_dump(other))
    second = subprocess.run(
        driftd("serve", folder / "other.yaml", "--port", taken),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 2
    (line,) = second.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1:{taken}" in line
    assert "Fix: " in line


def test_a_second_daemon_on_one_file_is_refused_until_the_first_is_gone(
    folder: Path,
) -> None:
    first, _ = started(folder)
    second = subprocess.run(
        driftd("serve", folder / "driftd.yaml"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 3
    (line,) = second.stderr.splitlines()
    assert f"another driftd serves this store (process {first.pid})" in line
    assert "Fix: stop it" in line

    killed(first)
    third, _ = started(folder)
    assert ended(third) == 0


def test_ctrl_c_stops_it_as_well(folder: Path) -> None:
    daemon, _ = started(folder)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(SOON) == 0
