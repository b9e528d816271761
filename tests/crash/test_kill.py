"""Killed at random moments, the daemon's heart loses nothing and doubles nothing."""

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.crash.story import MORE

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("DRIFTD_KILLS", "40"))
SEED = int(os.environ.get("DRIFTD_SEED", "20130501"))

# What a state looks like from outside; times of moves are those of the windows.
STATE = {
    "run": "SELECT model, monitor, window_start, status FROM run ORDER BY window_start",
    "verdict": 'SELECT status, "column", value FROM verdict ORDER BY run, position',
    "incident": "SELECT id, state, opened, fired, resolved FROM incident ORDER BY id",
    "transition": "SELECT incident, old, new, reason, at FROM transition ORDER BY seq",
    "outbox": "SELECT id, action, reason, body FROM outbox "
    "WHERE action IN ('team', 'log') AND reason != 'attention' ORDER BY seq",
    "keyed": "SELECT id, state, requested FROM retraining WHERE action = 'keyed'",
}


def tell(folder: Path, kills: int, windows: int = 0) -> int:
    """Tell the story in a process of its own and return how many windows it has."""
    folder.mkdir()
    code = [sys.executable, "-W", "error", "-m", "tests.crash.story", str(folder)]
    told = subprocess.run(
        [*code, str(SEED), str(kills), str(windows)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


def state(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(folder / "driftd.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {name: connection.execute(sql).fetchall() for name, sql in STATE.items()}
    finally:
        connection.close()


def received(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "received.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def told_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folders of the story told in one go, and told between kills."""
    folder = tmp_path_factory.mktemp("crash")
    windows = tell(folder / "killed", KILLS)
    assert windows == tell(folder / "calm", 0, windows)
    return folder / "calm", folder / "killed"


def test_a_killed_daemon_reaches_the_state_of_one_that_was_not(
    told_twice: tuple[Path, Path],
) -> None:
    calm, killed = (state(folder) for folder in told_twice)

    assert calm == killed
    assert len(calm["run"]) > MORE
    assert len(calm["outbox"]) > MORE


def test_nothing_is_lost_and_every_repeat_has_the_same_id_and_body(
    told_twice: tuple[Path, Path],
) -> None:
    calm, killed = (received(folder) for folder in told_twice)

    def bodies(lines: list[dict[str, Any]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for line in lines:
            if (
                line["action"] != "unkeyed"
                and line["body"].get("reason") != "attention"
            ):
                found.setdefault(line["id"], set()).add(json.dumps(line["body"]))
        return found

    assert bodies(calm) == bodies(killed)
    assert len(calm) == len({line["id"] for line in calm})


def test_a_target_without_a_key_never_gets_a_second_request(
    told_twice: tuple[Path, Path],
) -> None:
    _, killed = told_twice
    asked = Counter(one["id"] for one in received(killed) if one["action"] == "unkeyed")

    connection = sqlite3.connect(killed / "driftd.db")
    try:
        states = dict(
            connection.execute(
                "SELECT id, state FROM retraining WHERE action = 'unkeyed'"
            ).fetchall()
        )
    finally:
        connection.close()

    assert set(asked.values()) == {1}
    assert set(states.values()) <= {"accepted", "unknown"}
    missing = {name for name in states if name not in asked}
    assert all(states[name] == "unknown" for name in missing)
