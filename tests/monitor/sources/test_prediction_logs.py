"""Logs of predictions as others write them: KServe, Seldon, SageMaker, BentoML."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from monitor.config import Plugin
from monitor.engines.base import remarks
from monitor.errors import SourceError
from monitor.sources.base import Source, open_source
from monitor.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TODAY = Window(START, START + DAY)
KSERVE = "org.kubeflow.serving.inference"


def opened(base: Path, kind: str, path: str, **options: Any) -> Source:
    section = Plugin(type=kind, options={"path": path, **options}, base=base)
    return open_source(section, timestamp="t")


def rows(
    source: Source, window: Window | None = None, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(list(source.read(window, columns)))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


# ── KServe ───────────────────────────────────────────────────────────────────────


def record(key: str, half: str, body: object, **others: Any) -> dict[str, Any]:
    """Write what KServe's blob logger does of one half of a call."""
    return {
        "Url": {"Scheme": "s3", "Host": "logs", "Path": "/"},
        "Bytes": base64.b64encode(json.dumps(body).encode()).decode(),
        "ContentType": "application/json",
        "ReqType": f"{KSERVE}.{half}",
        "Id": key,
        "SourceUri": {"Scheme": "http", "Host": "localhost:9081"},
        "InferenceService": "iris",
        "Namespace": "default",
        "Component": "predictor",
        "Endpoint": "",
        **others,
    }


def stored(base: Path, key: str, half: str, body: object, at: datetime) -> Path:
    """Store it as KServe does: a file of its own, in an array."""
    path = base / f"logs/default/iris/predictor/{key}-{half}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([record(key, half, body)]))
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def test_the_halves_of_kserves_calls_are_joined_by_their_id(tmp_path: Path) -> None:
    second = timedelta(seconds=1)
    for i in range(3):
        at = START + i * HOUR
        asked = {"instances": [[i, 2.5], [i, 3.5]]}
        stored(tmp_path, f"c{i}", "request", asked, at)
        stored(tmp_path, f"c{i}", "response", {"predictions": [0, 1]}, at + second)
    options = {"features": ["x", "y"], "time_from": "file"}
    source = opened(tmp_path, "kserve", "logs", **options)
    found = rows(source, Window(START + HOUR, START + 2 * HOUR))
    assert found == [
        {"prediction_id": "c1#0", "t": START + HOUR, "x": 1, "y": 2.5, "prediction": 0},
        {"prediction_id": "c1#1", "t": START + HOUR, "x": 1, "y": 3.5, "prediction": 1},
    ]
    assert remarks(source) == ()


def test_a_response_may_come_after_the_window_and_no_request(tmp_path: Path) -> None:
    end = START + HOUR
    late = end + timedelta(minutes=5)
    stored(tmp_path, "a", "request", {"instances": [1]}, end - timedelta(seconds=1))
    stored(tmp_path, "a", "response", {"predictions": [7]}, late)
    stored(tmp_path, "b", "request", {"instances": [2]}, end)
    source = opened(tmp_path, "kserve", "logs", time_from="file")
    window = Window(START, end)
    assert [row["prediction"] for row in rows(source, window)] == [7]
    early = opened(tmp_path, "kserve", "logs", time_from="file", lateness="1m")
    assert [row.get("prediction") for row in rows(early, window)] == [None]


def log_of(base: Path, events: list[dict[str, Any]], name: str = "log.jsonl") -> str:
    (base / name).write_text("".join(json.dumps(one) + "\n" for one in events))
    return name


def event(key: str, half: str, body: object, **others: Any) -> dict[str, Any]:
    """Return a structured CloudEvent."""
    return {
        "id": key,
        "type": f"{KSERVE}.{half}",
        "specversion": "1.0",
        "source": "http://localhost:9081/",
        "time": START.isoformat(),
        "data": body,
        **others,
    }


