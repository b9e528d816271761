"""Rows sent as columns: Arrow streams and Parquet files, whole, odd and hostile."""

import io
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.monitor.ingest.pushed import NOW, Pushed, found, quarantine, serving

OLD = datetime(1900, 1, 1, tzinfo=UTC)
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    with serving(tmp_path_factory.mktemp("shared")) as pushed:
        yield pushed


def table(rows: int = 3, stem: str = "p", **changes: Any) -> pa.Table:
    columns: dict[str, Any] = {
        "id": [f"{stem}{i}" for i in range(rows)],
        "at": pa.array([NOW] * rows, pa.timestamp("ms", "Europe/Rome")),
        "amount": pa.array([float(i) for i in range(rows)], pa.float32()),
        "plan": pa.array(["basic"] * rows).dictionary_encode(),
        "score": [0.5] * rows,
        **changes,
    }
    return pa.table({k: v for k, v in columns.items() if v is not None})


def stream(rows: pa.Table, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows, max_chunksize=2)
    return sink.getvalue()


def parquet(rows: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ARROW, stream(table())),
        (ARROW, stream(table(), "zstd")),
        (ARROW, stream(table(), "lz4")),
        (PARQUET, parquet(table())),
    ],
    ids=["plain", "zstd", "lz4", "parquet"],
)
def test_columns_are_taken_as_rows_are(tmp_path: Path, kind: str, body: bytes) -> None:
    with serving(tmp_path) as pushed:
        assert pushed.post("predictions", body, kind)[1]["accepted"] == 3
        rows = found(pushed.config)
    assert rows["id"].to_pylist() == ["p0", "p1", "p2"]
    assert rows["at"].to_pylist() == [NOW] * 3
    assert rows["amount"].to_pylist() == [0.0, 1.0, 2.0]
    assert rows["plan"].to_pylist() == ["basic"] * 3


