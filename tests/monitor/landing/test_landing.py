"""A landing loses nothing that it took, and lands each row once."""

import shutil
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.landing import Folder, Landing, LandingError, Shape
from monitor.landing.landing import SEGMENT_AGE
from monitor.landing.segment import Contents, contents_of, read_segment

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHAPE = Shape(key=("id",), time="at")


def batch(*ids: int | str, at: datetime = NOW, amount: float = 1.5) -> pa.RecordBatch:
    times = pa.array([at] * len(ids), pa.timestamp("us", "UTC"))
    return pa.record_batch(
        {"id": [str(i) for i in ids], "at": times, "amount": [amount] * len(ids)}
    )


def landed(path: Path) -> list[str]:
    """Return the ids in the Parquet files alone."""
    return [i for f in Folder(path).files() for i in pq.read_table(f)["id"].to_pylist()]


def known(path: Path) -> list[str]:
    """Return the ids that a reader finds: landed, and in the log."""
    rows = Folder(path).rows()
    ids = [i for f in rows.files for i in pq.read_table(f)["id"].to_pylist()]
    return ids + [i for table in rows.tables for i in table["id"].to_pylist()]


def test_what_was_appended_is_read_at_once_and_by_any_process(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([batch(1, 2)], NOW)
        assert known(tmp_path) == ["1", "2"]
        assert landed(tmp_path) == []


def test_rows_land_in_the_partition_of_their_day_and_leave_the_log(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        yesterday = NOW - timedelta(days=1)
        landing.append([batch(1), batch(2, at=yesterday)], NOW)
        assert landing.land(NOW, everything=True).rows == 2

    files = [str(f.relative_to(tmp_path)) for f in Folder(tmp_path).files()]
    assert files == [
        "date=2026-03-01/00000001.parquet",
        "date=2026-03-02/00000001.parquet",
    ]
    assert Folder(tmp_path).segments() == []


def test_a_row_without_a_time_lands_beside_the_days(tmp_path: Path) -> None:
    rows = batch(1).set_column(1, "at", pa.nulls(1, pa.timestamp("us", "UTC")))
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([rows], NOW)
        landing.land(NOW, everything=True)
    (file,) = Folder(tmp_path).files()
    assert file.parent.name == "date=__HIVE_DEFAULT_PARTITION__"


def test_a_row_lands_once_however_often_it_is_sent(tmp_path: Path) -> None:
    for again in range(3):
        with Landing.open(tmp_path, SHAPE) as landing:
            landing.append([batch(1, 2, 1), batch(2, again + 10)], NOW)
            landing.append([batch(1, amount=9.0)], NOW)
            if again != 1:
                landing.land(NOW, everything=True)
    assert sorted(known(tmp_path)) == ["1", "10", "11", "12", "2"]
    assert known(tmp_path) == landed(tmp_path)
    first = pq.read_table(Folder(tmp_path).files()[0])
    assert set(first["amount"].to_pylist()) == {1.5}


def test_a_number_and_the_text_that_spells_it_are_one_id(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        numbers = batch(1).set_column(0, "id", pa.array([1]))
        landing.append([numbers, batch(1)], NOW)
        landing.land(NOW, everything=True)
    assert landed(tmp_path) == ["1"]


def test_labels_keep_every_correction_and_no_repeat(tmp_path: Path) -> None:
    shape = Shape(key=("id", "label", "known_at"), time="known_at")
    table = pa.table(
        {
            "id": ["a"] * 4,
            "label": [True, False, True, True],
            "known_at": pa.array([1, 2, 3, 1], pa.timestamp("us", "UTC")),
        }
    )
    with Landing.open(tmp_path, shape) as landing:
        landing.append(table.to_batches(), NOW)
        landing.land(NOW, everything=True)
    (file,) = Folder(tmp_path).files()
    assert pq.read_table(file)["label"].to_pylist() == [True, False, True]


def test_rows_without_a_key_are_all_kept(tmp_path: Path) -> None:
    rows = batch(1, 2).set_column(0, "id", pa.array([None, None], pa.string()))
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([rows], NOW)
        landing.land(NOW, everything=True)
    assert landed(tmp_path) == [None, None]


def test_keys_that_were_lost_are_read_from_the_rows_themselves(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([batch(1, 2)], NOW)
        landing.land(NOW, everything=True)
        (keys,) = tmp_path.glob("date=*/_*.ids")
        for harm in (keys.unlink, lambda: keys.write_bytes(b"driftdK1torn")):
            harm()
            landing.append([batch(2, 3)], NOW)
            landing.land(NOW, everything=True)
    assert landed(tmp_path) == ["1", "2", "3"]


@pytest.mark.parametrize("damage", ["cut", "turned", "emptied"])
def test_keys_that_are_damaged_are_read_from_the_rows_themselves(
    tmp_path: Path, damage: str
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([batch(1, 2)], NOW)
        landing.land(NOW, everything=True)
        (keys,) = tmp_path.rglob("*.ids")
        whole = keys.read_bytes()
        damaged = {"cut": whole[:-3], "turned": whole[:-1] + b"!", "emptied": b""}
        keys.write_bytes(damaged[damage])
        landing.append([batch(2, 3)], NOW)
        assert landing.land(NOW, everything=True).repeated == 1
    assert landed(tmp_path) == ["1", "2", "3"]


def test_rows_that_came_in_small_batches_are_dated_by_when_each_was_received(
    tmp_path: Path,
) -> None:
    midnight = NOW.replace(hour=0)
    with Landing.open(tmp_path, Shape(key=("id",))) as landing:
        for i in range(-3, 3):
            came = midnight + timedelta(seconds=i)
            landing.append([batch(i, amount=0.5)], came)
        assert len(read_segment(landing.folder.segment(1)).batches) == 2
        landing.land(NOW, everything=True)
    told = [
        (f.parent.name, i)
        for f in Folder(tmp_path).files()
        for i in pq.read_table(f)["id"].to_pylist()
    ]
    before = [("date=2026-03-01", str(i)) for i in (-3, -2, -1)]
    assert told == [*before, *(("date=2026-03-02", str(i)) for i in range(3))]


def test_a_segment_is_landed_when_it_is_old_and_not_before(tmp_path: Path) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([batch(1)], NOW)
        assert landing.land(NOW + SEGMENT_AGE / 2).rows == 0
        assert landing.land(NOW + SEGMENT_AGE).rows == 1


def test_one_process_at_a_time_takes_rows_in(tmp_path: Path) -> None:
    with (
        Landing.open(tmp_path, SHAPE),
        pytest.raises(LandingError, match="another process takes rows in here"),
    ):
        Landing.open(tmp_path, SHAPE)
    Landing.open(tmp_path, SHAPE).close()


# ── crashes ──────────────────────────────────────────────────────────────────────


def log_of(folder: Path, commits: int) -> tuple[bytes, list[int]]:
    """Append some commits; return the log's bytes, and its size after each."""
    sizes = []
    with Landing.open(folder, SHAPE) as landing:
        for i in range(commits):
            landing.append([batch(2 * i, 2 * i + 1)], NOW)
            sizes.append(landing.folder.segment(1).stat().st_size)
    return Folder(folder).segment(1).read_bytes(), sizes


def ids_of(contents: Contents) -> list[str]:
    return [i for held in contents.batches for i in held.rows["id"].to_pylist()]


def test_a_log_that_is_cut_anywhere_holds_the_commits_before(tmp_path: Path) -> None:
    whole, sizes = log_of(tmp_path / "whole", 5)
    for cut in range(len(whole) + 1):
        found = contents_of(BytesIO(whole[:cut]))
        ids = ids_of(found)
        assert ids == [str(i) for i in range(len(ids))]
        assert len(ids) == 2 * sum(size <= cut for size in sizes)
        assert not found.damaged or cut < len(whole)


def test_a_log_with_turned_bits_gives_rows_that_were_written_or_none(
    tmp_path: Path,
) -> None:
    whole, _ = log_of(tmp_path / "whole", 5)
    chance = Random(7)
    for _ in range(300):
        bit = chance.randrange(8 * len(whole))
        turned = bytearray(whole)
        turned[bit // 8] ^= 1 << bit % 8
        ids = ids_of(contents_of(BytesIO(turned)))
        assert set(ids) <= {str(i) for i in range(10)}
        assert len(ids) == len(set(ids))


def test_damage_in_the_midst_costs_the_rows_there_and_the_log_is_kept(
    tmp_path: Path,
) -> None:
    whole, sizes = log_of(tmp_path, 5)
    turned = bytearray(whole)
    turned[sizes[1] + 40] ^= 1
    Folder(tmp_path).segment(1).write_bytes(turned)
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.land(NOW)
    assert landed(tmp_path) == ["0", "1", "2", "3", "6", "7", "8", "9"]
    assert [p.name for p in Folder(tmp_path).log.glob("*.damaged")] == [
        "00000001.damaged"
    ]


def test_landing_again_after_a_crash_in_its_midst_gives_the_same(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path / "a", SHAPE) as landing:
        landing.append([batch(1, 2)], NOW)
        landing.append([batch(3, at=NOW - timedelta(days=1))], NOW)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with Landing.open(tmp_path / "a", SHAPE) as landing:
        landing.land(NOW)
    # As if the process had died in between: only some of the days are there.
    shutil.copytree(tmp_path / "a" / "date=2026-03-02", tmp_path / "b/date=2026-03-02")
    (tmp_path / "b/date=2026-03-02/.00000001.partial").write_bytes(b"torn")
    assert sorted(known(tmp_path / "b")) == ["1", "2", "3"]
    with Landing.open(tmp_path / "b", SHAPE) as landing:
        landing.land(NOW)
    assert sorted(landed(tmp_path / "b")) == ["1", "2", "3"]
    assert known(tmp_path / "b") == landed(tmp_path / "b")


def test_what_was_half_landed_by_another_time_column_is_not_kept_twice(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        landing.append([batch(1)], NOW - timedelta(days=5))
        segment = landing.folder.segment(1).read_bytes()
        landing.land(NOW, everything=True)
    Folder(tmp_path).segment(1).write_bytes(segment)
    with Landing.open(tmp_path, Shape(key=("id",))) as landing:
        landing.land(NOW)
    assert landed(tmp_path) == ["1"]


def test_a_reader_never_sees_a_row_twice_or_not_at_all_while_rows_land(
    tmp_path: Path,
) -> None:
    with Landing.open(tmp_path, SHAPE) as landing:
        for i in range(20):
            landing.append([batch(i)], NOW)
            assert sorted(known(tmp_path), key=int) == [str(j) for j in range(i + 1)]
            if i % 3 == 0:
                landing.land(NOW, everything=True)
            assert sorted(known(tmp_path), key=int) == [str(j) for j in range(i + 1)]
