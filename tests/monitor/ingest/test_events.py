"""Calls from KServe's logger: both halves are durable, joined, and counted once."""

import base64
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from monitor.ingest.calls import PATIENCE
from tests.monitor.ingest.pushed import Pushed, found, quarantine, serving

NS = "org.kubeflow.serving.inference."


def binary(pushed: Pushed, half: str, key: str, body: Any) -> tuple[int, Any]:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": key,
        "ce_type": NS + half,
        "ce_source": "http://localhost:9081/",
        "ce_time": "2026-03-02T11:00:00Z",
        "ce_inferenceservicename": "churn",
    }
    return pushed.post("predictions", body, **headers)


def ask(*rows: list[Any]) -> dict[str, Any]:
    return {"instances": [list(row) for row in rows]}


def say(*scores: float) -> dict[str, Any]:
    return {"predictions": list(scores)}


def counts(pushed: Pushed) -> dict[str, int]:
    return dict(pushed.desk.intakes["churn", "predictions"].tally.totals())


@pytest.mark.parametrize("first", ["request", "response"])
def test_the_halves_of_a_call_are_one_row_whichever_comes_first(
    tmp_path: Path, first: str
) -> None:
    halves = {"request": ask([1.5, "basic"], [2.5, "pro"]), "response": say(0.1, 0.9)}
    order = [first, *({"request", "response"} - {first})]
    with serving(tmp_path) as pushed:
        for half in order:
            assert binary(pushed, half, "7f", halves[half])[0] == 200
        rows = found(pushed.config).to_pylist()
        assert counts(pushed) == {"accepted": 2, "joined": 1}
    assert [r["id"] for r in rows] == ["7f#0", "7f#1"]
    assert [(r["amount"], r["plan"], r["score"]) for r in rows] == [
        (1.5, "basic", 0.1),
        (2.5, "pro", 0.9),
    ]
    assert {r["at"].hour for r in rows} == {11}


def test_structured_events_and_open_inference_bodies_are_read(tmp_path: Path) -> None:
    def tensor(name: str, kind: str, *data: Any) -> dict[str, Any]:
        return {"name": name, "shape": [1], "datatype": kind, "data": list(data)}

    asked = {"inputs": [tensor("amount", "FP64", 3.5), tensor("plan", "BYTES", "pro")]}
    told = b'{"outputs":[{"name":"out","shape":[1],"datatype":"FP32","data":[0.5]}]}'
    events = [
        {"specversion": "1.0", "id": "x", "source": "s", "type": NS + "request"}
        | {"data": asked},
        {"specversion": "1.0", "id": "x", "source": "s", "type": NS + "response"}
        | {"data_base64": base64.b64encode(told).decode()},
    ]
    with serving(tmp_path) as pushed:
        for event in events:
            kind = "application/cloudevents+json"
            assert pushed.post("predictions", event, kind)[0] == 200
        (row,) = found(pushed.config).to_pylist()
    assert (row["id"], row["amount"], row["plan"], row["score"]) == (
        "x#0",
        3.5,
        "pro",
        0.5,
    )


def test_a_half_survives_a_restart_and_finds_its_other(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        binary(pushed, "request", "a", ask([1.0, "basic"]))
    with serving(tmp_path) as pushed:
        binary(pushed, "response", "a", say(0.25))
        (row,) = found(pushed.config).to_pylist()
    assert (row["id"], row["amount"], row["score"]) == ("a#0", 1.0, 0.25)


def test_a_lost_half_is_counted_and_the_other_kept(tmp_path: Path) -> None:
    chance = Random(3)
    lost = set(chance.sample(range(200), 6))
    with serving(tmp_path) as pushed:
        for i in range(200):
            binary(pushed, "request", f"c{i}", ask([float(i), "basic"]))
            if i not in lost:
                binary(pushed, "response", f"c{i}", say(0.5))
        pushed.clock.advance(PATIENCE + timedelta(seconds=1))
        pushed.desk.events["churn"].overdue()
        told = counts(pushed)
        assert told == {"accepted": 200, "joined": 194, "no_response": 6}
        assert told["joined"] / (told["joined"] + told["no_response"]) == 0.97
        scores = found(pushed.config)["score"]
        assert scores.null_count == 6
        # What comes too late, or again, changes nothing.
        binary(pushed, "response", f"c{min(lost)}", say(0.5))
        binary(pushed, "request", "c7", ask([7.0, "basic"]))
        pushed.clock.advance(PATIENCE + timedelta(seconds=1))
        pushed.desk.events["churn"].overdue()
        assert len(set(found(pushed.config)["id"].to_pylist())) == 200
        assert pa.compute.sum(found(pushed.config)["amount"]).as_py() == 199 * 100


def test_what_is_no_call_is_put_aside(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        bad = [
            binary(pushed, "request", "a", {"weather": 1}),
            binary(pushed, "explain", "b", ask([1.0, "basic"])),
            binary(pushed, "request", "c", ask([1.0])),
            binary(pushed, "request", "d", b"{"),
        ]
        assert [status for status, _ in bad] == [422] * 4
        assert (
            pushed.post("predictions", b"[", "application/cloudevents+json")[0] == 422
        )
        binary(pushed, "request", "e", ask([1.0, "basic"]))
        assert binary(pushed, "response", "e", say(0.1, 0.2))[0] == 422
        (table, _) = quarantine(pushed)
    assert table["counts"] == {"event": 6}
    assert "other answers than rows" in table["rows"][0]["reason"]
