"""Files that change while they are read, and values that are not what they seem."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from monitor.config import Plugin
from monitor.engines.base import Fragmented
from monitor.errors import SourceError
from monitor.sources.base import Source, open_source
from monitor.window import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))


def opened(base: Path, kind: str, path: str = "log", **options: Any) -> Source:
    section = Plugin(type=kind, options={"path": path, **options}, base=base)
    return open_source(section, timestamp="t")


def table(rows: int) -> pa.Table:
    times = pa.array([START] * rows, pa.timestamp("us", "UTC"))
    return pa.table({"i": range(rows), "t": times})


def as_parquet(rows: pa.Table, path: Path) -> None:
    pq.write_table(rows, path, row_group_size=1_000)


def as_csv(rows: pa.Table, path: Path) -> None:
    pa.csv.write_csv(rows, path)


def as_json(rows: pa.Table, path: Path) -> None:
    lines = (json.dumps(row, default=str) + "\n" for row in rows.to_pylist())
    path.write_text("".join(lines))


def as_arrow(rows: pa.Table, path: Path) -> None:
    feather.write_feather(rows, path, compression="uncompressed", chunksize=1_000)


FILES: dict[str, tuple[Callable[[pa.Table, Path], None], str]] = {
    "parquet": (as_parquet, ".parquet"),
    "csv": (as_csv, ".csv"),
    "json": (as_json, ".jsonl"),
    "arrow": (as_arrow, ".arrow"),
}


def numbers(source: Source, window: Window | None = HOUR) -> list[Any]:
    found = pa.Table.from_batches(list(source.read(window, ["i"])))
    return list(found["i"].to_pylist())


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_cut_short_while_it_is_read_is_no_smaller_file(
    kind: str, tmp_path: Path
) -> None:
    write, suffix = FILES[kind]
    (tmp_path / "log").mkdir()
    for name in "ab":
        write(table(20_000), tmp_path / f"log/{name}{suffix}")
    batches = opened(tmp_path, kind).read(HOUR, None)
    next(batches)
    os.truncate(tmp_path / f"log/b{suffix}", 100)
    with pytest.raises(SourceError, match=rf"log/b\{suffix}"):
        list(batches)


def test_a_parquet_file_that_is_cut_short_when_it_is_open_is_found_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "log").mkdir()
    as_parquet(table(200_000), tmp_path / "log/a.parquet")
    batches = opened(tmp_path, "parquet").read(HOUR, None)
    next(batches)
    os.truncate(tmp_path / "log/a.parquet", 100)
    with pytest.raises(SourceError, match="its footer promises 200,000"):
        list(batches)


def test_a_log_that_grows_while_it_is_read_is_read_on_the_next_time(
    tmp_path: Path,
) -> None:
    (tmp_path / "log").mkdir()
    as_json(table(100), tmp_path / "log/a.jsonl")
    source = opened(tmp_path, "json")
    batches = source.read(HOUR, ["i"])
    next(batches)
    with (tmp_path / "log/a.jsonl").open("a") as log:
        log.write(json.dumps({"i": 7, "t": START.isoformat()}) + "\n")
    list(batches)
    assert numbers(source)[-1] == 7


MOMENT = int(START.timestamp())


LONG = {
    "seconds": "seconds",
    "millis": "milliseconds",
    "micros": "microseconds",
    "nanos": "nanoseconds",
}
UNITS = {"seconds": 1, "millis": 10**3, "micros": 10**6, "nanos": 10**9}


@pytest.mark.parametrize("kind", ["parquet", "arrow", "delta"])
@pytest.mark.parametrize("unit", UNITS)
def test_whole_numbers_are_times_where_their_unit_is_told(
    kind: str, unit: str, tmp_path: Path
) -> None:
    start, end = MOMENT * UNITS[unit], (MOMENT + 3_600) * UNITS[unit]
    rows = pa.table({"i": range(4), "t": [start - 1, start, end - 1, end]})
    if kind == "delta":
        deltalake = pytest.importorskip("deltalake")
        deltalake.write_deltalake(tmp_path / "log", rows)
    else:
        (tmp_path / "log").mkdir()
        write, suffix = FILES[kind]
        write(rows, tmp_path / f"log/a{suffix}")
    source = opened(tmp_path, kind, time_unit=LONG[unit])
    assert numbers(source) == [1, 2]
    assert source.schema().field("t").type == pa.timestamp("us", "UTC")
    with pytest.raises(SourceError, match=r"cannot be read as a time.*`time_unit`"):
        numbers(opened(tmp_path, kind))


@pytest.mark.parametrize("unit", UNITS)
def test_counts_in_texts_are_cut_where_windows_are(unit: str, tmp_path: Path) -> None:
    start, end = MOMENT * UNITS[unit], (MOMENT + 3_600) * UNITS[unit]
    lines = [f"{i},{t}\n" for i, t in enumerate([start - 1, start, end - 1, end])]
    (tmp_path / "a.csv").write_text("i,t\n" + "".join(lines))
    source = opened(tmp_path, "csv", "a.csv", types={"t": f"unix_{unit}"})
    assert numbers(source) == [1, 2]


FINE = """
2026-02-28T23:59:59.999999999Z 2026-03-01T00:00:00.000000000Z
2026-03-01T00:59:59.999999999Z 2026-03-01T01:00:00.000000000Z
"""
ZONED = """
2026-02-28T23:59:59.999999 2026-03-01T02:00:00+02:00
2026-02-28T18:59:59.999999-0600 2026-03-01T06:45:00+05:45
"""


@pytest.mark.parametrize("times", [FINE, ZONED], ids=["fine", "each of its own zone"])
def test_times_in_texts_are_the_same_in_every_file(times: str, tmp_path: Path) -> None:
    for kind, (write, suffix) in FILES.items():
        path = f"a{suffix}"
        write(pa.table({"i": range(4), "t": times.split()}), tmp_path / path)
        assert numbers(opened(tmp_path, kind, path)) == [1, 2], kind


def test_one_text_that_is_no_time_costs_its_row_and_is_told(tmp_path: Path) -> None:
    lines = ["1,2026-03-01T00:10:00Z", "2,yesterday", "3,2026-03-01T00:20:00Z"]
    (tmp_path / "a.csv").write_text("\n".join(["i,t", *lines]))
    source = opened(tmp_path, "csv", "a.csv")
    assert numbers(source) == [1, 3]
    told = f"a value of 't' is no time. The first: {tmp_path}/a.csv: line 3"
    assert source.remarks() == (f"1 rows were left out: {told}",)  # type: ignore[attr-defined]


def test_a_column_without_any_value_is_a_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("i,t,note,\n1,2026-03-01,,\n")
    (batch,) = opened(tmp_path, "csv", "a.csv").read(HOUR, None)
    day = START.date()
    assert batch.to_pylist() == [{"i": 1, "t": day, "note": None, "column_4": None}]


def test_a_name_that_is_made_up_may_not_be_another_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("column_2,,t\n1,2,2026-03-01\n")
    with pytest.raises(SourceError, match=r"a\.csv: column 'column_2' stands twice"):
        numbers(opened(tmp_path, "csv", "a.csv"))


def test_a_time_that_stands_nowhere_is_told_with_the_columns_there_are(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("i;t\n1;2026-03-01\n")
    with pytest.raises(SourceError, match=r"the columns are: i;t$"):
        numbers(opened(tmp_path, "csv", "a.csv"))


def test_half_a_character_costs_its_row(tmp_path: Path) -> None:
    time = '"t": "2026-03-01T00:10:00Z"'
    lines = [rf'{{"i": "\ud83d\ude00", {time}}}', rf'{{"i": "\uD83D", {time}}}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    source = opened(tmp_path, "json", "a.jsonl")
    assert numbers(source) == ["\U0001f600"]
    assert "half a character" in source.remarks()[0]  # type: ignore[attr-defined]


def test_a_column_whose_name_is_no_text_is_damage(tmp_path: Path) -> None:
    as_arrow(pa.table({"naam": ["x"]}), tmp_path / "a.arrow")
    whole = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(whole.replace(b"naam", b"na\xffm"))
    with pytest.raises(SourceError, match=r"a\.arrow: this is no whole Arrow file"):
        list(opened(tmp_path, "arrow", "a.arrow").read(None, None))


def test_parquet_files_that_differ_in_a_type_are_told(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    as_parquet(table(2), tmp_path / "log/a.parquet")
    texts = table(2).set_column(0, "i", pa.array(["x", "y"]))
    as_parquet(texts, tmp_path / "log/b.parquet")
    source = opened(tmp_path, "parquet")
    assert numbers(source) == ["0", "1", "x", "y"]
    told = f"'i' is int64 in {tmp_path}/log/a.parquet, string in {tmp_path}/log/b"
    assert told in source.remarks()[0]  # type: ignore[attr-defined]


def test_columns_read_one_at_a_time_find_out_a_file_that_is_cut_short(
    tmp_path: Path,
) -> None:
    (tmp_path / "log").mkdir()
    as_parquet(table(200_000), tmp_path / "log/a.parquet")
    source = opened(tmp_path, "parquet")
    assert isinstance(source, Fragmented)
    found = source.fragments(None)
    assert found is not None
    parts = found.parts
    next(parts[0].read(["i"]))
    os.truncate(tmp_path / "log/a.parquet", 100)
    with pytest.raises(SourceError, match=r"a\.parquet"):
        list(parts[-1].read(["i"]))


@pytest.mark.parametrize("encoding", ["plain", "dictionary"])
def test_bytes_that_call_themselves_text_are_told_by_column(
    encoding: str, tmp_path: Path
) -> None:
    (tmp_path / "log").mkdir()
    latin = pa.array([b"caf\xe9"] * 3).view(pa.string())
    rows = table(3).append_column("note", latin)
    pq.write_table(
        rows, tmp_path / "log/a.parquet", use_dictionary=encoding == "dictionary"
    )
    source = opened(tmp_path, "parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: column 'note' .* not UTF-8"):
        list(source.read(HOUR, None))
    assert numbers(source) == [0, 1, 2]
    assert isinstance(source, Fragmented)
    found = source.fragments(None)
    assert found is not None
    with pytest.raises(SourceError, match="not UTF-8"):
        list(found.parts[0].read(["note"], {"note"}))
