"""Ids of any type as numbers, and the last row of each."""

import numpy as np
import pyarrow as pa
import pytest

from monitor.ids import column, last_of_each, numbered, ranked


def test_equal_ids_have_equal_numbers_across_columns_and_null_has_none() -> None:
    ours, theirs = numbered(pa.array(["a", None, "b"]), pa.array(["b", "c"]))

    assert ours[2] == theirs[0]
    assert ours[1] == -1
    assert len({*ours.tolist(), *theirs.tolist()}) == 4


def test_floats_that_are_no_whole_numbers_are_compared_as_they_are() -> None:
    ours, theirs = numbered(pa.array([1.5, 2.0]), pa.array(["1.5", "2"]))

    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([False, None, True]),
        pa.array([1.0, None, 7.5]),
        pa.array(["a", None, "b"]),
    ],
)
def test_ranks_rise_with_the_values_and_null_is_lowest(values: pa.Array) -> None:
    first, null, last = ranked(values).tolist()

    assert null < first < last


def test_a_column_comes_in_one_piece_without_nan() -> None:
    table = pa.table({"x": pa.chunked_array([[1.0], [float("nan")]])})

    assert [1.0, None] == column(table, "x").to_pylist()
    assert [] == column(table.slice(0, 0), "x").to_pylist()


def test_the_last_of_none_is_none() -> None:
    nothing = np.empty(0, np.int64)

    rows, conflicting = last_of_each(nothing, nothing, nothing)

    assert (0, 0) == (len(rows), conflicting)
