"""Files of a day are merged, and each row is read once at every moment meanwhile."""

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.landing import Folder, Landing, LandingError, Shape
from monitor.landing import merged as written
from monitor.landing.days import keys_path, wherever
from monitor.landing.merging import GRACE, LATER, LEAST, QUIET
from tests.monitor.landing.steps import Killed, full_at, killed_at, watched

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHAPE = Shape(key=("id",), time="at")
DAY = timedelta(days=1)


def rows(*values: int, at: datetime | None = NOW, keyed: bool = True) -> pa.RecordBatch:
    """Return rows that are known by their value, or by nothing."""
    times = pa.array([at] * len(values), pa.timestamp("us", "UTC"))
    ids = pa.array([str(v) if keyed else None for v in values], pa.string())
    return pa.record_batch({"id": ids, "at": times, "value": pa.array(values)})


def land(landing: Landing, *batches: pa.RecordBatch) -> None:
    landing.append(batches, NOW)
    landing.land(NOW, everything=True)


def merge(landing: Landing, at: datetime = NOW + 2 * QUIET) -> int:
    """Merge until there is nothing to be merged; return how many files were."""
    total = landing.merge(NOW)
    while merged := landing.merge(at):
        total += merged
    return total


def read(path: Path) -> list[int]:
    """Return the values that a reader of its own finds."""
    found = Folder(path).rows()
    tables = [wherever(file, pq.read_table) for file in found.files]
    return [v for t in [*tables, *found.tables] for v in t["value"].to_pylist()]


def names(path: Path, pattern: str = "*.parquet") -> list[str]:
    return sorted(file.name for file in path.glob(f"date=*/{pattern}"))


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Landing]:
    """Three files of a day, some of whose rows have no id."""
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, rows(1, 2), rows(3, keyed=False))
        land(landing, rows(4), rows(5, keyed=False))
        land(landing, rows(6), rows(7, keyed=False))
        yield landing


# ── what becomes of the files ────────────────────────────────────────────────────


def test_the_small_files_of_a_day_become_one_in_their_order(
    three: Landing, tmp_path: Path
) -> None:
    assert merge(three) == 3
    assert names(tmp_path) == ["00000001-00000003.parquet"]
    assert read(tmp_path) == [1, 2, 3, 4, 5, 6, 7]


def test_other_programs_see_no_file_of_what_was_merged(
    three: Landing, tmp_path: Path
) -> None:
    merge(three)
    (day,) = Folder(tmp_path).days()
    told = pq.ParquetDataset(day).files
    assert [Path(file).name for file in told] == ["00000001-00000003.parquet"]
    # DuckDB and Polars take whatever ends in .parquet, also `_x` and `.x`.
    assert names(tmp_path, "[._]*.parquet") == []


def test_a_row_that_was_merged_is_still_known_when_it_is_sent_again(
    three: Landing, tmp_path: Path
) -> None:
    merge(three)
    land(three, rows(1, 4, 6, 8))
    assert sorted(read(tmp_path)) == list(range(1, 9))


def test_a_row_is_known_when_the_keys_of_a_merged_file_are_lost(
    three: Landing, tmp_path: Path
) -> None:
    merge(three)
    (file,) = Folder(tmp_path).files()
    keys_path(file).unlink()
    land(three, rows(1, 8))
    assert sorted(read(tmp_path)) == list(range(1, 9))


def test_what_was_merged_is_deleted_after_a_while_and_not_before(
    three: Landing, tmp_path: Path
) -> None:
    merge(three)
    merge(three, NOW + 2 * QUIET + GRACE / 2)
    assert len(names(tmp_path, "*.merged")) == 3
    merge(three, NOW + 2 * QUIET + 2 * GRACE)
    assert names(tmp_path, "*") == [
        "00000001-00000003.parquet",
        "_00000001-00000003.ids",
    ]


