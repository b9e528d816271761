"""Columns that are gone, new or of another type: told by name, and never a crash."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from checks.correction import Correction
from checks.errors import Unmeasurable
from checks.evidence import Evidence
from checks.example import reference, window
from checks.quality.schema_change import NAMED, schema_change
from checks.registry import Task
from checks.schema import Role
from checks.suite import evaluate, plan
from checks.verdict import Status, Verdict

TABLE: dict[str, Any] = {"n": [1, 2, 3, 4], "c": ["a", "b", "a", "b"]}
KNOWN = reference({**TABLE, "id": ["p", "q", "r", "s"]}, roles={"id": Role.ID})
WHOLE = {**TABLE, "id": ["t", "u", "v", "w"]}


def judged(table: dict[str, Any]) -> dict[tuple[str, str | None], Verdict]:
    """Judge a window by the whole standard suite."""
    found = evaluate(
        plan(KNOWN.bins.schema, Task.NONE),
        KNOWN,
        Evidence(profile=window(KNOWN, table)),
        alpha=0.01,
        correction=Correction.HOLM,
    )
    return {(verdict.check, verdict.column): verdict for verdict in found}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (WHOLE, ""),
        ({**WHOLE, "n": [1.5, 2.5, 3.5, 4.5]}, ""),
        ({**WHOLE, "n": pa.nulls(4)}, ""),
        ({**WHOLE, "c": pa.array(WHOLE["c"]).dictionary_encode()}, ""),
        ({**WHOLE, "extra": [1, 2, 3, 4]}, ""),
        ({**WHOLE, "id": [1, 2, 3, 4]}, ""),
        ({**WHOLE, "n": ["1", "2", "3", "4"]}, "n was number and is text"),
        ({**WHOLE, "c": [1, 2, 3, 4]}, "c was text and is number"),
        ({**WHOLE, "n": [True, False, True, True]}, "n was number and is boolean"),
        ({**WHOLE, "n": [[1], [2], [3], [4]]}, "n was number and is other"),
        ({"n": [1], "id": ["a"]}, "c is missing"),
        ({"n": [1], "c": ["a"]}, "id is missing"),
        ({"id": ["a"]}, "c is missing; n is missing"),
    ],
)
def test_each_change_is_told_and_nothing_else_is(
    table: dict[str, Any], said: str
) -> None:
    found = schema_change(KNOWN, window(KNOWN, table))

    assert found.detail == said
    assert found.value == len(said.split("; ")) * bool(said)
    assert found.p_value is None


@pytest.mark.parametrize(
    "table",
    [
        {**WHOLE, "n": ["1", "2", "3", "4"]},
        {**WHOLE, "c": [[1], [2], [3], [4]]},
        {"id": ["a"]},
        {"n": [1.0], "c": [True], "id": [b"\\0"]},
    ],
)
def test_a_changed_table_has_a_verdict_on_everything(table: dict[str, Any]) -> None:
    found = judged(table)

    assert found["schema_change", None].status is Status.FAIL
    for verdict in found.values():
        assert verdict.status is not Status.UNKNOWN or verdict.cause
        assert "the check failed" not in (verdict.cause or "")


def test_new_columns_count_where_that_is_asked_for() -> None:
    more = {**WHOLE, **{f"x{i}": [1, 2, 3, 4] for i in range(NAMED + 2)}}

    found = schema_change(KNOWN, window(KNOWN, more), allow_extra=False)

    assert found.value == NAMED + 2
    assert found.detail.startswith("x0 is new; x1 is new")
    assert found.detail.endswith("; and 2 more")


def test_a_column_that_is_of_two_types_within_a_window_has_changed() -> None:
    both = window(KNOWN, WHOLE).merge(window(KNOWN, {**WHOLE, "n": ["1"] * 4}))

    assert schema_change(KNOWN, both).detail == "n was number and is number and text"


def test_a_window_without_any_column_is_unmeasurable() -> None:
    with pytest.raises(Unmeasurable, match="no columns"):
        schema_change(KNOWN, window(KNOWN, {}))


HOURS = pa.array([datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(4)])
TIMED = reference({**TABLE, "at": HOURS}, roles={"at": Role.TIMESTAMP})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({**TABLE, "at": HOURS}, ""),
        ({**TABLE, "at": HOURS.cast(pa.timestamp("us"))}, ""),
        ({**TABLE, "at": HOURS.cast(pa.date32())}, ""),
        ({**TABLE, "at": pa.nulls(4)}, ""),
        (TABLE, ""),
        ({**TABLE, "at": ["2026-03-01T00:00:00Z"] * 4}, "at was time and is text"),
        ({**TABLE, "at": [1, 2, 3, 4]}, "at was time and is number"),
        ({"n": ["1"], "c": ["a"]}, "n was number and is text"),
    ],
)
def test_a_timestamp_that_holds_times_no_more_is_named_like_any_other_column(
    table: dict[str, Any], said: str
) -> None:
    found = schema_change(TIMED, window(TIMED, table))

    assert found.detail == said
    assert found.value == len(said.split("; ")) * bool(said)


def test_a_reference_without_times_asks_for_none() -> None:
    text = reference({**TABLE, "at": ["2026"] * 4}, roles={"at": Role.TIMESTAMP})
    none = reference(TABLE, roles={"at": Role.TIMESTAMP})

    assert schema_change(text, window(text, {**TABLE, "at": HOURS})).value == 0.0
    assert schema_change(none, window(none, TABLE)).value == 0.0