def test_bodies_of_the_open_protocol_are_joined_as_well(tmp_path: Path) -> None:
    asked = {
        "id": "7f",
        "inputs": [
            {"name": "age", "shape": [2, 1], "datatype": "INT64", "data": [30, 40]},
            {"name": "city", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
        ],
    }
    answered = {"outputs": [{"name": "p", "shape": [2], "data": [0.25, 0.75]}]}
    name = log_of(
        tmp_path, [event("7f", "response", answered), event("7f", "request", asked)]
    )
    assert rows(opened(tmp_path, "kserve", name), TODAY, ["age", "city", "p"]) == [
        {"age": 30, "city": "a", "p": 0.25},
        {"age": 40, "city": "b", "p": 0.75},
    ]


@pytest.mark.parametrize("missing", [0, 30])
def test_how_many_requests_have_no_response_is_told(
    tmp_path: Path, missing: int
) -> None:
    events = []
    for i in range(1_000):
        events.append(event(f"c{i}", "request", {"instances": [i]}))
        if i % 100 >= missing // 10:
            events.append(event(f"c{i}", "response", {"predictions": [i]}))
    source = opened(tmp_path, "kserve", log_of(tmp_path, events))
    found = rows(source, TODAY)
    assert sum(row["prediction"] is None for row in found) == missing
    assert len(found) == 1_000
    expected = (
        "30 of 1,000 requests have no response: the log is 97.0 % complete, and their "
        "answers are null"
    )
    assert remarks(source) == ((expected,) if missing else ())


def test_an_event_that_is_delivered_twice_is_one_row(tmp_path: Path) -> None:
    events = [
        event("c", "request", {"instances": [1]}),
        event("c", "response", {"predictions": [2]}),
    ]
    source = opened(tmp_path, "kserve", log_of(tmp_path, events * 3))
    assert [row["prediction"] for row in rows(source, TODAY)] == [2]


def test_events_that_are_malformed_are_left_out_and_told(tmp_path: Path) -> None:
    events = [
        event("a", "request", {"instances": [1]}),
        event("a", "response", {"predictions": [2]}),
        event("b", "request", {"question": "?"}),
        event("c", "request", {"instances": [1, 2]}),
        event("c", "response", {"predictions": [2]}),
        {"id": "d", "type": "com.example.other"},
    ]
    source = opened(tmp_path, "kserve", log_of(tmp_path, events))
    assert [row["prediction"] for row in rows(source, TODAY)] == [2]
    told = " ".join(remarks(source))
    assert "1 calls were left out: they have more or fewer answers than rows" in told
    assert "1 events were left out: it has none of the keys" in told
    assert "log.jsonl: event 3" in told
    assert "1 events were left out: it is no event of an inference" in told


def test_only_the_events_of_one_service_are_read(tmp_path: Path) -> None:
    events = [
        event(name, "request", {"instances": [1]}, inferenceservicename=name)
        for name in ("iris", "churn")
    ]
    only = {"inferenceservicename": "churn"}
    source = opened(tmp_path, "kserve", log_of(tmp_path, events), only=only)
    assert [row["prediction_id"] for row in rows(source, TODAY)] == ["churn#0"]


def test_a_column_that_is_feature_and_answer_is_named(tmp_path: Path) -> None:
    events = [
        event("a", "request", {"instances": [{"x": 1}]}),
        event("a", "response", {"predictions": [{"x": 1}]}),
    ]
    with pytest.raises(SourceError, match="'x' is a feature and an answer"):
        rows(opened(tmp_path, "kserve", log_of(tmp_path, events)))


# ── Seldon ───────────────────────────────────────────────────────────────────────


def test_seldons_events_are_joined_by_the_id_of_the_request(tmp_path: Path) -> None:
    def dumped(half: str, body: object) -> dict[str, Any]:
        return {
            "headers": {
                "ce-id": f"{half}-5db2",
                "ce-requestid": "12b0d447",
                "ce-type": f"io.seldon.serving.inference.{half}",
                "ce-specversion": "1.0",
                "ce-time": "2013-04-01T22:38:13.447502807Z",
                "ce-inferenceservicename": "model-test",
                "content-type": "application/json",
            },
            "method": "POST",
            "body": json.dumps(body),
        }

    events = [
        dumped("request", {"data": {"names": ["x", "y"], "ndarray": [[2, 1]]}}),
        dumped(
            "response", {"data": {"names": ["t:0"], "ndarray": [[0.25]]}, "meta": {}}
        ),
    ]
    (found,) = rows(opened(tmp_path, "seldon", log_of(tmp_path, events)), TODAY)
    assert found == {
        "prediction_id": "12b0d447#0",
        "t": datetime(2013, 4, 1, 22, 38, 13, 447502, UTC),
        "x": 2,
        "y": 1,
        "t:0": 0.25,
    }


# ── SageMaker ────────────────────────────────────────────────────────────────────


def captured(
    asked: str,
    answered: str | None,
    encoding: str = "CSV",
    kind: str = "text/csv",
    at: datetime = START,
    **event: Any,
) -> dict[str, Any]:
    half = {"observedContentType": kind, "encoding": encoding}
    both = {"endpointInput": {**half, "mode": "INPUT", "data": asked}}
    if answered is not None:
        both["endpointOutput"] = {**half, "mode": "OUTPUT", "data": answered}
    return {
        "captureData": both,
        "eventMetadata": {"eventId": "e1", "inferenceTime": at.isoformat(), **event},
        "eventVersion": "0",
    }


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "call",
    [
        captured("1,07030,2.5", "0.75"),
        captured(
            '{"instances": [[1, "07030", 2.5]]}',
            '{"predictions": [0.75]}',
            "JSON",
            "application/json",
        ),
        captured(packed("1,07030,2.5"), packed("0.75"), "BASE64"),
        captured(
            packed('{"instances": [[1, "07030", 2.5]]}'),
            packed("[0.75]"),
            "BASE64",
            "application/json",
        ),
    ],
    ids=["csv", "json", "base64-csv", "base64-json"],
)
def test_sagemakers_captures_are_read_in_every_encoding(
    tmp_path: Path, call: dict[str, Any]
) -> None:
    options = {"features": ["x", "zip", "y"], "outputs": ["p"]}
    source = opened(tmp_path, "sagemaker", log_of(tmp_path, [call]), **options)
    assert rows(source, TODAY) == [
        {"prediction_id": "e1", "x": 1, "zip": "07030", "y": 2.5, "p": 0.75, "t": START}
    ]


