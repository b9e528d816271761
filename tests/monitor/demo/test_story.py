"""The demo as its user sees it, with its daemon killed in the middle of the story."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "monitor.cli", "demo", "--keep"]
MIDDLE = 60
"""Windows that are evaluated before the kill: version 2 has just been seen."""


def evaluated(folder: Path) -> int:
    """Count the windows that are committed."""
    if not (folder / "driftd.db").exists():
        return 0
    try:
        with closing(
            sqlite3.connect(f"file:{folder}/driftd.db?mode=ro", uri=True)
        ) as db:
            return int(db.execute("SELECT count(*) FROM run").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.timeout(420)
def test_the_story_is_finished_after_a_kill_in_the_middle(tmp_path: Path) -> None:
    env = {**os.environ, "COLUMNS": "110"}
    with subprocess.Popen(
        [*DEMO, str(tmp_path)], env=env, stdout=subprocess.PIPE, start_new_session=True
    ) as killed:
        give_up = time.monotonic() + 180
        while evaluated(tmp_path) < MIDDLE and time.monotonic() < give_up:
            assert killed.poll() is None, "the demo ended before it could be killed"
            time.sleep(0.05)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait(10)
    before = evaluated(tmp_path)

    finished = subprocess.run(
        [*DEMO, str(tmp_path)], env=env, capture_output=True, text=True, check=False
    )

    said = finished.stdout
    assert 0 == finished.returncode, said + finished.stderr
    assert MIDDLE <= before < 275
    assert 275 == evaluated(tmp_path)
    assert "Taking up the story again on 2013-" in said
    assert "✗" not in said
    assert 14 == said.count("✓")
    assert "recomputed × 1.609344 (miles → kilometres)" in " ".join(said.split())
    assert "No retraining: the data is broken" in said
    assert "Traceback" not in finished.stderr
    with closing(sqlite3.connect(tmp_path / "driftd.db")) as db:
        assert [("ok",)] == db.execute("PRAGMA integrity_check").fetchall()
        ids = [row[0] for row in db.execute("SELECT id FROM retraining")]
    assert len(set(ids)) == len(ids)