def test_a_day_on_which_rows_still_come_is_merged_by_larger_runs(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(LEAST - 1):
            land(landing, rows(i))
        assert landing.merge(NOW) == 0
        land(landing, rows(LEAST))
        assert landing.merge(NOW) == LEAST
        land(landing, rows(LEAST + 1))
        assert landing.merge(NOW) == 0


def test_a_merged_file_is_as_old_as_the_newest_of_its_parts(
    three: Landing, tmp_path: Path
) -> None:
    for age, file in enumerate(Folder(tmp_path).files(), 1):
        os.utime(file, (10**9 + age, 10**9 + age))
    merge(three)
    (file,) = Folder(tmp_path).files()
    assert file.stat().st_mtime == 10**9 + 3


def test_files_of_others_in_the_folder_of_a_day_are_left_alone(
    three: Landing, tmp_path: Path
) -> None:
    (day,) = Folder(tmp_path).days()
    others = ["1-9.parquet", "2026-03.parquet", "mine.parquet", "00000002-x.parquet"]
    others += ["_mine.merged", "mine.ids", "_mine.ids", "mine.partial", "0.merged"]
    for name in others:
        (day / name).write_bytes(b"mine")
    assert merge(three) == 3
    assert merge(three, NOW + 4 * QUIET + GRACE) == 0
    assert read(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    assert set(others) < set(names(tmp_path, "*"))


def test_a_day_that_cannot_be_merged_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(4):
            land(landing, rows(i, at=NOW - i % 2 * DAY))
    replace = os.replace

    def refused(old: Path, new: Path) -> None:
        if "date=2026-03-02" in str(new):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace(old, new)

    monkeypatch.setattr(os, "replace", refused)
    with Landing.open(tmp_path, SHAPE) as landing:
        with pytest.raises(LandingError, match=r"cannot be merged.*Permission"):
            landing.merge(NOW)
        assert landing.merge(NOW) == 0
        assert landing.merge(NOW + LATER) == 2
    assert len(names(tmp_path)) == 3
    assert sorted(read(tmp_path)) == [0, 1, 2, 3]


def test_days_of_long_ago_are_merged_too(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(20):
            land(landing, rows(i, at=NOW - i % 5 * DAY))
    with Landing.open(tmp_path, SHAPE) as landing:
        turns = [landing.merge(NOW) for _ in range(6)]
    assert turns == [4, 4, 4, 4, 4, 0]
    assert len(names(tmp_path)) == 5
    assert sorted(read(tmp_path)) == list(range(20))


def test_rows_without_a_time_are_merged_too(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(3):
            land(landing, rows(i, at=None))
        assert merge(landing) == 3
    assert read(tmp_path) == [0, 1, 2]


def test_a_segment_that_is_still_in_the_log_is_not_merged(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, rows(1))
        land(landing, rows(2))
        landing.append([rows(3)], NOW)
        segment = landing.folder.segment(3).read_bytes()
        landing.land(NOW, everything=True)
        landing.folder.segment(3).write_bytes(segment)  # as if it died just before
        assert merge(landing) == 2
        assert merge(landing) == 0
        assert names(tmp_path) == ["00000001-00000002.parquet", "00000003.parquet"]
        assert read(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_segment_that_was_merged_and_comes_back_is_read_and_landed_once(
    tmp_path: Path, number: int
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(1, 4):
            landing.append([rows(2 * i), rows(2 * i + 1, keyed=False)], NOW)
            segment = landing.folder.segment(i).read_bytes()
            if i == number:
                kept = segment
            landing.land(NOW, everything=True)
        merge(landing)
    Folder(tmp_path).segment(number).write_bytes(kept)
    assert read(tmp_path) == [2, 3, 4, 5, 6, 7]
    with Landing.open(tmp_path, SHAPE) as landing:
        assert landing.land(NOW).repeated == 1
        assert read(tmp_path) == [2, 3, 4, 5, 6, 7]
        land(landing, rows(8))
        landing.merge(NOW)
    assert Folder(tmp_path).segments() == []
    assert names(tmp_path) == ["00000001-00000003.parquet", "00000004.parquet"]
    assert read(tmp_path) == list(range(2, 9))


def test_numbers_go_on_behind_those_that_were_merged(tmp_path: Path) -> None:
    for i in range(3):
        with Landing.open(tmp_path, SHAPE) as landing:
            land(landing, rows(2 * i), rows(2 * i + 1))
            merge(landing)
            land(landing, rows(100 + i))
    assert names(tmp_path) == ["00000001-00000005.parquet", "00000006.parquet"]


def test_merging_stops_when_something_else_is_to_be_done(
    three: Landing, tmp_path: Path
) -> None:
    before = names(tmp_path, "*")
    assert three.merge(NOW + 2 * QUIET, lambda: False) == 0
    assert names(tmp_path, "*") == before
    assert three.merge(NOW + 4 * QUIET) == 3


def test_rows_are_written_in_groups_whose_times_tell_which_a_window_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "GROUP_ROWS", 100)
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(12):
            batch = rows(*range(40 * i, 40 * i + 40), at=NOW + timedelta(minutes=i))
            land(landing, batch)
        merge(landing)
    (file,) = Folder(tmp_path).files()
    footer = pq.read_metadata(file)
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    assert [group.num_rows for group in groups] == [80] * 6
    spans = [group.column(1).statistics for group in groups]
    assert [(span.max - span.min).seconds for span in spans] == [60] * 6
    assert read(tmp_path) == list(range(480))


# ── columns that differ ──────────────────────────────────────────────────────────


def with_column(number: int, values: pa.Array | None) -> pa.RecordBatch:
    batch = rows(*range(2 * number, 2 * number + 2))
    return batch if values is None else batch.append_column("extra", values)


def extra(path: Path) -> list[object]:
    """Return the values of the column that not all files have."""
    found: list[object] = []
    for file in Folder(path).files():
        table = pq.read_table(file)
        there = "extra" in table.column_names
        found += table["extra"].to_pylist() if there else [None] * table.num_rows
    return found


WIDER = [
    (None, pa.array([1.5, None]), [None, None, 1.5, None]),
    (pa.nulls(2), pa.array(["a", "b"]), [None, None, "a", "b"]),
    (pa.array([1, 2]), pa.array([0.5, None]), [1.0, 2.0, 0.5, None]),
    (pa.array([1, 2], pa.int8()), pa.array([1 << 40, 3]), [1, 2, 1 << 40, 3]),
]


@pytest.mark.parametrize(("first", "second", "merged"), WIDER)
def test_columns_that_hold_the_same_are_merged(
    tmp_path: Path,
    first: pa.Array | None,
    second: pa.Array | None,
    merged: list[object],
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, with_column(0, first))
        land(landing, with_column(1, second))
        assert merge(landing) == 2
    assert extra(tmp_path) == merged


UNLIKE = [
    (pa.array([1.5, 2.5]), pa.array(["a", "1.5"])),
    (pa.array([True, False]), pa.array([1, 0])),
    (pa.array([NOW, NOW]), pa.array(["a", "b"])),
    (pa.array([[1], [2]]), pa.array([1, 2])),
]


@pytest.mark.parametrize(("first", "second"), UNLIKE)
def test_columns_that_would_lose_something_keep_their_files_apart(
    tmp_path: Path, first: pa.Array, second: pa.Array
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for number, values in enumerate([first, first, second, second, second]):
            land(landing, with_column(number, values))
        assert merge(landing) == 5
    assert names(tmp_path) == [
        "00000001-00000002.parquet",
        "00000003-00000005.parquet",
    ]
    assert extra(tmp_path) == [*first.to_pylist() * 2, *second.to_pylist() * 3]


def test_whole_numbers_too_long_for_a_float_are_not_made_one(tmp_path: Path) -> None:
    long = (1 << 60) + 1
    with Landing.open(tmp_path, SHAPE) as landing:
        land(landing, with_column(0, pa.array([0.5, 1.5])))
        land(landing, with_column(1, pa.array([long, 3])))
        land(landing, with_column(2, pa.array([2, 3])))
        merge(landing)
    assert extra(tmp_path) == [0.5, 1.5, long, 3, 2, 3]


@pytest.mark.parametrize("harm", ["cut", "garbled"])
def test_a_file_that_cannot_be_read_is_left_and_the_others_are_merged(
    tmp_path: Path, harm: str
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(5):
            land(landing, rows(*range(100 * i, 100 * i + 100)))
        bad = Folder(tmp_path).files()[2]
        whole = bad.read_bytes()
        torn = whole[:50] if harm == "cut" else whole[:4] + bytes(900) + whole[904:]
        bad.write_bytes(torn)
        assert merge(landing) == 4
    assert names(tmp_path) == [
        "00000001-00000002.parquet",
        "00000003.parquet",
        "00000004-00000005.parquet",
    ]
    assert bad.read_bytes() == torn


def test_a_merged_file_has_a_bounded_number_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MOST_ROWS", 25)
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(6):
            land(landing, rows(*range(10 * i, 10 * i + 10)))
        merge(landing)
    assert [pq.read_metadata(f).num_rows for f in Folder(tmp_path).files()] == [20] * 3
    assert read(tmp_path) == list(range(60))


# ── readers meanwhile ────────────────────────────────────────────────────────────


def test_a_reader_that_listed_before_reads_what_was_merged_since(
    three: Landing, tmp_path: Path
) -> None:
    found = Folder(tmp_path).rows()
    merge(three)
    assert not any(file.exists() for file in found.files)
    values = [wherever(f, pq.read_table)["value"].to_pylist() for f in found.files]
    assert values == [[1, 2, 3], [4, 5], [6, 7]]


def test_a_file_that_is_gone_for_good_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mine\.parquet"):
        wherever(tmp_path / "mine.parquet", Path.stat)


def test_a_row_is_read_once_before_each_step_of_landing_and_merging(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(3):
            land(landing, rows(3 * i), rows(3 * i + 1, keyed=False))
            land(landing, rows(3 * i + 2, at=NOW - DAY, keyed=False))
        landing.append([rows(9), rows(10, keyed=False)], NOW)
        seen: list[str] = []

        def look(_: int, what: str) -> None:
            seen.append(what)
            assert sorted(read(tmp_path)) == list(range(11))

        with watched(look):
            landing.land(NOW, everything=True)
            assert merge(landing) == 7
            landing.merge(NOW + 2 * QUIET + GRACE)
    assert {"open", "replace", "unlink", "fsync"} == set(seen)
    assert names(tmp_path, "*.merged") == []


def test_a_reader_whose_listing_was_overtaken_lists_again(
    three: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.listdir
    (day,) = Folder(tmp_path).days()
    seen: list[Path] = []

    def torn(path: Path) -> list[str]:
        """List as a disk may: without what came, and without what went meanwhile."""
        if path != day or seen:
            return listed(path)
        before = set(listed(path))
        seen.append(path)
        merge(three)
        return sorted(before & set(listed(path)))

    monkeypatch.setattr(os, "listdir", torn)
    assert sorted(read(tmp_path)) == [1, 2, 3, 4, 5, 6, 7]
    assert seen


# ── crashes ──────────────────────────────────────────────────────────────────────

SENT = list(range(8))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs take no time: not the machine dies here, but the process."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


def told(path: Path) -> Landing:
    """Append rows of two days, which have landed in part."""
    landing = Landing.open(path, SHAPE)
    land(landing, rows(0, 1), rows(2, keyed=False, at=NOW - DAY))
    land(landing, rows(3, keyed=False), rows(4, at=NOW - DAY))
    landing.append([rows(5, keyed=False), rows(6), rows(7, at=NOW - DAY)], NOW)
    return landing


def all_of_it(landing: Landing) -> None:
    landing.land(NOW, everything=True)
    merge(landing)
    merge(landing, NOW + 2 * QUIET + GRACE)


def steps_of(path: Path) -> int:
    """Count the steps that the whole of it takes."""
    last = 0

    def count(taken: int, _: str) -> None:
        nonlocal last
        last = taken

    with told(path) as landing, watched(count):
        all_of_it(landing)
    return last + 1


def ended(landing: Landing) -> None:
    """Let go of the folder as the system does when a process ends."""
    os.close(landing._owned)


@pytest.mark.usefixtures("at_once")
def test_nothing_is_lost_or_doubled_by_a_kill_at_any_step(tmp_path: Path) -> None:
    steps = steps_of(tmp_path / "whole")
    assert steps > 30
    for step in range(steps):
        path = tmp_path / str(step)
        landing = told(path)
        with watched(killed_at(step)), pytest.raises(Killed):
            all_of_it(landing)
        ended(landing)
        assert sorted(read(path)) == SENT
        with Landing.open(path, SHAPE) as landing:
            assert sorted(read(path)) == SENT
            land(landing, rows(0, 4, 7, at=NOW), rows(4, 7, at=NOW - DAY))
            all_of_it(landing)
        assert sorted(read(path)) == sorted([*SENT, 4, 7])  # of another day
        assert len(names(path)) < 5
        assert len(names(path, "*")) == 2 * len(names(path))  # each with its keys
        shutil.rmtree(path)


@pytest.mark.usefixtures("at_once")
def test_nothing_is_lost_or_doubled_where_the_disk_is_full_at_any_step(
    tmp_path: Path,
) -> None:
    failed = 0
    for step in range(steps_of(tmp_path / "whole")):
        path = tmp_path / str(step)
        with told(path) as landing:
            with watched(full_at(step)):
                try:
                    all_of_it(landing)
                except LandingError as error:
                    failed += "No space left" in str(error)
            assert sorted(read(path)) == SENT
            landing.land(NOW, everything=True)
            landing.merge(NOW + LATER)
            merge(landing, NOW + 3 * QUIET)
            merge(landing, NOW + 3 * QUIET + GRACE)
        assert sorted(read(path)) == SENT
        assert len(names(path)) < 5
        assert len(names(path, "*")) == 2 * len(names(path))
        shutil.rmtree(path)
    assert failed > 20


def test_no_file_is_merged_where_rows_need_the_room(
    three: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    assert three.merge(NOW) == 0
    with pytest.raises(LandingError, match=r"cannot be merged.*No space left"):
        three.merge(NOW + 2 * QUIET)
    assert three.merge(NOW + 2 * QUIET) == 0  # not at every turn
    assert len(names(tmp_path)) == 3
