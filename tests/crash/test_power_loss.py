"""When the power fails, every row that was acknowledged is on the disk, once."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.landing import Folder, Landing, Shape
from tests.crash.disk import Disk, cleared, watched
from tests.crash.figures import note

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SEED = int(os.environ.get("DRIFTD_SEED", "20130501"))
ROUNDS = int(os.environ.get("DRIFTD_OUTAGES", "1"))


def batch(*ids: str, days: int = 0) -> pa.RecordBatch:
    times = pa.array([NOW - timedelta(days=days)] * len(ids), pa.timestamp("us", "UTC"))
    return pa.record_batch({"id": list(ids), "at": times})


class Sent:
    """What a sender began to send, and what was acknowledged to it."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.acknowledged: set[str] = set()

    def to(self, landing: Landing, *ids: str, days: int = 0) -> None:
        self.begun |= {*ids}
        landing.append([batch(*ids, days=days)], NOW)
        self.acknowledged |= {*ids}


def ids_in(folder: Path) -> list[str]:
    rows = Folder(folder).rows()
    ids = [i for f in rows.files for i in pq.read_table(f)["id"].to_pylist()]
    return ids + [i for table in rows.tables for i in table["id"].to_pylist()]


def assert_whole(folder: Path, shape: Shape, sent: Sent) -> None:
    """Look as a reader would, take rows in again, land all of them, and look again."""
    for turn in ("first", "second"):
        if folder.exists() or sent.acknowledged:
            found = ids_in(folder)
            assert len(found) == len(set(found))
            assert sent.acknowledged <= {*found}
            assert {*found} <= {*sent.begun, "first"}
        with Landing.open(folder, shape) as landing:
            landing.append([batch(turn)], NOW)
            landing.land(NOW, everything=True)


@pytest.mark.parametrize("key", [("id",), ()], ids=["keyed", "without a key"])
def test_power_that_fails_at_any_step_costs_no_row_and_doubles_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: tuple[str, ...]
) -> None:
    root, failed = tmp_path / "disk", tmp_path / "failed"
    root.mkdir()
    disk, sent, chance = Disk(root, tmp_path / "aside"), Sent(), Random(SEED)
    shape, place = Shape(key=key, time="at"), Path("churn/predictions")
    failures = 0

    def fail() -> None:
        nonlocal failures
        for how in (None, *[chance] * ROUNDS):
            disk.fail(cleared(failed), how)
            assert_whole(failed / place, shape, sent)
            failures += 1

    with watched(disk, monkeypatch, fail):
        for turn in range(2):
            with Landing.open(root / place, shape) as landing:
                sent.to(landing, f"a{turn}", f"b{turn}")
                sent.to(landing, f"c{turn}", days=1)
                landing.land(NOW, everything=True)
                sent.to(landing, f"d{turn}")
                if key:
                    sent.to(landing, f"d{turn}", f"a{turn}")
                landing.land(NOW, everything=True)
        with Landing.open(root / place, shape) as landing:
            merged = [landing.merge(NOW + timedelta(hours=h)) for h in (1, 2, 4, 6)]
    assert_whole(root / place, shape, sent)
    assert failures > 100
    assert sum(merged) > 1
    note("power lost at a step of the ingest server", times=failures)
