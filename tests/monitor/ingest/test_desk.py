"""The desk merges small files when nothing else is to be done."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from monitor.clock import ManualClock
from monitor.ingest import Desk, desk
from monitor.landing import Folder
from monitor.landing.landing import SEGMENT_AGE
from monitor.landing.merging import QUIET
from tests.monitor.ingest.pushed import NOW, config, found, row, serving


def awaited(path: Path, names: list[str], meanwhile: Callable[[], object]) -> None:
    """Wait until the landed files are called so."""
    until = time.monotonic() + 60
    while [file.name for file in Folder(path).files()] != names:
        assert time.monotonic() < until, Folder(path).files()
        meanwhile()
        time.sleep(0.01)


def test_rows_that_were_sent_land_and_their_files_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "LANDING_EVERY", 0.01)
    with serving(tmp_path) as pushed:
        path = pushed.desk.intakes["churn", "predictions"].landing.folder.path
        assert pushed.post("predictions", [row(0)])[0] == 200
        pushed.clock.advance(SEGMENT_AGE)
        awaited(path, ["00000001.parquet"], lambda: None)
        assert pushed.post("predictions", [row(1)])[0] == 200
        awaited(
            path, ["00000001-00000002.parquet"], lambda: pushed.clock.advance(QUIET / 2)
        )
        assert pushed.post("predictions", [row(1), row(2)])[0] == 200
        ids = found(pushed.config)["id"].to_pylist()
    assert ids == ["p0", "p1", "p2"]


def test_merging_gives_way_to_rows_that_wait_and_to_the_end(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    with Desk(config(tmp_path), clock.now) as taking:
        landing = taking.intakes["churn", "labels"].landing
        assert taking._merging_goes_on()
        landing._sealed += desk.WAITING_BYTES + 1
        assert not taking._merging_goes_on()
        landing._sealed -= desk.WAITING_BYTES + 1
    assert not taking._merging_goes_on()


def test_the_tables_take_turns_and_rest_for_longer_than_it_took(tmp_path: Path) -> None:
    read = config(tmp_path)
    clock = ManualClock(NOW)

    def slow() -> datetime:
        clock.advance(timedelta(seconds=2))
        return clock.now()

    with Desk(read, clock.now) as taking:
        landing = taking.intakes["churn", "predictions"].landing
        for i in range(2):
            batch = pa.record_batch({"id": [str(i)], "at": [NOW]})
            landing.append([batch], NOW)
            landing.land(NOW, everything=True)
    taking = Desk(read, slow)
    with ExitStack() as stack:
        stack.push(taking.__exit__)
        first, *others = taking._turns
        assert first == ("churn", "predictions")
        taking._merge(first)
        assert taking._turns == [*others, first]
        assert taking._merging_from == clock.now() + timedelta(seconds=18)
