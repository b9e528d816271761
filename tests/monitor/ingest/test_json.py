"""Rows sent as JSON are durable, read by a window, and held to the config."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from monitor.ingest.rows import LONGEST_TEXT
from monitor.window import parse_time
from tests.monitor.ingest.pushed import Pushed, found, quarantine, row, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    with serving(tmp_path_factory.mktemp("shared")) as pushed:
        yield pushed


def test_a_window_reads_a_row_as_soon_as_it_is_acknowledged(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        assert pushed.post("predictions", row()) == (
            200,
            {"accepted": 1, "rejected": 0},
        )
        (read,) = found(pushed.config).to_pylist()
    assert read == row() | {"at": parse_time("2026-03-02T11:00:00Z")}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([row(1), row(2)], "application/json"),
        (b'{"id": "p1"}\n\n{"id": "p2", "plan": null}\n', "application/x-ndjson"),
        (b'[{"id": "p1"},\n{"id": "p2", "x": [{"deep": 1}]}]', "application/json"),
    ],
)
def test_arrays_and_lines_are_read(tmp_path: Path, body: Any, kind: str) -> None:
    with serving(tmp_path) as pushed:
        assert pushed.post("predictions", body, kind)[1]["accepted"] == 2
        assert found(pushed.config)["id"].to_pylist() == ["p1", "p2"]


def test_labels_and_their_corrections_are_kept(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        for churned in (False, True):
            pushed.post("labels", {"id": "p1", "churned": churned})
            pushed.clock.advance(parse_time("2026-03-02T01") - parse_time("2026-03-02"))
        told = {"actuals": [{"id": "p2", "value": True, "known_at": 1772452800}]}
        assert pushed.post("actuals:batch", told)[1]["accepted"] == 1
        labels = found(pushed.config, "labels")
    assert labels["id"].to_pylist() == ["p1", "p1", "p2"]
    assert labels["churned"].to_pylist() == [False, True, True]


def test_times_are_read_as_text_and_as_numbers_and_made_where_they_are_missing(
    tmp_path: Path,
) -> None:
    written = [
        "2026-03-02T11:00:00+01:00",
        1772445600,
        1772445600000,
        1772445600000000,
        None,
    ]
    with serving(tmp_path) as pushed:
        pushed.post("predictions", [row(i, at=t) for i, t in enumerate(written)])
        times = found(pushed.config)["at"].to_pylist()
    assert set(times[:4]) == {parse_time("2026-03-02T10:00:00Z")}
    assert times[4] == parse_time("2026-03-02T12:00:00Z")


def test_one_column_of_numbers_and_texts_is_text_and_the_row_is_kept(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as pushed:
        rows = [row(1, plan="basic"), row(2, plan=7), row(3, plan=True)]
        assert pushed.post("predictions", rows)[1]["accepted"] == 3
        pushed.post("predictions", row(4, plan=8))
        assert found(pushed.config)["plan"].to_pylist() == ["basic", "7", "true", "8"]


def test_a_column_that_is_never_sent_is_missing_and_not_null(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        pushed.post("predictions", [{"id": 1, "amount": 3}, {"id": 2}])
        table = found(pushed.config)
    assert "plan" not in table.column_names
    assert table["amount"].to_pylist() == [3.0, None]
    assert table.schema.field("amount").type == pa.float64()


# ── what is not taken ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bad", "why", "reason"),
    [
        ({"id": "x", "amount": "much"}, "value", "got `str` - at `$.amount`"),
        ({"amount": 1}, "id", "missing required field `id`"),
        ({"id": ""}, "id", "length >= 1 - at `$.id`"),
        ({"id": "x", "at": "yesterday"}, "time", "this is no time - at `$.at`"),
        ({"id": "x", "at": "2035-01-01"}, "time", "more than a day ahead - at `$.at`"),
        ({"id": "x", "at": 5}, "time", "the time lies before 1980"),
        ({"id": "x", "at": 1e300}, "time", "this is no time"),
        ({"id": "x", "plan": ["a"]}, "value", "got `array` - at `$.plan`"),
        ({"id": "x", "plan": "a" * (LONGEST_TEXT + 1)}, "length", "at `$.plan`"),
        ([], "form", "Expected `object`, got `array`"),
        (None, "form", "Expected `object`, got `null`"),
    ],
)
def test_a_row_that_does_not_fit_is_put_aside_and_the_others_are_kept(
    shared: Pushed, bad: Any, why: str, reason: str
) -> None:
    before = quarantine(shared)[0]["counts"]
    status, told = shared.post("predictions", [row(1), bad, row(2)])
    assert (status, told["accepted"], told["rejected"]) == (200, 2, 1)
    assert told["rejects"][0]["row"] == 1
    assert reason in told["rejects"][0]["reason"]
    assert found(shared.config)["id"].to_pylist() == ["p1", "p2"]

    (table, _) = quarantine(shared)
    assert table["counts"] == before | {why: before.get(why, 0) + 1}
    assert reason in table["rows"][0]["reason"]
    assert table["rows"][0]["received"] == "2026-03-02T12:00:00Z"


def test_a_line_that_is_no_json_costs_that_line(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        body = b'{"id": "p1"}\n{"id": "p2"\n\n{"id": "p3"}\nnull'
        status, told = pushed.post("predictions", body, "application/x-ndjson")
        assert (status, told["accepted"], told["rejected"]) == (200, 2, 2)
        assert [one["row"] for one in told["rejects"]] == [1, 4]


def test_a_request_of_bad_rows_alone_is_a_problem(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        status, told = pushed.post("predictions", {"id": "p1", "amount": "much"})
    assert status == 422
    assert told["accepted"] == 0
    assert told["path"] == "$[0]"
    assert "got `str` - at `$.amount`" in told["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON of rows"),
        (b"{", "no JSON of rows"),
        (b'[{"id": 1}', "no JSON of rows"),
        (b'{"id": 1} {"id": 2}', "no JSON of rows"),
        (b'{"id": "\xff"}', "no JSON of rows"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"x": ' * 200_000, "nested too deeply"),
        (b'[{"id": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}]", "too deeply"),
    ],
)
def test_a_body_that_is_no_json_of_rows_is_a_problem_with_a_fix(
    shared: Pushed, body: bytes, said: str
) -> None:
    status, told = shared.post("predictions", body)
    assert status == 400
    assert said in told["detail"]
    assert told["fix"].startswith("send an object")


def test_an_array_without_rows_is_taken_and_nothing_becomes_of_it(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as pushed:
        status, told = pushed.post("predictions", [])
    assert (status, told) == (200, {"accepted": 0, "rejected": 0})


def test_what_is_asked_of_the_quarantine_is_listed_newest_first(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        for i in range(5):
            pushed.post("predictions", {"id": f"p{i}", "amount": "much"})
        (table, _) = quarantine(pushed, "?limit=2")
        assert pushed.get("quarantine?limit=x")[0] == 400
    assert [one["value"].split('"')[3] for one in table["rows"]] == ["p4", "p3"]
    assert table["counts"] == {"value": 5}


def test_counts_outlast_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        pushed.post("predictions", [row(1), {"amount": 1}])
    with serving(tmp_path) as pushed:
        intake = pushed.desk.intakes["churn", "predictions"]
        assert intake.tally.totals() == {"accepted": 1, "rejected:id": 1}


def test_addresses_that_take_no_rows_say_so(tmp_path: Path) -> None:
    with serving(tmp_path, model={"labels": None}) as pushed:
        for what in ("labels", "actuals:batch"):
            status, told = pushed.post(what, {"id": 1})
            assert status == 404
            assert "type: ingest" in told["fix"]
        assert pushed.get("predictions")[0] == 405
        assert pushed.post("quarantine", b"")[0] == 405
        assert pushed.post("weather", b"{}")[0] == 418  # it is the rest's to answer
