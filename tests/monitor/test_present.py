"""An assessment as table, Markdown and JSON."""

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from checks.verdict import Status
from monitor.cycle import Turn
from monitor.evaluate import Assessment
from monitor.present import as_json, markdown, table
from tests.monitor.world import small


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    with small(tmp_path_factory.mktemp("world")) as world:
        turns = [e for e in world.pass_day(shift=20.0) if isinstance(e, Turn)]
    assert turns[0].assessment is not None
    return turns[0].assessment


def drawn(assessment: Assessment) -> str:
    """Return the table as a file or a pipe gets it."""
    console = Console(width=110, no_color=True, file=StringIO())
    with console.capture() as captured:
        console.print(table(assessment))
    return captured.get()


def test_the_table_names_the_worst_first_and_counts_the_rest(
    drifted: Assessment,
) -> None:
    lines = drawn(drifted).splitlines()

    assert lines[0].startswith(
        "churn version 1, monitor daily: 2026-03-01 to 2026-03-02"
    )
    verdicts = [line for line in lines if line.startswith("FAIL ")]
    assert "amount" in verdicts[0]
    assert lines[-1].startswith("FAIL: ")
    assert " PASS" in lines[-1]


def test_json_keeps_the_contract_that_scripts_rely_on(drifted: Assessment) -> None:
    told: dict[str, Any] = json.loads(as_json(drifted))

    assert {
        "model",
        "model_version",
        "window",
        "reference",
        "status",
        "verdicts",
        "incidents",
    } <= set(told)
    assert {"start", "end", "rows", "sampled"} == set(told["window"])
    assert ("2026-03-01T00:00:00Z", 400) == (
        told["window"]["start"],
        told["window"]["rows"],
    )
    assert {
        "check",
        "family",
        "column",
        "segment",
        "status",
        "cause",
        "value",
        "low",
        "high",
        "p_value",
        "p_adjusted",
        "threshold",
        "n_reference",
        "n_current",
    } <= set(told["verdicts"][0])
    assert "FAIL" == told["status"]


def test_markdown_is_a_table_that_names_cannot_break(drifted: Assessment) -> None:
    text = markdown(drifted)

    rows = [line for line in text.splitlines() if line.startswith("| FAIL")]
    assert rows
    assert {8} == {row.replace("\\|", "").count("|") for row in rows}
    assert "out\\_of\\_range" in text


def test_markdown_tells_the_notes_too(drifted: Assessment) -> None:
    noted = replace(drifted, notes=("the window is | too small", "and early"))

    lines = markdown(noted).splitlines()

    assert "> note: the window is \\| too small" in lines
    assert "> note: and early" in lines
    assert not any("note" in line for line in markdown(drifted).splitlines())


def test_a_segment_stands_beside_its_column(drifted: Assessment) -> None:
    inside = tuple(
        replace(verdict, segment="plan = a|b")
        for verdict in drifted.verdicts
        if verdict.status is not Status.PASS
    )
    quiet = tuple(
        replace(
            verdict,
            status=Status.UNKNOWN,
            cause="too few",
            statistic=None,
            segment=part,
        )
        for verdict in inside[:2]
        for part in ("c", "d")
    )
    found = replace(drifted, verdicts=(*inside, *quiet))

    lines = drawn(found).splitlines()

    assert any("amount (plan = a|b)" in line for line in lines)
    assert ["(c)", "(d)"] == [
        part
        for part in ("(c)", "(d)")
        if any(part in line and "too few" in line for line in lines)
    ]
    assert "amount (plan = a\\|b)" in markdown(found)