def test_the_inferences_id_beats_the_events_and_rows_are_numbered(
    tmp_path: Path,
) -> None:
    calls = [
        captured("1", "2", inferenceId="mine"),
        captured("1\n2", "3\n4", eventId="e2"),
        captured("1", None, eventId="e3"),
    ]
    found = rows(opened(tmp_path, "sagemaker", log_of(tmp_path, calls)), TODAY)
    assert [(row["prediction_id"], row["prediction"]) for row in found] == [
        ("mine", 2),
        ("e2#0", 3),
        ("e2#1", 4),
        ("e3", None),
    ]


def test_only_the_hours_that_can_hold_a_window_are_opened(tmp_path: Path) -> None:
    for hour in range(6):
        folder = tmp_path / f"log/churn/all/2013/04/01/{hour:02}"
        folder.mkdir(parents=True)
        at = START + hour * HOUR
        call = captured(str(hour), "0", at=at, eventId=f"e{hour}")
        log_of(folder, [call], "00-15-1f.jsonl")
    late = captured(
        "9", "0", at=START + 3 * HOUR - timedelta(minutes=1), eventId="late"
    )
    log_of(tmp_path / "log/churn/all/2013/04/01/03", [late], "01-00-2a.jsonl")
    (tmp_path / "log/churn/all/2013/04/01/00/00-15-1f.jsonl").write_text("not opened")
    source = opened(tmp_path, "sagemaker", "log")
    found = rows(source, Window(START + 2 * HOUR, START + 3 * HOUR))
    assert [row["prediction_id"] for row in found] == ["e2", "late"]
    assert remarks(source) == ()


def test_captures_that_are_malformed_are_left_out_and_told(tmp_path: Path) -> None:
    calls = [
        captured("1", "2"),
        {"captureData": {}},
        captured("1", "2", at=START, inferenceTime="yesterday"),
        captured("*", "2", "BASE64"),
    ]
    source = opened(tmp_path, "sagemaker", log_of(tmp_path, calls))
    assert len(rows(source, TODAY)) == 1
    told = " ".join(remarks(source))
    for reason in ("no record of data capture", "time is no time", "not Base64"):
        assert reason in told
    assert told.count("1 rows were left out") == 3
    assert "log.jsonl: record 4" in told


# ── BentoML ──────────────────────────────────────────────────────────────────────


def bento(base: Path, lines: list[dict[str, Any]], rotated: int = 0) -> str:
    (base / "iris/data").mkdir(parents=True)
    (base / "iris/schema").mkdir()
    columns = [
        {"name": "sepal", "role": "feature", "type": "numerical"},
        {"name": "species", "role": "prediction", "type": "categorical"},
    ]
    schema = {"meta_data": {"bento_name": "iris", "bento_version": "1"}}
    (base / "iris/schema/schema.1.log").write_text(
        json.dumps({**schema, "columns": columns}) + "\n"
    )
    log_of(base / "iris/data", lines[:rotated], "data.1.log.2013-03-31")
    log_of(base / "iris/data", lines[rotated:], "data.1.log")
    return "iris"


