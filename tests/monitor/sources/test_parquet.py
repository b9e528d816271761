"""Parquet files: layouts, pruning, differing schemas, and files that are broken."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import Source, open_source
from monitor.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = Window(START, START + DAY)


def write(path: Path, day: datetime = START, rows: int = 4, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    times = [day + i * DAY / rows for i in range(rows)]
    table = pa.table({"t": pa.array(times, pa.timestamp("us", "UTC")), **columns})
    pq.write_table(table, path)
    return path


def parquet(base: Path, path: str | list[str], **options: Any) -> Source:
    section = Plugin(type="parquet", options={"path": path, **options}, base=base)
    return open_source(section, timestamp="t")


def rows(
    source: Source, window: Window | None = None, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(list(source.read(window, columns)))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def days(base: Path, count: int = 5) -> None:
    for i in range(count):
        day = START + i * DAY
        write(base / f"log/date={day:%Y-%m-%d}/part.parquet", day, n=[i] * 4)


@pytest.mark.parametrize(
    "path",
    [
        "log",
        "log/date=*/*.parquet",
        "log/**/*.parquet",
        ["log/date=2013-04-0[1-3]/*.parquet", "log/date=2013-04-0[3-5]/part.parquet"],
    ],
)
def test_folders_globs_and_lists_mean_each_file_once(
    tmp_path: Path, path: str | list[str]
) -> None:
    days(tmp_path)
    found = [row["n"] for row in rows(parquet(tmp_path, path))]
    assert found == [n for n in range(5) for _ in range(4)]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_file_that_is_named_in_several_ways_counts_once(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "log").mkdir()
    write(tmp_path / "log/a.parquet")
    (tmp_path / "log/a.csv").write_text("t,n\n2013-04-01,1\n")
    ways = ["a.{}", "./a.{}", "../log/a.{}", f"{tmp_path}/log/a.{{}}"]
    path = [way.format(kind) for way in ways]
    section = Plugin(type=kind, options={"path": path}, base=tmp_path / "log")
    once = 4 if kind == "parquet" else 1
    assert len(rows(open_source(section, timestamp="t"))) == once


def test_an_absolute_path_needs_no_base(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet")
    assert len(rows(parquet(Path("/nowhere"), str(file)))) == 4


def test_a_file_whose_name_has_a_wildcard_is_itself(tmp_path: Path) -> None:
    write(tmp_path / "a[1].parquet")
    write(tmp_path / "a1.parquet")
    assert len(rows(parquet(tmp_path, "a[1].parquet"))) == 4


def test_names_of_the_writer_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "log/a.parquet")
    write(tmp_path / "log/_temporary/b.parquet")
    (tmp_path / "log/.c.parquet").write_bytes(b"half")
    (tmp_path / "log/_SUCCESS").touch()
    assert len(rows(parquet(tmp_path, "log"))) == 4
    assert len(rows(parquet(tmp_path, "log/**"))) == 4


def test_partitions_of_other_days_are_not_opened(tmp_path: Path) -> None:
    days(tmp_path)
    far = tmp_path / "log/date=2013-04-05/part.parquet"
    far.write_bytes(b"no parquet")
    assert [row["n"] for row in rows(parquet(tmp_path, "log"), TODAY)] == [0] * 4


def test_a_late_row_in_the_next_days_partition_is_found(tmp_path: Path) -> None:
    write(tmp_path / "log/date=2013-04-01/a.parquet", START)
    write(tmp_path / "log/date=2013-04-02/a.parquet", START + DAY / 2)
    assert len(rows(parquet(tmp_path, "log"), TODAY)) == 6


def test_the_slack_of_partitions_can_be_set(tmp_path: Path) -> None:
    write(tmp_path / "log/date=2013-04-03/a.parquet", START)
    assert rows(parquet(tmp_path, "log"), TODAY) == []
    assert len(rows(parquet(tmp_path, "log", partition_slack="2d"), TODAY)) == 4


def test_a_date_partition_of_another_name_prunes_when_it_is_named(
    tmp_path: Path,
) -> None:
    write(tmp_path / "log/born=1980-01-01/a.parquet")
    assert len(rows(parquet(tmp_path, "log"), TODAY)) == 4
    assert rows(parquet(tmp_path, "log", date_partition="born"), TODAY) == []


def test_a_partition_is_a_column_when_it_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "log/date=2013-04-01/shard=1/a.parquet", n=[1] * 4)
    write(tmp_path / "log/date=2013-04-02/shard=2/a.parquet", START + DAY, n=[2] * 4)
    source = parquet(tmp_path, "log")
    assert source.schema().names == ["t", "n"]
    found = rows(source, TODAY, ["date", "shard", "n"])
    assert found[0] == {"date": date(2013, 4, 1), "shard": 1, "n": 1}


def test_partitions_alone_can_be_read(tmp_path: Path) -> None:
    days(tmp_path, 2)
    found = rows(parquet(tmp_path, "log"), None, ["date"])
    assert [row["date"].day for row in found] == [1] * 4 + [2] * 4


def test_a_partition_without_a_value_is_null(tmp_path: Path) -> None:
    write(tmp_path / "log/place=__HIVE_DEFAULT_PARTITION__/a.parquet")
    write(tmp_path / "log/place=New%20York/a.parquet")
    found = rows(parquet(tmp_path, "log"), None, ["place"])
    assert {row["place"] for row in found} == {None, "New York"}


def test_a_date_partition_can_be_the_time(tmp_path: Path) -> None:
    for day in (1, 2):
        path = tmp_path / f"log/date=2013-04-0{day}/a.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"n": [day]}), path)
    section = Plugin(type="parquet", options={"path": "log"}, base=tmp_path)
    source = open_source(section, timestamp="date")
    assert rows(source, TODAY) == [{"n": 1}]


def test_row_groups_of_other_times_are_not_decoded(tmp_path: Path) -> None:
    times = [START + i * DAY / 10 for i in range(30)]
    table = pa.table({"t": pa.array(times, pa.timestamp("us", "UTC")), "n": range(30)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=10, compression="NONE")
    metadata = pq.ParquetFile(path).metadata.row_group(2).column(1)
    broken = bytearray(path.read_bytes())
    start = metadata.dictionary_page_offset or metadata.data_page_offset
    broken[start : start + metadata.total_compressed_size] = bytes(
        metadata.total_compressed_size
    )
    path.write_bytes(broken)
    source = parquet(tmp_path, "a.parquet")
    assert [row["n"] for row in rows(source, TODAY)] == list(range(10))
    with pytest.raises(SourceError, match=r"a\.parquet"):
        rows(source, Window(START + 2 * DAY, START + 3 * DAY))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kathmandu"])
def test_any_unit_and_zone_of_time_is_cut_at_the_same_moments(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    times = [START - timedelta(seconds=1), START, START + DAY - timedelta(seconds=1)]
    kind = pa.timestamp(unit, zone)
    stored = pa.array(times, pa.timestamp(unit, "UTC")).cast(kind)
    for group in (1, 3):
        pq.write_table(pa.table({"t": stored}), tmp_path / "a.parquet", group)
        found = rows(parquet(tmp_path, "a.parquet"), TODAY)
        assert [row["t"] for row in found] == times[1:]


@pytest.mark.parametrize(
    "stored",
    [
        pa.array(["2013-04-01T06:00:00Z", "2013-04-01T23:00:00-05:00"]),
        pa.array(["2013-04-01 06:00:00", "2013-04-02 04:00:00"]),
        pa.array([date(2013, 4, 1), date(2013, 4, 2)]),
        pa.array(["2013-04-01", "2013-04-02"]).dictionary_encode(),
    ],
)
def test_texts_and_dates_serve_as_times(tmp_path: Path, stored: pa.Array) -> None:
    pq.write_table(pa.table({"t": stored, "n": [1, 2]}), tmp_path / "a.parquet")
    assert rows(parquet(tmp_path, "a.parquet"), TODAY, ["n"]) == [{"n": 1}]


@pytest.mark.parametrize("stored", [[1, 2], ["monday", "tuesday"]])
def test_a_time_that_is_none_is_told_with_its_fix(
    tmp_path: Path, stored: list[Any]
) -> None:
    pq.write_table(pa.table({"t": stored}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: column 't' is .*Fix") as caught:
        rows(parquet(tmp_path, "a.parquet"), TODAY)
    assert caught.value.permanent


def test_a_file_without_the_time_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: column 't' is not there"):
        rows(parquet(tmp_path, "a.parquet"), TODAY)


def test_a_column_that_one_file_lacks_is_null_there(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", rows=1, x=[1.5])
    write(tmp_path / "b.parquet", rows=1, y=["z"])
    found = rows(parquet(tmp_path, "*.parquet"), None, ["x", "y"])
    assert found == [{"x": 1.5, "y": None}, {"x": None, "y": "z"}]


def test_a_column_that_the_window_no_longer_has_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", START - 9 * DAY, old=[1] * 4)
    write(tmp_path / "b.parquet", START, new=[1] * 4)
    source = parquet(tmp_path, "*.parquet")
    batches = list(source.read(TODAY, ["t", "old", "new"]))
    assert batches[0].schema.names == ["t", "new"]
    assert source.schema().names == ["t", "old", "new"]


@pytest.mark.parametrize(
    ("first", "second", "united"),
    [
        (pa.array([1], pa.int8()), pa.array([300], pa.int64()), [1, 300]),
        (pa.array([1], pa.int64()), pa.array([0.5]), [1.0, 0.5]),
        (pa.array([2**24 + 1], pa.int32()), pa.array([0.5], pa.float32()), None),
        (pa.array([None], pa.null()), pa.array(["x"]), [None, "x"]),
        (pa.array(["x"]).dictionary_encode(), pa.array(["y"]), ["x", "y"]),
        (pa.array(["x"], pa.large_string()), pa.array(["y"]), ["x", "y"]),
        (pa.array([1.5]), pa.array(["n/a"]), ["1.5", "n/a"]),
        (pa.array([True]), pa.array([2]), ["true", "2"]),
        (pa.array([Decimal("1.50")]), pa.array([Decimal("20.125")]), None),
    ],
)
def test_types_that_differ_are_cast_to_what_holds_both(
    tmp_path: Path, first: pa.Array, second: pa.Array, united: list[Any] | None
) -> None:
    write(tmp_path / "a.parquet", rows=1, x=first)
    write(tmp_path / "b.parquet", rows=1, x=second)
    found = [row["x"] for row in rows(parquet(tmp_path, "*.parquet"))]
    assert found == (united or [first[0].as_py(), second[0].as_py()])


def test_a_value_that_no_common_type_holds_is_told_with_file_and_column(
    tmp_path: Path,
) -> None:
    write(tmp_path / "a.parquet", rows=1, x=[2**53 + 1])
    write(tmp_path / "b.parquet", rows=1, x=[0.5])
    with pytest.raises(SourceError, match=r"a\.parquet: column 'x' is int64") as caught:
        rows(parquet(tmp_path, "*.parquet"))
    assert caught.value.permanent


def test_a_nested_column_that_is_plain_elsewhere_is_told_with_both_files(
    tmp_path: Path,
) -> None:
    write(tmp_path / "a.parquet", rows=1, x=[[1]])
    write(tmp_path / "b.parquet", rows=1, x=[1])
    with pytest.raises(SourceError, match=r"b\.parquet: column 'x'.*a\.parquet"):
        rows(parquet(tmp_path, "*.parquet"))
    assert len(rows(parquet(tmp_path, "*.parquet"), None, ["t"])) == 2


def test_a_column_that_stands_twice_is_told(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="'x' stands twice"):
        rows(parquet(tmp_path, "a.parquet"))


def test_names_with_dots_and_signs_are_plain_names(tmp_path: Path) -> None:
    names: dict[str, Any] = {"a.b": [1], "on": [2], "naïve value": [3], "=1+1": [4]}
    write(tmp_path / "a.parquet", rows=1, **names)
    found = rows(parquet(tmp_path, "a.parquet"), TODAY, list(names))
    assert found == [{"a.b": 1, "on": 2, "naïve value": 3, "=1+1": 4}]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 some text PAR1", b"\0" * 99])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.parquet: this is no whole Parquet file"):
        rows(parquet(tmp_path, "a.parquet"))


@pytest.mark.parametrize(
    ("path", "permanent"), [("a.parquet", True), ("*.parquet", False), (".", False)]
)
def test_what_is_not_there_may_come_only_where_a_pattern_waits_for_it(
    tmp_path: Path, path: str, *, permanent: bool
) -> None:
    with pytest.raises(SourceError, match=str(tmp_path)) as caught:
        rows(parquet(tmp_path, path))
    assert caught.value.permanent is permanent


def test_a_file_that_vanishes_while_it_is_read_is_worth_another_try(
    tmp_path: Path,
) -> None:
    days(tmp_path, 2)
    reading = parquet(tmp_path, "log").read(None, None)
    next(reading)
    (tmp_path / "log/date=2013-04-02/part.parquet").unlink()
    with pytest.raises(SourceError, match="vanished") as caught:
        list(reading)
    assert not caught.value.permanent


def test_a_file_that_appears_is_read_the_next_time(tmp_path: Path) -> None:
    days(tmp_path, 1)
    source = parquet(tmp_path, "log")
    assert len(rows(source)) == 4
    days(tmp_path, 2)
    assert len(rows(source)) == 8


def test_a_file_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", START)
    source = parquet(tmp_path, "a.parquet")
    assert len(rows(source, TODAY)) == 4
    write(tmp_path / "a.parquet", START + DAY, rows=5)
    assert rows(source, TODAY) == []


def test_the_version_is_put_into_the_path(tmp_path: Path) -> None:
    write(tmp_path / "registry/7/reference.parquet")
    section = Plugin(
        type="parquet",
        options={"path": "registry/{version}/reference.parquet"},
        base=tmp_path,
    )
    assert len(rows(open_source(section, timestamp=None, version="7"))) == 4


@pytest.mark.parametrize(
    "version", ["..", "../../etc", "a/b", "", "..\\etc", "*", "[a-z]", "?", "a\0"]
)
def test_a_version_cannot_lead_out_of_its_folder(tmp_path: Path, version: str) -> None:
    section = Plugin(type="parquet", options={"path": "{version}/a"}, base=tmp_path)
    with pytest.raises(SourceError, match="cannot be part of a path"):
        open_source(section, timestamp=None, version=version)


def test_a_large_file_is_read_in_batches_of_bounded_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = pa.table({f"x{i}": rng.standard_normal(1_000_000) for i in range(8)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=250_000)
    peak, before, sizes = 0, pa.total_allocated_bytes(), []
    for batch in parquet(tmp_path, "a.parquet").read(None, None):
        sizes.append(batch.num_rows)
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 65_536
    assert peak < table.nbytes / 2
