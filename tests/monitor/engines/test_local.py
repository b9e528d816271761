"""The engine of one machine: the same profile and sample whichever way rows come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from checks.profile import Bins
from checks.schema import Column, Kind, Role, Schema
from checks.segment import Condition, Declared, Segment
from monitor.config import Plugin
from monitor.engines.base import Counted, Fragmented, Rows
from monitor.engines.columns import CROWD
from monitor.engines.local import LocalEngine
from monitor.errors import SourceError
from monitor.sources.base import open_source
from monitor.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEEP = 50
SCHEMA = Schema.of(
    [
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="t", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        Column(name="amount", kind=Kind.NUMERIC),
        Column(name="count", kind=Kind.NUMERIC),
        Column(name="colour", kind=Kind.CATEGORICAL),
        Column(name="size", kind=Kind.CATEGORICAL),
        Column(name="paid", kind=Kind.BOOLEAN),
        Column(name="wrong", kind=Kind.NUMERIC),
        Column(name="absent", kind=Kind.NUMERIC),
    ]
)


@dataclass(frozen=True)
class Batches:
    """Rows that come in batches alone."""

    rows: Rows

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        return self.rows.read(window, columns)


def table(seed: int, n: int = 2_000) -> pa.Table:
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(size=n)
    amount[rng.random(n) < 0.02] = np.nan
    amount[rng.random(n) < 0.01] = -np.inf
    amount[rng.random(n) < 0.01] = -0.0
    minutes = rng.integers(0, 48 * 60, n)
    return pa.table(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "t": pa.array([START + timedelta(minutes=int(m)) for m in minutes]),
            "amount": pa.array(amount, mask=rng.random(n) < 0.05),
            "count": rng.poisson(3, n),
            "colour": pa.array(
                rng.choice(["red", "green", f"shade {seed}"], n),
                mask=rng.random(n) < 0.1,
            ),
            "size": rng.integers(0, 4, n),
            "paid": rng.random(n) < 0.3,
            "wrong": rng.choice(["a", "b"], n),
            "seldom": pa.array([[int(m)] for m in minutes]),
        }
    )


BINS = Bins.fit(SCHEMA, table(0, 5_000).append_column("wrong2", pa.nulls(5_000)))

FEW = Condition(column="count", kind=Kind.NUMERIC, low=1.0, high=3.0)
RED = Condition(column="colour", kind=Kind.CATEGORICAL, levels=("red", None))
DIVIDED = BINS.divided(
    Declared(
        columns={"size": 3, "paid": 2, "colour": 5},
        named=(
            Segment(name="few_red", conditions=(FEW, RED)),
            Segment.where(Condition(column="gone", kind=Kind.NUMERIC, low=0.0)),
            Segment.where(Condition(column="wrong", kind=Kind.NUMERIC, low=0.0)),
        ),
    )
)


def source(folder: Path, timestamp: str | None = "t") -> Rows:
    section = Plugin(type="parquet", options={"path": "."}, base=folder)
    return open_source(section, timestamp=timestamp)


def write(rows: pa.Table, path: Path, group: int = 300) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, row_group_size=group)


def both_ways(
    rows: Rows,
    window: Window | None = None,
    *,
    by: str | None = "id",
    keep: int = KEEP,
    bins: Bins = BINS,
) -> tuple[Counted, Counted]:
    assert isinstance(rows, Fragmented)
    assert not isinstance(Batches(rows), Fragmented)
    engine = LocalEngine(threads=3)
    return (
        engine.count(rows, window, bins, keep=keep, by=by),
        engine.count(Batches(rows), window, bins, keep=keep, by=by),
    )


def assert_same(found: tuple[Counted, Counted]) -> Counted:
    columns, batches = found
    assert batches.profile.to_bytes() == columns.profile.to_bytes()
    assert batches.sample.rows.schema.equals(columns.sample.rows.schema)
    # Written out, since no NaN equals another.
    assert repr(batches.sample.rows.to_pylist()) == repr(
        columns.sample.rows.to_pylist()
    )
    return columns


@pytest.mark.parametrize("by", ["id", "size", None, "nowhere"])
@pytest.mark.parametrize("group", [97, 5_000])
def test_columns_and_batches_give_the_same_bytes_and_sample(
    tmp_path: Path, by: str | None, group: int
) -> None:
    for seed in range(3):
        write(table(seed), tmp_path / f"{seed}.parquet", group)

    counted = assert_same(both_ways(source(tmp_path), by=by))

    assert 6_000 == counted.profile.rows
    assert KEEP == counted.sample.table.num_rows
    assert {"wrong"} == set(counted.profile.unreadable)


@pytest.mark.parametrize("group", [97, 5_000])
def test_segments_are_counted_alike_both_ways_and_as_if_they_stood_alone(
    tmp_path: Path, group: int
) -> None:
    for seed in range(3):
        write(table(seed), tmp_path / f"{seed}.parquet", group)

    counted = assert_same(both_ways(source(tmp_path), bins=DIVIDED))

    found = counted.profile.segments
    assert {segment.name for segment in DIVIDED.segments} == set(found)
    whole = pa.concat_tables([table(seed) for seed in range(3)])
    chosen = pc.field("count").isin([1, 2]) & (
        pc.field("colour").isin(["red"]) | pc.field("colour").is_null()
    )
    alone = DIVIDED.counts(whole.filter(chosen))
    assert alone.to_bytes() == found["few_red"].to_bytes()
    assert 0 == found["gone ≥ 0"].rows == found["wrong ≥ 0"].rows
    assert sum(
        found[f"size = {i}"].rows for i in range(4) if f"size = {i}" in found
    ) < (counted.profile.rows)
    assert counted.profile.rows == sum(
        found[f"paid = {said}"].rows for said in ("true", "false")
    )


def test_segments_of_texts_that_come_in_dictionaries_are_the_same(
    tmp_path: Path,
) -> None:
    plain = table(1)
    coded = plain.set_column(4, "colour", plain["colour"].dictionary_encode())
    write(coded, tmp_path / "coded.parquet")

    counted = assert_same(both_ways(source(tmp_path), bins=DIVIDED))

    assert DIVIDED.profile(plain).segments["few_red"].to_bytes() == (
        counted.profile.segments["few_red"].to_bytes()
    )


@pytest.mark.parametrize("hours", [(7, 31), (0, 48), (47, 49), (-5, 1), (60, 61)])
def test_a_window_that_cuts_row_groups_takes_the_same_rows(
    tmp_path: Path, hours: tuple[int, int]
) -> None:
    write(table(1), tmp_path / "unordered.parquet")
    write(table(2).sort_by("t"), tmp_path / "ordered.parquet", 100)
    window = Window(START + hours[0] * HOUR, START + hours[1] * HOUR)

    assert_same(both_ways(source(tmp_path), window))


def test_files_whose_columns_differ_come_in_one_schema(tmp_path: Path) -> None:
    whole = table(3)
    write(whole, tmp_path / "a.parquet")
    write(whole.drop_columns(["colour", "count"]), tmp_path / "b.parquet")
    narrow = whole.set_column(3, "count", whole["count"].cast(pa.int8()))
    texts = narrow.set_column(5, "size", narrow["size"].cast(pa.string()))
    coded = texts.set_column(4, "colour", texts["colour"].dictionary_encode())
    write(coded, tmp_path / "c.parquet")

    counted = assert_same(both_ways(source(tmp_path)))

    assert 2_000 == counted.profile.columns["colour"].missing - 2 * (
        whole["colour"].null_count
    )


def test_a_time_that_only_the_folder_tells_cuts_windows_too(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        rows = table(day).drop_columns(["t"])
        write(rows, tmp_path / f"t=2013-04-0{day}" / "rows.parquet")
    window = Window(START + 24 * HOUR, START + 48 * HOUR)

    counted = assert_same(both_ways(source(tmp_path), window))

    assert 2_000 == counted.profile.rows


def test_a_file_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    write(table(1).slice(0, 0), tmp_path / "rows.parquet")

    counted = assert_same(both_ways(source(tmp_path)))

    assert "amount" in counted.profile.columns


@pytest.mark.parametrize("keep", [0, 10_000])
def test_no_row_or_every_row_may_be_kept(tmp_path: Path, keep: int) -> None:
    write(table(1), tmp_path / "rows.parquet")

    counted = assert_same(both_ways(source(tmp_path), keep=keep))

    assert min(keep, 2_000) == counted.sample.table.num_rows


def test_an_id_that_all_rows_share_leaves_the_choice_to_the_rest(
    tmp_path: Path,
) -> None:
    rows = table(1, 4 * CROWD * KEEP)
    rows = rows.set_column(0, "id", pa.nulls(len(rows), pa.string()))
    write(rows, tmp_path / "rows.parquet", 2 * CROWD * KEEP)

    assert_same(both_ways(source(tmp_path)))


def spoil(path: Path) -> None:
    """Damage what the columns hold and leave the footer as it is."""
    whole = bytearray(path.read_bytes())
    whole[4 : len(whole) // 3] = b"\xff" * (len(whole) // 3 - 4)
    path.write_bytes(bytes(whole))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("harm", [spoil, truncate])
def test_a_damaged_file_is_the_same_error_either_way(
    tmp_path: Path, harm: object
) -> None:
    path = tmp_path / "rows.parquet"
    write(table(1), path)
    assert callable(harm)
    harm(path)
    told = []

    for rows in (source(tmp_path), Batches(source(tmp_path))):
        with pytest.raises(SourceError, match="no whole Parquet file") as error:
            LocalEngine().count(rows, None, BINS, keep=KEEP, by="id")
        told.append((error.value.permanent, str(error.value).partition("(")[0]))

    assert told[0] == told[1]


def test_a_folder_whose_value_is_no_number_is_the_same_error_either_way(
    tmp_path: Path,
) -> None:
    write(table(1), tmp_path / "whole.parquet")
    write(table(2).drop_columns(["size"]), tmp_path / "size=big" / "rows.parquet")
    told = []

    for rows in (source(tmp_path), Batches(source(tmp_path))):
        with pytest.raises(SourceError) as error:
            LocalEngine().count(rows, None, BINS, keep=KEEP, by="id")
        told.append(str(error.value))

    assert told[0] == told[1]


def test_rows_without_a_time_cannot_be_cut_into_windows(tmp_path: Path) -> None:
    write(table(1), tmp_path / "rows.parquet")
    window = Window(START, START + HOUR)

    with pytest.raises(SourceError, match="role: timestamp"):
        both_ways(source(tmp_path, timestamp=None), window)


WEIGHED = replace(
    DIVIDED,
    schema=Schema.of(
        [*SCHEMA, Column(name="w", kind=Kind.NUMERIC, role=Role.WEIGHT)],
    ),
)


@pytest.mark.parametrize("group", [97, 5_000])
def test_weights_are_counted_alike_both_ways_in_every_segment(
    tmp_path: Path, group: int
) -> None:
    whole = []
    for seed in range(3):
        rows = table(seed)
        weights = np.random.default_rng(seed).choice([1.0, 4.0, 10 / 3], rows.num_rows)
        whole.append(rows.append_column("w", pa.array(weights)))
        write(whole[-1], tmp_path / f"{seed}.parquet", group)

    counted = assert_same(both_ways(source(tmp_path), bins=WEIGHED))

    profile = counted.profile
    assert profile.to_bytes() == WEIGHED.profile(pa.concat_tables(whole)).to_bytes()
    assert profile.weight is not None
    parts = [profile.segments[f"paid = {said}"] for said in ("true", "false")]
    assert sum(p.weight.total for p in parts if p.weight) == profile.weight.total


def test_weights_that_mean_nothing_are_the_same_cause_both_ways(tmp_path: Path) -> None:
    rows = table(0)
    weights = pa.array([None, *[2.0] * (rows.num_rows - 1)])
    write(rows.append_column("w", weights), tmp_path / "0.parquet")

    profile = both_ways(source(tmp_path), bins=WEIGHED)[0].profile

    assert "nobody can say what their rows stand for" in profile.unreadable["amount"]
    assert not profile.columns
