"""CSV files and JSON lines: types that stay, lines that are malformed, and layouts."""

import bz2
import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import Plugin
from monitor.errors import MalformedError, SourceError
from monitor.quarantine import Quarantine
from monitor.sources import lines
from monitor.sources.base import Source, open_source
from monitor.sources.tables import FileRows
from monitor.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = Window(START, START + DAY)


def opened(base: Path, kind: str, path: str | list[str], **options: Any) -> FileRows:
    section = Plugin(type=kind, options={"path": path, **options}, base=base)
    source = open_source(section, timestamp="t")
    assert isinstance(source, FileRows)
    return source


def csv_of(
    base: Path, text: str | bytes, name: str = "a.csv", **options: Any
) -> FileRows:
    (base / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return opened(base, "csv", name, **options)


def json_of(
    base: Path, text: str | bytes, name: str = "a.jsonl", **options: Any
) -> FileRows:
    (base / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return opened(base, "json", name, **options)


def rows(
    source: Source, window: Window | None = None, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(list(source.read(window, columns)))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def kinds(source: Source) -> dict[str, str]:
    return {field.name: str(field.type) for field in source.schema()}


# ── types ────────────────────────────────────────────────────────────────────────


def test_the_narrowest_type_that_holds_all_values_is_found(tmp_path: Path) -> None:
    text = (
        "t,i,n,b,d,zip,long,s,none\n"
        "2013-04-01T01:00:00Z,1,1,true,2013-04-01,07030,12345678901234567890,a,\n"
        "2013-04-01 02:00:00.5+02:00,-2,2.5,False,2013-04-02,10001,1,,\n"
    )
    assert kinds(csv_of(tmp_path, text)) == {
        "t": "timestamp[us, tz=UTC]",
        "i": "int64",
        "n": "double",
        "b": "bool",
        "d": "date32[day]",
        "zip": "string",
        "long": "string",
        "s": "string",
        "none": "null",
    }


def test_types_are_those_of_all_files_in_every_window(tmp_path: Path) -> None:
    (tmp_path / "log/date=2013-04-01").mkdir(parents=True)
    (tmp_path / "log/date=2013-04-09").mkdir(parents=True)
    (tmp_path / "log/date=2013-04-01/a.csv").write_text("t,x\n2013-04-01,1\n")
    (tmp_path / "log/date=2013-04-09/a.csv").write_text("t,x\n2013-04-09T01:00,a\n")
    source = opened(tmp_path, "csv", "log")
    assert rows(source, TODAY) == [{"t": START, "x": "1"}]
    (told,) = source.remarks()
    assert "'x' is int64 in" in told
    assert "string in" in told
    assert "2013-04-09/a.csv" in told
    assert "Fix: declare its type" in told


def test_a_declared_type_takes_what_is_of_another_to_quarantine(tmp_path: Path) -> None:
    text = "t,x\n2013-04-01,1\n2013-04-01,far\n2013-04-01,3\n"
    source = csv_of(tmp_path, text, types={"x": "number"})
    assert [row["x"] for row in rows(source)] == [1.0, 3.0]
    (told,) = source.remarks()
    assert told.startswith("1 rows were left out: a value of 'x' is no number.")
    assert "a.csv: line 3" in told


def test_nothing_is_read_twice_where_all_types_are_declared(tmp_path: Path) -> None:
    types = {"t": "time", "x": "integer"}
    source = json_of(
        tmp_path, '{"t": "2013-04-01", "x": 1, "y": 2}\n', types=types, infer=False
    )
    assert kinds(source) == {"t": "timestamp[us, tz=UTC]", "x": "int64"}
    assert rows(source, TODAY) == [{"t": START, "x": 1}]


@pytest.mark.parametrize(
    ("kind", "written"), [("unix_seconds", 1364774400), ("unix_millis", 1364774400000)]
)
def test_a_time_may_be_counted_since_1970(
    tmp_path: Path, kind: str, written: int
) -> None:
    source = json_of(tmp_path, json.dumps({"t": written}), types={"t": kind})
    assert rows(source, TODAY) == [{"t": START}]


def test_a_clock_without_a_zone_stood_where_the_user_says(tmp_path: Path) -> None:
    text = "t\n2013-04-01T02:00:00\n2013-04-01T00:00:00Z\n"
    found = rows(csv_of(tmp_path, text, time_zone="Europe/Berlin"))
    assert [row["t"] for row in found] == [START, START]


def test_times_to_the_nanosecond_are_cut_to_the_microsecond(tmp_path: Path) -> None:
    (found,) = rows(json_of(tmp_path, '{"t": "2013-04-01T00:00:00.123456789Z"}'))
    assert found["t"] == START + timedelta(microseconds=123456)


def test_numbers_and_texts_of_one_json_column_are_texts(tmp_path: Path) -> None:
    text = '{"t": "2013-04-01", "x": 1}\n{"t": "2013-04-01", "x": "a"}\n{"x": 2.5}\n'
    assert [row["x"] for row in rows(json_of(tmp_path, text))] == ["1", "a", "2.5"]


def test_what_is_nested_is_told_in_columns_and_lists_as_texts(tmp_path: Path) -> None:
    text = '{"t": "2013-04-01", "user": {"age": 3, "at": {"x": 1}}, "tags": ["a", 1]}'
    assert rows(json_of(tmp_path, text)) == [
        {
            "t": date(2013, 4, 1),
            "user.age": 3,
            "user.at.x": 1,
            "tags": '["a", 1]',
        }
    ]


def test_not_a_number_as_python_writes_it_is_null(tmp_path: Path) -> None:
    source = json_of(tmp_path, '{"x": NaN, "y": 1}\n{"x": 1.5, "y": 2}\n')
    assert rows(source) == [{"x": None, "y": 1}, {"x": 1.5, "y": 2}]
    assert source.remarks() == ()


def test_whole_numbers_that_no_machine_word_holds_are_texts(tmp_path: Path) -> None:
    assert rows(json_of(tmp_path, '{"x": 123456789012345678901}')) == [
        {"x": "123456789012345678901"}
    ]


def test_quoted_and_unquoted_nothing_differ(tmp_path: Path) -> None:
    source = csv_of(tmp_path, 't,x\n2013-04-01,\n2013-04-01,""\n2013-04-01,a\n')
    assert [row["x"] for row in rows(source)] == [None, "", "a"]


# ── lines that are malformed ─────────────────────────────────────────────────────


def test_a_malformed_line_costs_no_other_and_is_told(tmp_path: Path) -> None:
    text = b"t,x\n2013-04-01,1\n2013-04-01\n2013-04-01,2,3\n2013-04-01,\xff\n"
    source = csv_of(tmp_path, text + b"2013-04-01,4\n")
    assert [row["x"] for row in rows(source, TODAY)] == [1, 4]
    second, first = source.remarks()
    assert "2 rows were left out: the line has another number of values" in first
    assert "a.csv: line 3 (1 values, 2 columns)" in first
    assert "1 rows were left out: it is not UTF-8. The first:" in second
    assert "a.csv: line 5" in second


@pytest.mark.parametrize(
    "broken",
    [
        '2013-04-01,"open\n',
        '2013-04-01,"open\n2013-04-01,"open\n',
        '2013-04-01,"open\n2013-04-01,7,7\n2013-04-01,"open\n',
    ],
)
def test_a_quote_that_is_never_closed_costs_its_own_line(
    tmp_path: Path, broken: str
) -> None:
    after = "".join(f"2013-04-01,{i}\n" for i in range(2_000))
    source = csv_of(tmp_path, f"t,x\n2013-04-01,-1\n{broken}{after}")
    assert sorted(row["x"] for row in rows(source)) == list(range(-1, 2_000))
    told = source.remarks()[0]
    assert f"{broken.count('open')} rows were left out: a quote is never closed" in told
    assert "a.csv: line 3" in told


def test_a_value_in_quotes_may_span_lines_and_hold_quotes(tmp_path: Path) -> None:
    text = 't,x\n2013-04-01,"a\nb ""c"", d"\r\n2013-04-01,5" pipe\n2013-04-01,e\n'
    source = csv_of(tmp_path, text)
    assert [row["x"] for row in rows(source)] == ['a\nb "c", d', '5" pipe', "e"]
    assert source.remarks() == ()


def test_json_that_is_malformed_is_counted_by_reason(tmp_path: Path) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    text = f'{{"x": 1}}\n{{"x": \n[1]\n"a"\n\n{{"x": {deep}}}\n{{"x": 2}}'
    source = json_of(tmp_path, text)
    assert [row["x"] for row in rows(source)] == [1, 2]
    told = " ".join(source.remarks())
    assert "1 rows were left out: it is not JSON. The first:" in told
    assert "a.jsonl: line 2" in told
    assert "2 rows were left out: the line is no object" in told
    assert "1 rows were left out: it is nested too deeply" in told
    assert "a.jsonl: line 6" in told


def test_a_file_of_which_no_line_can_be_read_is_an_error(tmp_path: Path) -> None:
    source = json_of(tmp_path, "not\njson\n")
    with pytest.raises(SourceError, match=r"no file of JSON lines can be read: 2 rows"):
        rows(source)


def test_a_header_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="column 'x' stands twice"):
        rows(csv_of(tmp_path, "x,x\n1,2\n"))


@given(st.binary(max_size=300))
def test_no_csv_at_all_does_more_than_be_malformed(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    base = tmp_path_factory.mktemp("fuzz", numbered=True)
    source = csv_of(base, b"a,b\n1,2\n" + garbage)
    assert rows(source)[0].keys() == {"a", "b"}


PIECES = st.sampled_from(["a", ",", "\n", '"', '""', "\r\n", "b,c", '"x\ny"', " "])


@given(st.lists(PIECES, max_size=30), st.integers(1, 7))
def test_blocks_are_cut_where_lines_end_and_lose_nothing(
    pieces: list[str], size: int
) -> None:
    text = "".join(pieces).encode()
    left_out = Quarantine()
    found = b"".join(
        block
        for _, block in lines.blocks(_Drops(text, size), "f", left_out, b'"', b",")
    )
    if not left_out.count:
        assert found == text
    assert len(found) <= len(text)


class _Drops:
    """A stream that gives little at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = data, size

    def read(self, size: int) -> bytes:
        size = min(size, self.size)
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def test_what_several_left_out_is_counted_together() -> None:
    one, other = Quarantine(), Quarantine()
    one.add(MalformedError("it is not JSON"), "a: line 1")
    other.add(MalformedError("it is not JSON"), "b: line 1", count=2)
    one.merge([other])
    assert one.by_reason == {"it is not JSON": 3}


# ── layouts ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("end", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)]
)
def test_files_may_be_compressed_by_their_suffix(
    tmp_path: Path, end: str, pack: Callable[[bytes], bytes]
) -> None:
    for kind, text in (("csv", b"t,x\n2013-04-01,1\n"), ("jsonl", b'{"x": 1}\n')):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"a.{kind}{end}").write_bytes(pack(text))
    assert rows(opened(tmp_path, "csv", "csv"))[0]["x"] == 1
    assert rows(opened(tmp_path, "json", "jsonl"))[0]["x"] == 1


def test_zstandard_is_read_as_well(tmp_path: Path) -> None:
    with pa.CompressedOutputStream(str(tmp_path / "a.csv.zst"), "zstd") as sink:
        sink.write(b"t,x\n2013-04-01,1\n")
    assert rows(opened(tmp_path, "csv", "a.csv.zst"))[0]["x"] == 1


def test_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    text = gzip.compress(b'{"x": 1}\n') + gzip.compress(b'{"x": 2}\n')
    assert rows(json_of(tmp_path, text, "a.jsonl.gz")) == [{"x": 1}, {"x": 2}]


def test_tabs_other_delimiters_and_files_without_header(tmp_path: Path) -> None:
    assert rows(csv_of(tmp_path, "a\tb\n1\t2\n", "a.tsv")) == [{"a": 1, "b": 2}]
    assert rows(csv_of(tmp_path, "a;b\n1;2\n", delimiter=";")) == [{"a": 1, "b": 2}]
    headless = csv_of(tmp_path, "1,2\n3,4\n", "h.csv", header=["a", "b"])
    assert rows(headless) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert rows(csv_of(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n")) == [{"a": 1, "b": 2}]


def test_a_partition_is_a_column_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "log/date=2013-04-01/region=eu").mkdir(parents=True)
    file = tmp_path / "log/date=2013-04-01/region=eu/a.jsonl"
    file.write_text('{"t": "2013-04-01", "x": 1}\n')
    source = opened(tmp_path, "json", "log")
    assert rows(source, TODAY, ["region", "x"]) == [{"region": "eu", "x": 1}]


def test_a_file_that_is_empty_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log/a.csv").write_text("")
    (tmp_path / "log/b.csv").write_text("t,x\n2013-04-01,1\n")
    assert rows(opened(tmp_path, "csv", "log"), TODAY) == [
        {"t": date(2013, 4, 1), "x": 1}
    ]


def test_a_file_that_changed_is_another(tmp_path: Path) -> None:
    source = csv_of(tmp_path, "t,x\n2013-04-01,1\n")
    before = source.identity()
    assert kinds(source)["x"] == "int64"
    csv_of(tmp_path, "t,x\n2013-04-01,1.5\n")
    assert source.identity() != before
    assert kinds(source)["x"] == "double"


def test_an_unknown_scheme_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="ftp:// is not known"):
        rows(opened(tmp_path, "csv", "ftp://host/a.csv"))
