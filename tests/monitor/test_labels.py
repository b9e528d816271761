"""Labels joined by id: late, twice, corrected or never."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.classes import Classes
from checks.delays import upper
from checks.outcomes import BinaryOutcomes, RegressionOutcomes
from checks.registry import Task
from monitor.errors import SourceError
from monitor.labels import (
    LabelJoin,
    OutcomeColumns,
    join_outcomes,
    join_parts,
    label_of,
    latest_labels,
    read_outcomes,
)
from monitor.spill import Side, parted

START = datetime(2013, 4, 1, tzinfo=UTC)
COLUMNS = OutcomeColumns(
    id="id", label="late", prediction="predicted", score="score", labelled_at="at"
)

MADE = replace(COLUMNS, predicted_at="made")


def labels(*rows: tuple[Any, bool | None, int | None]) -> pa.Table:
    """Make a table of (id, label, hours after the start)."""
    at = [
        None if hours is None else START + timedelta(hours=hours) for *_, hours in rows
    ]
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "late": pa.array([row[1] for row in rows], pa.bool_()),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
        }
    )


def predictions(*rows: tuple[Any, bool, float]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "predicted": pa.array([row[1] for row in rows], pa.bool_()),
            "score": pa.array([row[2] for row in rows], pa.float64()),
        }
    )


def latest(table: pa.Table, hours: int | None = None) -> dict[str, bool | None]:
    as_of = None if hours is None else START + timedelta(hours=hours)
    kept = latest_labels(table, columns=COLUMNS, as_of=as_of).table
    return dict(zip(kept["id"].to_pylist(), kept["late"].to_pylist(), strict=True))


def test_a_correction_supersedes() -> None:
    table = labels(("a", False, 5), ("a", True, 1), ("b", True, 2))

    assert {"a": False, "b": True} == latest(table)


def test_nothing_labelled_after_the_moment_is_used() -> None:
    table = labels(("a", True, 1), ("a", False, 5), ("b", True, 6))

    assert {"a": True} == latest(table, 4)
    assert {"a": False} == latest(table, 5)
    assert latest_labels(table, columns=COLUMNS, as_of=START).late == 3


def test_a_label_that_was_taken_back_is_none() -> None:
    assert {"a": None} == latest(labels(("a", True, 1), ("a", None, 2)))


def test_a_label_without_a_time_is_left_out_and_counted() -> None:
    found = latest_labels(labels(("a", True, None), ("b", True, 1)), columns=COLUMNS)

    assert ["b"] == found.table["id"].to_pylist()
    assert found.undated == 1


def test_two_labels_at_one_time_are_a_conflict_that_order_does_not_decide() -> None:
    one, other = ("a", True, 1), ("a", False, 1)

    first = latest_labels(labels(one, other), columns=COLUMNS)
    second = latest_labels(labels(other, one), columns=COLUMNS)

    assert first.table.equals(second.table)
    assert (1, 1) == (first.conflicting, second.conflicting)


def test_the_same_label_twice_is_no_conflict() -> None:
    found = latest_labels(labels(("a", True, 1), ("a", True, 1)), columns=COLUMNS)

    assert (0, 1) == (found.conflicting, found.superseded)


def test_a_label_without_an_id_is_left_out_and_counted() -> None:
    found = latest_labels(labels((None, True, 1)), columns=COLUMNS)

    assert (0, 1) == (len(found.table), found.without_id)


def joined(
    table: pa.Table, known: pa.Table, as_of: datetime | None = None
) -> LabelJoin:
    return join_outcomes(
        table, known, columns=COLUMNS, task=Task.BINARY_CLASSIFICATION, as_of=as_of
    )


def test_coverage_orphans_and_repeats_are_counted() -> None:
    logged = predictions(
        ("a", True, 0.9), ("b", False, 0.1), ("b", False, 0.1), (None, True, 0.8)
    )

    found = joined(logged, labels(("a", True, 1), ("z", True, 1)))

    assert found.coverage == pytest.approx(1 / 3)
    assert (1, 1, 1) == (found.orphans, found.repeated, found.without_id)
    assert (3, 1) == (found.outcomes.rows, found.outcomes.labelled)


def in_parts(
    table: pa.Table,
    known: pa.Table,
    as_of: datetime | None,
    parts: int,
    **others: Any,
) -> LabelJoin:
    """Join the same from the disk, in so many parts."""
    sides = [
        Side(
            batches=t.to_batches(max_chunksize=4)
            or [pa.RecordBatch.from_pylist([], schema=t.schema)],
            key=["id"],
        )
        for t in (table, known)
    ]
    return join_parts(
        parted(*sides, held=-1, parts=parts),
        as_of=as_of,
        sample=table,
        **{"columns": MADE, "task": Task.BINARY_CLASSIFICATION, **others},
    )


ids = st.sampled_from(["a", "b", "c", "d", "e", None])
label_rows = st.lists(
    st.tuples(ids, st.sampled_from([True, False, None]), st.none() | st.integers(0, 5)),
    max_size=25,
)
prediction_rows = st.lists(
    st.tuples(ids, st.booleans(), st.sampled_from([0.1, 0.5, 0.9])), max_size=25
)


@given(
    prediction_rows.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))),
    label_rows.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))),
    st.integers(-1, 6),
    st.integers(0, 25),
)
def test_no_order_of_arrival_and_no_batching_changes_the_outcomes(
    logged: tuple[list[Any], list[Any]],
    known: tuple[list[Any], list[Any]],
    hours: int,
    cut: int,
) -> None:
    as_of = START + timedelta(hours=hours)
    in_order = joined(predictions(*logged[0]), labels(*known[0]), as_of)

    batches = pa.concat_tables([labels(*known[1][:cut]), labels(*known[1][cut:])])
    shuffled = joined(predictions(*logged[1]), batches, as_of)

    assert in_order.outcomes.to_bytes() == shuffled.outcomes.to_bytes()
    assert in_order.labels.table.equals(shuffled.labels.table)
    assert in_order.orphans == shuffled.orphans


@settings(max_examples=30)
@given(
    prediction_rows,
    label_rows.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))),
    st.integers(-1, 6),
)
def test_a_join_in_parts_from_the_disk_is_the_same_to_the_byte(
    logged: list[Any], known: tuple[list[Any], list[Any]], hours: int
) -> None:
    as_of = START + timedelta(hours=hours)
    made = predictions(*logged)
    times = [START + timedelta(minutes=7 * i % 90) for i in range(len(made))]
    made = made.append_column("made", pa.array(times, pa.timestamp("us", "UTC")))

    whole = join_outcomes(
        made,
        labels(*known[0]),
        columns=MADE,
        task=Task.BINARY_CLASSIFICATION,
        as_of=as_of,
    )
    parts = in_parts(made, labels(*known[1]), as_of, 3)

    assert whole.outcomes.to_bytes() == parts.outcomes.to_bytes()
    assert whole.delays.to_bytes() == parts.delays.to_bytes()
    for name in ("orphans", "repeated", "without_id", "troubles"):
        assert getattr(whole, name) == getattr(parts, name)
    labels_of = [
        label_of(made, one.labels, COLUMNS).to_pylist() for one in (whole, parts)
    ]
    assert labels_of[0] == labels_of[1]


WEIGHTED = replace(MADE, weight="driftd_weight")
weighted_rows = st.lists(
    st.tuples(
        ids,
        st.booleans(),
        st.sampled_from([0.1, 0.5, 0.9]),
        st.sampled_from([1.0, 2.0, 10.5, 1e6]),
        st.sampled_from(["pro", "trial"]),
        st.integers(0, 1),
    ),
    max_size=25,
)


def weighted(*rows: tuple[Any, ...]) -> pa.Table:
    """Make a table of (id, predicted, score, weight, plan, hours after the start)."""
    at = [START + timedelta(hours=row[5]) for row in rows]
    weights = pa.array([row[3] for row in rows], pa.float64())
    plans = pa.array([row[4] for row in rows], pa.string())
    table = predictions(*(row[:3] for row in rows))
    table = table.append_column("made", pa.array(at, pa.timestamp("us", "UTC")))
    table = table.append_column("plan", plans)
    return table.append_column("driftd_weight", weights)


def by_plan(table: pa.Table) -> list[tuple[str, Any]]:
    plans = np.asarray(table["plan"].to_pylist(), dtype=np.str_)
    return [(name, np.flatnonzero(plans == name)) for name in ("pro", "trial")]


@settings(max_examples=60, deadline=None)
@given(
    weighted_rows.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))),
    label_rows.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))),
    st.integers(-1, 6),
    st.sampled_from([Task.BINARY_CLASSIFICATION, Task.REGRESSION]),
)
def test_a_weighted_sample_is_joined_in_parts_and_in_any_order_to_the_same_bytes(
    logged: tuple[list[Any], list[Any]],
    known: tuple[list[Any], list[Any]],
    hours: int,
    task: Task,
) -> None:
    columns = WEIGHTED
    if task is Task.REGRESSION:
        columns = replace(WEIGHTED, prediction="score", score=None)
    asked: Any = {"columns": columns, "task": task, "divide": by_plan}
    as_of = START + timedelta(hours=hours)
    whole = join_outcomes(weighted(*logged[0]), labels(*known[0]), as_of=as_of, **asked)
    parts = in_parts(weighted(*logged[1]), labels(*known[1]), as_of, 3, **asked)

    assert whole.outcomes.to_bytes() == parts.outcomes.to_bytes()
    assert set(whole.segments) == set(parts.segments) == {"pro", "trial"}
    for name, found in whole.segments.items():
        assert found.to_bytes() == parts.segments[name].to_bytes()
    for segment in (None, "pro", "trial"):
        assert whole.effect(segment) == parts.effect(segment)


def test_of_a_prediction_logged_twice_at_one_time_order_does_not_decide() -> None:
    twice = [("a", True, 0.9, 1.0, "pro", 0), ("a", True, 0.9, 2.0, "trial", 0)]
    rest = [("b", False, 0.1, 7.0, "pro", 0), ("b", False, 0.1, 7.0, "trial", 0)]
    known = labels(("a", True, 1), ("b", True, 1))
    one, other = (
        join_outcomes(
            weighted(*rows),
            known,
            columns=WEIGHTED,
            task=Task.BINARY_CLASSIFICATION,
            divide=by_plan,
        )
        for rows in ([*twice, *rest], [*reversed(twice), *reversed(rest)])
    )
    assert one.repeated == other.repeated == 2
    assert one.outcomes.to_bytes() == other.outcomes.to_bytes()
    for name, found in one.segments.items():
        assert found.to_bytes() == other.segments[name].to_bytes()


def test_how_long_the_first_label_took_is_counted_and_a_correction_is_not() -> None:
    made = predictions(("a", True, 0.5), ("b", True, 0.5), ("c", True, 0.5))
    at = pa.array([START, START + timedelta(hours=1), None], pa.timestamp("us", "UTC"))
    known = labels(("a", True, 2), ("a", False, 9), ("b", None, 3), ("c", True, 3))

    found = join_outcomes(
        made.append_column("made", at),
        known,
        columns=MADE,
        task=Task.BINARY_CLASSIFICATION,
        as_of=START + timedelta(hours=10),
    ).delays

    assert (2, 1) == (found.predictions, found.labels)
    (cell,) = np.flatnonzero(found.taken)
    assert upper(int(cell) - 1) <= 2 * 3_600 <= upper(int(cell))


def test_labels_that_say_nothing_are_told_by_name() -> None:
    known = pa.table(
        {
            "id": ["a", "a", "b", "c", None],
            "late": [1.0, 0.0, float("nan"), 7.0, 1.0],
            "at": pa.array([START, START, START, START, START], pa.timestamp("us")),
        }
    )
    made = predictions(("a", True, 0.5), ("b", True, 0.5), ("c", True, 0.5))

    found = joined(made, known)

    assert found.outcomes.labelled == 1
    assert found.troubles == {
        "labels without an id": 1,
        "labels that are no number (NaN)": 1,
        "ids with two labels of one time, of which the larger is used": 1,
        "labels of neither class": 1,
    }


@given(label_rows, label_rows, st.integers(0, 5))
def test_what_came_later_never_changes_what_was_known(
    known: list[Any], more: list[Any], hours: int
) -> None:
    later = [(i, label, at + hours + 1) for i, label, at in more if at is not None]

    assert latest(labels(*known), hours) == latest(labels(*known, *later), hours)


UUIDS = pa.ExtensionArray.from_storage(
    pa.uuid(), pa.array([UUID(int=k * 2**70).bytes for k in (1, 2, 3)], pa.binary(16))
)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pa.array([1, 2, 3]), pa.array([3, 2], pa.int32())),
        (pa.array([1, 2, 3]), pa.array([3.0, 2.0, None])),
        (pa.array([1, 2, 3]), pa.array(["3", "2"])),
        (pa.array(["x", "y", "z"]).dictionary_encode(), pa.array(["z", "y"])),
        (pa.array([b"k", b"l", b"m"]), pa.array([b"m", b"l"])),
        (
            pa.array([bytes([i] * 16) for i in range(3)], pa.binary(16)),
            pa.array([bytes([i] * 16) for i in (2, 1)], pa.binary(16)),
        ),
        (pa.array([b"k", b"l", b"m"]), pa.array(["m", "l"])),
        (UUIDS, pa.array([str(one) for one in UUIDS.to_pylist()[:0:-1]])),
        (UUIDS, UUIDS.storage.take(pa.array([2, 1])).cast(pa.binary())),
        (UUIDS, UUIDS.take(pa.array([2, 1]))),
        (pa.array([1e300, 7.0, float("inf")]), pa.array(["inf", "7"])),
    ],
    ids=[
        *("int widths", "floats", "text", "dictionary", "bytes", "fixed bytes"),
        *("bytes and text", "UUIDs and text", "UUIDs and bytes", "UUIDs", "large"),
    ],
)
def test_ids_of_any_type_find_each_other(ours: pa.Array, theirs: pa.Array) -> None:
    logged = pa.table({"id": ours, "predicted": [1, 1, 1]})
    known = pa.table({"id": theirs, "late": [1, 0, 1][: len(theirs)]})

    found = join_outcomes(
        logged,
        known,
        columns=OutcomeColumns(id="id", label="late", prediction="predicted"),
        task=Task.BINARY_CLASSIFICATION,
    ).outcomes

    assert isinstance(found, BinaryOutcomes)
    assert (1, 1) == (found.true_positives, found.false_positives)


def test_of_a_prediction_logged_twice_the_last_made_counts() -> None:
    logged = pa.table(
        {
            "id": ["a", "a"],
            "predicted": [10.0, 20.0],
            "made": [START + timedelta(hours=1), START],
        }
    )
    columns = OutcomeColumns(
        id="id", label="delay", prediction="predicted", predicted_at="made"
    )

    found = join_outcomes(
        logged,
        pa.table({"id": ["a"], "delay": [9.0]}),
        columns=columns,
        task=Task.REGRESSION,
    ).outcomes

    assert isinstance(found, RegressionOutcomes)
    assert found.absolute.total == 1


def test_an_empty_window_has_outcomes_without_rows() -> None:
    found = joined(predictions(), labels(("a", True, 1)))

    assert (0, 0.0, 1) == (found.outcomes.rows, found.coverage, found.orphans)
    assert joined(predictions(("a", True, 0.5)), labels()).coverage == 0.0


def test_a_missing_column_is_told_with_those_there_are() -> None:
    with pytest.raises(SourceError, match="no column 'late'; they have: id"):
        latest_labels(pa.table({"id": [1]}), columns=COLUMNS)


def test_a_time_that_is_text_is_refused() -> None:
    table = pa.table({"id": ["a"], "late": [True], "at": ["yesterday"]})

    with pytest.raises(SourceError, match="'at' holds string, which is no time"):
        latest_labels(table, columns=COLUMNS)


def test_a_reference_has_its_labels_beside_its_predictions() -> None:
    table = pa.table({"late": ["yes", "no", None], "score": [0.9, 0.2, 0.5]})

    found = read_outcomes(
        table,
        columns=OutcomeColumns(id="", label="late", score="score"),
        task=Task.BINARY_CLASSIFICATION,
        classes=Classes(positive="yes"),
    )

    assert (3, 2) == (found.rows, found.labelled)


def test_a_task_without_outcomes_is_refused() -> None:
    with pytest.raises(SourceError, match="task none"):
        read_outcomes(
            pa.table({"late": [1]}),
            columns=OutcomeColumns(id="", label="late"),
            task=Task.NONE,
        )