def test_columns_and_json_rows_are_one_table(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        pushed.post("predictions", {"id": "j", "amount": 7, "plan": 4})
        pushed.post("predictions", stream(table(1)), ARROW)
        pushed.post("predictions", parquet(table(1, "q", plan=[5])), PARQUET)
        rows = found(pushed.config)
    assert rows["id"].to_pylist() == ["j", "p0", "q0"]
    assert rows["amount"].to_pylist() == [7.0, 0.0, 0.0]
    assert rows["plan"].to_pylist() == ["4", "basic", "5"]


def test_a_time_that_is_missing_is_that_of_arrival(tmp_path: Path) -> None:
    some = pa.array([None, NOW - timedelta(hours=1)], pa.timestamp("us", "UTC"))
    with serving(tmp_path) as pushed:
        pushed.post("predictions", stream(table(1, "a", at=None)), ARROW)
        pushed.post("predictions", stream(table(2, "b", at=some)), ARROW)
        times = found(pushed.config)["at"].to_pylist()
    assert times == [NOW, NOW, NOW - timedelta(hours=1)]


def test_rows_that_do_not_fit_are_put_aside_with_their_place(tmp_path: Path) -> None:
    rows = table(
        6,
        id=["a", None, "", "b", "c", "d"],
        at=[NOW, NOW, NOW, NOW + timedelta(days=9), OLD, NOW],
        plan=["x"] * 5 + ["y" * 70_000],
    )
    with serving(tmp_path) as pushed:
        status, told = pushed.post("predictions", stream(rows), ARROW)
        (put_aside, _) = quarantine(pushed)
        assert found(pushed.config)["id"].to_pylist() == ["a"]
    assert (status, told["accepted"], told["rejected"]) == (200, 1, 5)
    assert [one["row"] for one in told["rejects"]] == [1, 2, 3, 4, 5]
    assert put_aside["counts"] == {"id": 2, "time": 2, "length": 1}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (table(id=None), "there is no column 'id'"),
        (table(amount=["1", "2", "3"]), "column 'amount' is string"),
        (table(amount=[[1], [2], [3]]), "column 'amount' is list"),
        (table(plan=[NOW] * 3), "column 'plan' is timestamp"),
        (table(at=[1, 2, 3]), "column 'at' is int64"),
        (table(at=[timedelta(1)] * 3), "which is no point in time"),
        (table().append_column("id", pa.array([1, 2, 3])), "column 'id' stands twice"),
        (pa.table({"weather": [1]}), "there is no column 'id'"),
    ],
)
def test_a_column_that_does_not_fit_is_told_and_nothing_is_taken(
    shared: Pushed, rows: pa.Table, said: str
) -> None:
    before = shared.desk.intakes["churn", "predictions"].tally.totals()
    status, told = shared.post("predictions", stream(rows), ARROW)
    assert status == 422
    assert said in told["detail"]
    assert told["fix"]
    assert shared.desk.intakes["churn", "predictions"].tally.totals() == before


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (pa.array([1, 2**60], pa.int64()), [1.0, float(2**60)]),
        (pa.array([1, 2**63 + 2**30], pa.uint64()), [1.0, float(2**63 + 2**30)]),
        (pa.array([Decimal("1.5"), None]), [1.5, None]),
        (pa.array([1, None], pa.int8()), [1.0, None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_numbers_of_every_width_are_kept(
    shared: Pushed, values: pa.Array, kept: list[Any]
) -> None:
    stem = f"n{values.type}-"
    body = stream(table(2, stem, amount=values))
    assert shared.post("predictions", body, ARROW)[1]["accepted"] == 2
    rows = found(shared.config)
    mine = [r for r in rows.to_pylist() if r["id"].startswith(stem)]
    assert [r["amount"] for r in mine] == kept


# ── hostile ──────────────────────────────────────────────────────────────────────


def test_a_few_bytes_that_claim_many_rows_are_refused(shared: Pushed) -> None:
    nothing = pa.table({"id": ["a"], "amount": pa.nulls(1)})
    body, start = bytearray(stream(nothing)), nothing.schema.serialize().size
    # The number of rows stands in the head of the batch, and in each column's node.
    for at in range(len(body) - 8):
        if struct.unpack_from("<q", body, at)[0] == 1 and at >= start:
            struct.pack_into("<q", body, at, 1 << 40)
    status, told = shared.post("predictions", bytes(body), ARROW)
    assert status in {400, 413}, told


def test_a_small_file_of_many_rows_is_refused_by_its_rows(shared: Pushed) -> None:
    rows = 8_000_000
    wide = pa.table({"id": pa.repeat("a", rows).dictionary_encode()})
    body = parquet(wide, compression="zstd")
    assert len(body) < 2_000_000
    status, told = shared.post("predictions", body, PARQUET)
    assert status == 413
    assert "8,000,000 rows are too many for one request" in told["detail"]


def test_one_long_text_named_by_many_rows_is_refused(shared: Pushed) -> None:
    rows = 100_000
    texts = pa.DictionaryArray.from_arrays(
        pa.array([0] * rows, pa.int32()), pa.array(["x" * 60_000])
    )
    wide = table(rows, "t", plan=texts, at=None)
    for kind, body in ((ARROW, stream_whole(wide)), (PARQUET, parquet(wide))):
        status, told = shared.post("predictions", body, kind)
        assert status == 413, told
        assert "the texts of column 'plan' take" in told["detail"]


def stream_whole(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def test_a_compressed_buffer_that_unfolds_to_much_is_refused(shared: Pushed) -> None:
    zeros = pa.repeat(pa.scalar(0.0), 1 << 20)
    names = [f"c{i}" for i in range(40)]  # beside what the table has
    wide = pa.table([zeros.cast(pa.int64()), *[zeros] * 40], names=["id", *names])
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, wide.schema, options=options) as writer:
        writer.write_table(wide)
    assert len(sink.getvalue()) < 100_000
    status, told = shared.post("predictions", sink.getvalue(), ARROW)
    assert status == 413, told
    assert "the columns unfold to" in told["detail"]


@pytest.mark.parametrize("kind", [ARROW, PARQUET])
def test_torn_and_turned_bodies_are_problems_and_never_a_crash(
    shared: Pushed, kind: str
) -> None:
    whole = stream(table(20), "lz4") if kind == ARROW else parquet(table(20))
    chance = Random(11)
    for _ in range(120):
        body = bytearray(whole[: chance.randrange(1, len(whole) + 1)])
        for _ in range(chance.randrange(3)):
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        status, told = shared.post("predictions", bytes(body), kind)
        assert status in {200, 400, 413, 422}, told
        assert status == 200 or told["fix"]
