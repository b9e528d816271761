"""Rows that were sent are found by their days, and while their files are merged."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from monitor.errors import SourceError
from monitor.landing import Folder, Landing, Shape
from monitor.landing.merging import QUIET
from monitor.sources.ingest import IngestSource
from monitor.window import Window

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = Window(NOW, NOW + DAY)
SHAPE = Shape(key=("id",), time="at")


def rows(*values: int, at: datetime | None = NOW, **more: pa.Array) -> pa.RecordBatch:
    times = pa.array([at] * len(values), pa.timestamp("us", "UTC"))
    ids = [str(value) for value in values]
    return pa.record_batch({"id": ids, "at": times, "value": [*values], **more})


def source(path: Path) -> IngestSource:
    options = IngestSource.Options(path=str(path))
    return IngestSource(options, base=path, timestamp="at")


def values(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [value for batch in batches for value in batch["value"].to_pylist()]


def land(landing: Landing, *batches: pa.RecordBatch, at: datetime = NOW) -> None:
    for batch in batches:
        landing.append([batch], at)
        landing.land(at, everything=True)


@pytest.fixture
def five(tmp_path: Path) -> Iterator[Landing]:
    """Five files of a day, and rows in the log."""
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, *(rows(2 * i, 2 * i + 1) for i in range(5)))
        landing.append([rows(10, 11)], NOW)
        yield landing


def merged(landing: Landing) -> None:
    landing.merge(NOW)
    assert landing.merge(NOW + 2 * QUIET) == 5


def test_a_reading_goes_on_while_its_files_are_merged(
    five: Landing, tmp_path: Path
) -> None:
    reading = source(tmp_path).read(TODAY, ["value"])
    first = next(reading)
    merged(five)
    assert values(iter([first, *reading])) == list(range(12))


def test_row_groups_are_read_when_their_files_were_merged_meanwhile(
    five: Landing, tmp_path: Path
) -> None:
    five.land(NOW, everything=True)
    groups = source(tmp_path).fragments(TODAY)
    assert groups is not None
    merged_files = Folder(tmp_path).files()
    five.merge(NOW)
    assert five.merge(NOW + 2 * QUIET) == 6
    assert not any(file.exists() for file in merged_files)
    found = [
        value
        for group in groups.parts
        for _, piece in group.read(["value"])
        for value in piece.to_pylist()
    ]
    assert found == list(range(12))


def test_a_reading_that_outlasts_its_files_is_to_be_tried_again(
    five: Landing, tmp_path: Path
) -> None:
    reading = source(tmp_path).read(TODAY, ["value"])
    next(reading)
    merged(five)
    for hours in (3, 9):
        five.merge(NOW + hours * QUIET)
    with pytest.raises(SourceError, match="vanished while it was read") as caught:
        list(reading)
    assert not caught.value.permanent


def garble(*files: Path) -> None:
    for file in files:
        file.write_bytes(b"no Parquet")


def test_a_window_lists_and_opens_what_lies_in_its_days_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, *(rows(i, at=NOW - i * DAY) for i in range(30)))
        land(landing, rows(40, at=None), rows(50))
        landing.append([rows(60), rows(61, at=NOW - 9 * DAY), rows(62, at=None)], NOW)
    garble(*(f for f in Folder(tmp_path).files() if "=2026-03-02" not in str(f)))
    listed: list[str] = []
    everything = os.listdir

    def told(path: Path) -> list[str]:
        listed.append(Path(path).name)
        return everything(path)

    monkeypatch.setattr(os, "listdir", told)
    assert values(source(tmp_path).read(TODAY, None)) == [0, 50, 60]
    days = {name for name in listed if name.startswith("date=")}
    assert days == {"date=2026-03-02"}
    with pytest.raises(SourceError, match="no whole Parquet file"):
        list(source(tmp_path).read(None, None))


@pytest.mark.parametrize("hours", [(23, 25), (24, 48), (23, 24), (12, 72)])
def test_a_window_finds_its_rows_wherever_its_edges_lie(
    tmp_path: Path, hours: tuple[int, int]
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(80):
            landing.append([rows(i, at=NOW + timedelta(hours=i))], NOW + 9 * DAY)
            if i % 20 == 0:
                landing.land(NOW, everything=True)
    window = Window(*(NOW + timedelta(hours=hour) for hour in hours))
    assert sorted(values(source(tmp_path).read(window, None))) == list(range(*hours))


def test_a_late_row_is_found_in_the_window_of_its_time(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, rows(1), at=NOW)
        land(landing, rows(2), rows(3, at=NOW + 5 * DAY), at=NOW + 5 * DAY)
    assert values(source(tmp_path).read(TODAY, None)) == [1, 2]


def test_rows_that_are_dated_by_their_receipt_are_looked_for_on_all_days(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path, Shape(key=("id",))) as landing:
        land(landing, rows(1), at=NOW + 7 * DAY)
        landing.append([rows(2), rows(3, at=NOW + DAY)], NOW + 8 * DAY)
    assert values(source(tmp_path).read(TODAY, None)) == [1, 2]


def test_an_empty_window_has_the_columns_of_the_newest_rows(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([rows(1)], NOW)
        assert source(tmp_path).schema().names == ["id", "at", "value"]
        (empty,) = source(tmp_path).read(Window(NOW - DAY, NOW), None)
        assert (empty.num_rows, empty.schema.names) == (0, ["id", "at", "value"])
        land(landing, rows(2, at=NOW + DAY, extra=pa.array([1.5])))
    (empty,) = source(tmp_path).read(Window(NOW - DAY, NOW), None)
    assert (empty.num_rows, empty.schema.names[-1]) == (0, "extra")
