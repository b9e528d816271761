"""The laws of outcomes: exact merging, storage, honest counts of what was refused."""

from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.classes import Classes
from checks.errors import ProfileError
from checks.outcomes import (
    ERROR_CELLS,
    SCORE_CELLS,
    BinaryOutcomes,
    Outcomes,
    RegressionOutcomes,
)

labels = st.sampled_from([True, False, None])
scores = st.none() | st.floats(-0.1, 1.1) | st.sampled_from([0.0, 1.0, 0.5, np.nan])
binary_rows = st.lists(st.tuples(labels, labels, scores), max_size=60)
numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)
regression_rows = st.lists(st.tuples(numbers, numbers), max_size=60)


def binary(rows: list[tuple[Any, ...]]) -> BinaryOutcomes:
    label, prediction, score = ([row[i] for row in rows] for i in range(3))
    return BinaryOutcomes.of(
        pa.array(label, pa.bool_()),
        pa.array(prediction, pa.bool_()),
        pa.array(score, pa.float64()),
    )


def regression(rows: list[tuple[Any, ...]]) -> RegressionOutcomes:
    label, prediction = ([row[i] for row in rows] for i in range(2))
    return RegressionOutcomes.of(
        pa.array(label, pa.float64()), pa.array(prediction, pa.float64())
    )


@given(binary_rows.flatmap(st.permutations), st.integers(1, 7), binary_rows)
def test_any_split_of_binary_rows_merges_to_the_same_bytes(
    rows: list[tuple[Any, ...]], pieces: int, more: list[tuple[Any, ...]]
) -> None:
    parts = [binary(rows[i::pieces]) for i in range(pieces)]
    merged = reduce(lambda a, b: a.merge(b), reversed(parts))

    assert binary(rows).to_bytes() == merged.to_bytes()
    other = binary(more)
    assert merged.merge(other).to_bytes() == other.merge(merged).to_bytes()


@given(regression_rows.flatmap(st.permutations), st.integers(1, 7))
def test_any_split_of_regression_rows_merges_to_the_same_bytes(
    rows: list[tuple[Any, ...]], pieces: int
) -> None:
    parts = [regression(rows[i::pieces]) for i in range(pieces)]
    merged = reduce(lambda a, b: a.merge(b), reversed(parts))

    assert regression(rows).to_bytes() == merged.to_bytes()


@given(binary_rows, regression_rows)
def test_outcomes_come_back_from_bytes_as_they_were(
    some: list[tuple[Any, ...]], others: list[tuple[Any, ...]]
) -> None:
    classified, regressed = binary(some), regression(others)

    assert classified.hash == BinaryOutcomes.from_bytes(classified.to_bytes()).hash
    assert regressed.hash == RegressionOutcomes.from_bytes(regressed.to_bytes()).hash


@pytest.mark.parametrize("empty", [BinaryOutcomes(), RegressionOutcomes()])
def test_no_rows_are_the_unit_of_merging(empty: Outcomes) -> None:
    some = (
        binary([(True, True, 0.4), (None, False, 0.5)])
        if isinstance(empty, BinaryOutcomes)
        else regression([(1.0, 2.0)])
    )

    assert some.hash == some.merge(empty).hash  # type: ignore[arg-type]
    assert empty.coverage == 0.0


def test_every_row_is_counted_once() -> None:
    rows = [
        (True, True, 0.9),
        (True, False, 0.0),
        (False, True, 1.0),
        (False, False, 0.2),
        (None, True, 0.7),
        (True, None, None),
        (False, False, 1.5),
    ]

    found = binary(rows)

    assert (7, 6, 5, 4) == (found.rows, found.labelled, found.judged, found.scored)
    assert (1, 1, 1, 2) == (
        found.true_positives,
        found.false_positives,
        found.false_negatives,
        found.true_negatives,
    )
    assert {"scores missing or outside [0, 1]": 2} == dict(found.refusals)
    assert found.coverage == pytest.approx(6 / 7)


def test_scores_of_exactly_zero_and_one_have_cells_of_their_own() -> None:
    found = BinaryOutcomes.of(
        [1, 1, 1, 0, 0], score=[0.0, np.nextafter(0, 1), 1.0, np.nextafter(1, 0), 1.0]
    )

    assert [0, 1, SCORE_CELLS - 1] == np.flatnonzero(found.positives).tolist()
    assert [SCORE_CELLS - 2, SCORE_CELLS - 1] == np.flatnonzero(
        found.negatives
    ).tolist()
    assert found.log_loss.total > 0


def test_without_a_prediction_the_score_is_cut() -> None:
    found = BinaryOutcomes.of([1, 1, 0], score=[0.5, 0.49, None], cut=0.5)

    assert (1, 1, 2) == (found.true_positives, found.false_negatives, found.judged)


def test_labels_and_predictions_of_neither_class_are_refused_and_counted() -> None:
    found = BinaryOutcomes.of(
        pa.array(["late", "on time", "cancelled"]),
        pa.array(["late", "?", "late"]),
        classes=Classes(positive="late", negative="on time"),
    )

    assert (3, 2, 1) == (found.rows, found.labelled, found.judged)
    assert {"labels of neither class": 1, "predictions of neither class": 1} == dict(
        found.refusals
    )


def test_outcomes_need_a_prediction_or_a_score() -> None:
    with pytest.raises(ProfileError, match="a prediction or a score"):
        BinaryOutcomes.of([1, 0])


def test_numbers_too_large_to_square_are_refused_and_counted() -> None:
    found = regression(
        [(1.0, 2.0), (np.inf, 1.0), (1e200, 1.0), (None, 1.0), (1.0, np.nan)]
    )

    assert (5, 2, 1) == (found.rows, found.labelled, found.judged)
    assert {
        "labels that are no finite number": 2,
        "predictions that are no finite number": 1,
    } == dict(found.refusals)


@given(st.lists(st.floats(2.0**-60, 2.0**60), min_size=1, max_size=30))
def test_an_absolute_error_lies_in_the_bin_that_its_logarithm_says(
    errors: list[float],
) -> None:
    found = RegressionOutcomes.of(np.zeros(len(errors)), np.array(errors))

    fraction, exponent = np.frexp(np.array(errors))
    cells = (exponent - 1 + 64) * 16 + np.floor((fraction * 2 - 1) * 16).astype(int) + 1
    assert np.bincount(cells, minlength=ERROR_CELLS).tolist() == found.errors.tolist()


def test_errors_off_the_scale_lie_in_the_end_cells() -> None:
    found = RegressionOutcomes.of([0.0, 0.0, 0.0], [0.0, 2.0**-70, 2.0**100])

    assert [2, 1] == [int(found.errors[0]), int(found.errors[-1])]


def test_outcomes_of_two_tasks_do_not_merge() -> None:
    with pytest.raises(ProfileError, match="cannot be merged"):
        BinaryOutcomes().merge(RegressionOutcomes())  # type: ignore[arg-type]


def test_damaged_outcomes_are_refused_by_name() -> None:
    written = binary([(True, True, 0.4)]).to_bytes()

    with pytest.raises(ProfileError, match="truncated"):
        BinaryOutcomes.from_bytes(written[:-1])
    with pytest.raises(ProfileError, match="not a summary of regression outcomes"):
        RegressionOutcomes.from_bytes(written)


def test_the_counts_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        BinaryOutcomes().positives[0] = 1
