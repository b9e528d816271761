"""Rows sent as JSON are durable, read by a window, and held to the config."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from monitor.sources.base import open_source
from monitor.window import Window, parse_time
from tests.monitor.ingest.pushed import Pushed, serving

DAY = Window(parse_time("2026-03-02"), parse_time("2026-03-03"))


def row(i: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"p{i}",
        "at": "2026-03-02T11:00:00Z",
        "amount": 50.5,
        "plan": "basic",
        "score": 0.25,
        **changes,
    }


def rows_of(pushed: Pushed, what: str = "source") -> pa.Table:
    """Return what a window of the model finds."""
    model = pushed.config.models["churn"]
    section, time = model.source, "at"
    if what == "labels":
        assert model.labels is not None
        section, time = model.labels.source, "known_at"
    source = open_source(section, timestamp=time)
    return pa.Table.from_batches(list(source.read(DAY, None)))


def test_a_window_reads_a_row_as_soon_as_it_is_acknowledged(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        assert pushed.post("predictions", row()) == (
            200,
            {"accepted": 1, "rejected": 0, "rejects": []},
        )
        (found,) = rows_of(pushed).to_pylist()
    assert found == row() | {"at": parse_time("2026-03-02T11:00:00Z")}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([row(1), row(2)], "application/json"),
        (b'{"id": "p1"}\n\n{"id": "p2", "plan": null}\n', "application/x-ndjson"),
    ],
)
def test_arrays_and_lines_are_read(tmp_path: Path, body: Any, kind: str) -> None:
    with serving(tmp_path) as pushed:
        assert pushed.post("predictions", body, kind)[1]["accepted"] == 2
        assert rows_of(pushed)["id"].to_pylist() == ["p1", "p2"]


def test_labels_and_their_corrections_are_kept(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        for churned in (False, True):
            pushed.post("labels", {"id": "p1", "churned": churned})
            pushed.clock.advance(DAY.length / 48)
        assert rows_of(pushed, "labels")["churned"].to_pylist() == [False, True]