def test_bentomls_logs_are_read_with_their_schema_and_their_clock(
    tmp_path: Path,
) -> None:
    lines = [
        {
            "sepal": 5,
            "species": "setosa",
            "timestamp": f"2013-04-01T{hour:02}:30:00.250000",
            "request_id": str(hour),
            "trace_id": "1",
        }
        for hour in range(4)
    ]
    section = Plugin(
        type="bentoml",
        options={"path": bento(tmp_path, lines, 1), "time_zone": "Europe/Berlin"},
        base=tmp_path,
    )
    source = open_source(section, timestamp="timestamp")
    found = rows(source, TODAY)
    assert [row["request_id"] for row in found] == [2, 3]
    assert found[0]["timestamp"] == START + timedelta(minutes=30, milliseconds=250)
    assert str(source.schema().field("sepal").type) == "double"


# ── Databricks ───────────────────────────────────────────────────────────────────


def calls(**columns: Any) -> pa.Table:
    """Return an inference table of two calls, the second of two rows."""
    asked = [
        {"dataframe_split": {"columns": ["x", "y"], "data": [[1, "a"]]}},
        {"inputs": {"x": [2, 3], "y": ["b", "c"]}},
    ]
    answered = [{"predictions": [0.5]}, {"predictions": [0.25, 0.75]}]
    return pa.table(
        {
            "request": [json.dumps(one) for one in asked],
            "response": [json.dumps(one) for one in answered],
            "status_code": pa.array([200, 200], pa.int32()),
            **columns,
        }
    )


def expected(**others: Any) -> list[dict[str, Any]]:
    told = [("mine#0", 1, "a", 0.5), ("r2#0", 2, "b", 0.25), ("r2#1", 3, "c", 0.75)]
    return [
        {"t": START, **others, "prediction_id": key, "x": x, "y": y, "prediction": p}
        for key, x, y, p in told
    ]


def test_an_inference_table_of_an_endpoint_has_a_row_for_each_instance(
    tmp_path: Path,
) -> None:
    table = calls(
        databricks_request_id=["r1", "r2"],
        client_request_id=["mine", None],
        timestamp_ms=[int(START.timestamp() * 1000)] * 2,
        sampling_fraction=[0.25, 0.25],
        date=pa.array([START.date()] * 2),
    )
    write_deltalake(tmp_path / "log", table, partition_by=["date"])
    source = opened(tmp_path, "databricks", "log")
    assert rows(source, TODAY) == expected(weight=4.0)
    assert rows(source, Window(START - DAY, START)) == []


@pytest.mark.parametrize("column", ["request_time", "timestamp_ms"])
def test_an_inference_table_of_the_gateway_may_be_exported_to_parquet(
    tmp_path: Path, column: str
) -> None:
    times = {
        "request_time": pa.array([START] * 2, pa.timestamp("us", "UTC")),
        "timestamp_ms": pa.array([int(START.timestamp() * 1000)] * 2),
    }
    (tmp_path / "log").mkdir()
    ids = {"databricks_request_id": ["r1", "r2"], "client_request_id": ["mine", None]}
    pq.write_table(calls(**ids, **{column: times[column]}), tmp_path / "log/a.parquet")
    source = opened(tmp_path, "databricks", "log", format="parquet")
    assert rows(source, TODAY) == expected()
    assert rows(source, Window(START - DAY, START)) == []


def test_calls_that_failed_or_are_malformed_are_left_out_and_told(
    tmp_path: Path,
) -> None:
    table = calls(
        key=["a", "b"],
        timestamp_ms=[int(START.timestamp() * 1000)] * 2,
        status_code=pa.array([200, 400], pa.int32()),
    )
    write_deltalake(tmp_path / "log", table)
    source = opened(tmp_path, "databricks", "log", columns={"id": "key"})
    assert [row["prediction_id"] for row in rows(source, TODAY)] == ["a#0"]
    (told,) = remarks(source)
    assert (
        told == "1 calls were left out: the call failed. The first: log: b (status 400)"
    )
    with pytest.raises(SourceError, match=r"no column is the calls' id\. Fix"):
        rows(opened(tmp_path, "databricks", "log"))
