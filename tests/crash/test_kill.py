"""Killed at random moments, the daemon's heart loses nothing and doubles nothing."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from tests.crash.figures import note
from tests.crash.story import MORE, ROWS
from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("DRIFTD_KILLS", "12"))
SEED = int(os.environ.get("DRIFTD_SEED", "20130501"))
WINDOWS = max(25, KILLS)
"""Windows that are told on a full disk."""

# What a state looks like from outside; times of moves are those of the windows.
STATE = {
    "run": "SELECT window_start, status, rows FROM run ORDER BY window_start",
    "verdict": 'SELECT status, "column", value FROM verdict ORDER BY run, position',
    "incident": "SELECT id, state, opened, fired, resolved FROM incident ORDER BY id",
    "transition": "SELECT incident, old, new, reason, at FROM transition ORDER BY seq",
    "outbox": "SELECT id, action, reason, body FROM outbox "
    "WHERE action IN ('team', 'log') AND reason != 'attention' ORDER BY seq",
    "keyed": "SELECT id, state, requested FROM retraining WHERE action = 'keyed'",
}
UNKEYED = "SELECT id, state FROM retraining WHERE action = 'unkeyed'"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A story that was told: in which folder, and in which database."""

    folder: Path
    url: str
    said: str

    def ask(self, sql: str) -> list[Any]:
        engine = sqlalchemy.create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.execute(text(sql)).all())

    @property
    def state(self) -> dict[str, list[Any]]:
        return {name: self.ask(sql) for name, sql in STATE.items()}

    @property
    def received(self) -> list[dict[str, Any]]:
        lines = (self.folder / "received.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def bodies(self) -> dict[str, set[str]]:
        """Return what was sent under each id, of what is sent whatever befalls."""
        found: dict[str, set[str]] = {}
        for line in self.received:
            aside = line["body"].get("reason") == "attention"
            if line["action"] != "unkeyed" and not aside:
                found.setdefault(line["id"], set()).add(json.dumps(line["body"]))
        return found


def tell(folder: Path, url: str, kills: object, windows: int = 0) -> Told:
    """Tell the story in a process of its own."""
    folder.mkdir(parents=True)
    code = [sys.executable, "-W", "error", "-m", "tests.crash.story", str(folder), url]
    told = subprocess.run(
        [*code, str(SEED), str(kills), str(windows)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return Told(folder=folder, url=url, said=told.stdout)


def database(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder}.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database().render_as_string(hide_password=False)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def told_twice(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Told, Told]:
    """Return the story told in one go, and told between kills."""
    folder = tmp_path_factory.mktemp("crash")
    url = database(request.param, folder / "killed", request)
    killed = tell(folder / "killed", url, KILLS)
    url = database(request.param, folder / "calm", request)
    calm = tell(folder / "calm", url, 0, int(killed.said))
    note(
        f"kill -9 while taking in, evaluating and delivering, on {request.param}",
        times=KILLS,
        windows=int(killed.said),
        sent=len(calm.received),
        repeated=len(killed.received) - len({one["id"] for one in killed.received}),
    )
    return calm, killed


def test_a_killed_daemon_reaches_the_state_of_one_that_was_not(
    told_twice: tuple[Told, Told],
) -> None:
    calm, killed = (told.state for told in told_twice)

    assert calm == killed
    assert len(calm["run"]) > MORE + KILLS / 2
    assert len(calm["outbox"]) > MORE


def test_each_window_has_one_run_and_all_its_rows(
    told_twice: tuple[Told, Told],
) -> None:
    runs = told_twice[1].state["run"]
    assert len({start for start, _, _ in runs}) == len(runs)
    assert {rows for _, _, rows in runs} == {ROWS}


def test_nothing_is_lost_and_every_repeat_has_the_same_id_and_body(
    told_twice: tuple[Told, Told],
) -> None:
    calm, killed = told_twice

    assert calm.bodies == killed.bodies
    assert all(len(bodies) == 1 for bodies in killed.bodies.values())
    assert len(calm.received) == len({line["id"] for line in calm.received})


def test_a_target_without_a_key_never_gets_a_second_request(
    told_twice: tuple[Told, Told],
) -> None:
    assert_asked_once(told_twice[1])


def assert_asked_once(told: Told) -> None:
    asked = Counter(one["id"] for one in told.received if one["action"] == "unkeyed")
    states = dict(map(tuple, told.ask(UNKEYED)))
    assert set(asked.values()) == {1}
    assert set(states.values()) <= {"accepted", "unknown"}
    missing = {name for name in states if name not in asked}
    assert all(states[name] == "unknown" for name in missing)


def test_a_store_that_was_killed_is_whole(told_twice: tuple[Told, Told]) -> None:
    killed = told_twice[1]
    if killed.url.startswith("sqlite"):
        assert killed.ask("PRAGMA integrity_check") == [("ok",)]


def test_a_full_disk_costs_time_and_nothing_else(tmp_path: Path) -> None:
    """Files cannot grow, at random moments; what failed is done again later."""
    calm = tell(tmp_path / "calm", f"sqlite:///{tmp_path}/calm.db", 0, WINDOWS)
    full = tell(
        tmp_path / "full", f"sqlite:///{tmp_path}/full/driftd.db", "FULL", WINDOWS
    )

    failures = json.loads(full.said)
    assert failures["StoreError"] > 3
    assert failures["LandingError"] > 3
    assert calm.state == full.state
    assert calm.bodies == full.bodies
    assert_asked_once(full)
    assert full.ask("PRAGMA integrity_check") == [("ok",)]
    note("full disk", times=sum(failures.values()), windows=WINDOWS)
