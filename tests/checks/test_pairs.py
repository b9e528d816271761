"""Pairs: what counts as equal, and counts that merge."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.errors import ProfileError, Unmeasurable
from checks.pairs import PairingCounts, Pairs
from checks.schema import Kind
from checks.tally import MAX_EXAMINED, compare

NUMERIC = {"column": "x", "kind": Kind.NUMERIC}


def counts(pairs: Pairs) -> tuple[int, ...]:
    return (
        pairs.match,
        pairs.mismatch,
        pairs.served_missing,
        pairs.recomputed_missing,
        pairs.both_missing,
    )


def test_null_and_nan_are_equal_to_each_other_and_differ_from_values() -> None:
    served = pa.array([1.0, None, np.nan, None, 2.0])
    recomputed = pa.array([1.0, None, None, 5.0, np.nan])

    found = compare(served, recomputed, column="x", kind=Kind.NUMERIC)

    assert (1, 0, 1, 1, 2) == counts(found)
    assert (5, 2) == (found.n_both, found.differing)


@pytest.mark.parametrize(
    ("served", "recomputed", "equal"),
    [
        (1.0, 1.0 + 5e-7, True),
        (1.0, 1.0 + 5e-6, False),
        (1e9, 1e9 + 500, True),
        (1e-9, 1.609e-9, False),
        (0.1 + 0.2 - 0.3, 0.0, True),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (np.inf, 1.0, False),
        (-0.0, 0.0, True),
    ],
)
def test_numbers_are_equal_within_the_tolerance(
    served: float,
    recomputed: float,
    equal: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = compare([served], [recomputed], column="x", kind=Kind.NUMERIC)

    assert int(equal) == found.match


def test_the_tolerance_is_the_callers() -> None:
    found = compare([100.0], [101.0], column="x", kind=Kind.NUMERIC, tolerance=0.02)

    assert found.match == 1


@pytest.mark.parametrize(
    ("served", "recomputed"),
    [
        (pa.array([2**60, 2**60 + 1, None]), pa.array([2**60, 2**60, None])),
        (pa.array([2**63, 7, None], pa.uint64()), pa.array([2**62, 7, None])),
        (pa.array([2**64 - 1, 1], pa.uint64()), pa.array([2**64 - 2, 1], pa.uint64())),
    ],
)
def test_without_a_tolerance_integers_are_equal_to_the_last_digit(
    served: pa.Array, recomputed: pa.Array
) -> None:
    exact = compare(served, recomputed, column="x", kind=Kind.NUMERIC, tolerance=0.0)
    swapped = compare(recomputed, served, column="x", kind=Kind.NUMERIC, tolerance=0.0)

    assert (1, 1) == (exact.match, exact.mismatch)
    assert (1, 1) == (swapped.match, swapped.mismatch)


def test_types_of_one_family_compare_and_numbers_as_categories_too() -> None:
    whole, floating = pa.array([1, 2], pa.int32()), pa.array([1.0, 2.0])

    for kind in (Kind.NUMERIC, Kind.CATEGORICAL):
        assert compare(whole, floating, column="x", kind=kind).match == 2


def test_text_beside_numbers_is_compared_as_text() -> None:
    found = compare(["1", "b"], [1, 2], column="x", kind=Kind.NUMERIC)

    assert (1, 1, 0, 0, 0) == counts(found)


def test_times_are_equal_whatever_their_zone_and_unit() -> None:
    moment = datetime(2013, 4, 1, 12, tzinfo=UTC)
    served = pa.array([moment, None], pa.timestamp("ms", "America/New_York"))
    recomputed = pa.array([moment, moment], pa.timestamp("us", "UTC"))

    found = compare(served, recomputed, column="t", kind=Kind.DATETIME)

    assert (1, 0, 1, 0, 0) == counts(found)


def test_a_time_zone_names_itself_as_the_cause() -> None:
    moments = [datetime(2013, 4, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(20)]
    local = [moment - timedelta(hours=4) for moment in moments]

    found = compare(local, moments, column="t", kind=Kind.DATETIME)

    assert found.cause is not None
    assert "served is 4 h behind recomputed (time zone)" == found.cause.law.sentence


def test_a_boolean_is_inverted_only_where_nearly_all_of_it_is() -> None:
    truth = np.arange(100) % 2 == 0
    some = truth.copy()
    some[:20] = ~some[:20]

    inverted = compare(~truth, truth, column="b", kind=Kind.BOOLEAN)
    mixed = compare(some, truth, column="b", kind=Kind.BOOLEAN)

    assert inverted.cause is not None
    assert inverted.cause.share == 1.0
    assert mixed.mismatch == 20
    assert mixed.cause is None


def test_an_empty_side_is_all_missing() -> None:
    found = compare([None, None], ["a", None], column="x", kind=Kind.CATEGORICAL)

    assert (0, 0, 1, 0, 1) == counts(found)


def test_nested_values_are_unmeasurable() -> None:
    with pytest.raises(Unmeasurable, match="list"):
        compare([[1]], [[2]], column="x", kind=Kind.CATEGORICAL)


def test_columns_of_two_lengths_are_no_pairs() -> None:
    with pytest.raises(ProfileError, match="2 served values of 'x' beside 1"):
        compare([1.0, 2.0], [1.0], column="x", kind=Kind.NUMERIC)


def test_of_very_many_differing_pairs_a_part_is_examined() -> None:
    miles = np.arange(1.0, MAX_EXAMINED + 1_001)

    found = compare(miles * 1.609344, miles, column="x", kind=Kind.NUMERIC)

    assert found.mismatch == MAX_EXAMINED + 1_000
    assert found.examined == MAX_EXAMINED
    assert found.cause is not None
    assert found.cause.share == 1.0


maybe = st.none() | st.integers(0, 3).map(float) | st.floats(-1e6, 1e6)
pairs_of = st.lists(st.tuples(maybe, maybe), max_size=40)


def compared(rows: list[tuple[Any, Any]]) -> Pairs:
    served, recomputed = ([row[i] for row in rows] for i in (0, 1))
    return compare(
        pa.array(served, pa.float64()),
        pa.array(recomputed, pa.float64()),
        column="x",
        kind=Kind.NUMERIC,
    )


@given(pairs_of, pairs_of, pairs_of)
def test_merging_is_associative_and_commutative(
    a: list[tuple[Any, Any]], b: list[tuple[Any, Any]], c: list[tuple[Any, Any]]
) -> None:
    x, y, z = compared(a), compared(b), compared(c)

    assert x.merge(y) == y.merge(x)
    assert x.merge(y).merge(z) == x.merge(y.merge(z))
    assert counts(x.merge(y)) == counts(compared(a + b))


@given(pairs_of.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_order_of_rows_leaves_no_trace(
    both: tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]],
) -> None:
    assert compared(both[0]) == compared(both[1])


def test_a_cause_outlives_merging() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(5):
        miles = rng.random(50) * 100
        parts.append(compare(miles * 1.609344, miles, column="x", kind=Kind.NUMERIC))

    found = reduce(lambda a, b: a.merge(b), parts).cause

    assert found is not None
    assert str(found) == (
        "served = recomputed × 1.609344 (miles → kilometres), on all 250 differing rows"
    )


def test_pairs_of_two_columns_do_not_merge() -> None:
    with pytest.raises(ProfileError, match="'x' cannot be merged with 'y'"):
        Pairs(column="x").merge(Pairs(column="y"))


def test_pairing_counts_add_up() -> None:
    some = PairingCounts(ids=3, joined=2, only_served=1)

    assert PairingCounts(ids=6, joined=4, only_served=2) == some.merge(some)


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
INSTANT = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("served", "recomputed", "kind"),
    [
        (pa.array(["1", "2.0", None]), pa.array([1, 2, None]), Kind.NUMERIC),
        (pa.array([1.5]), pa.array([Decimal("1.50")]), Kind.NUMERIC),
        (pa.array([1_767_268_800]), pa.array([NOON], INSTANT), Kind.DATETIME),
        (pa.array([NOON], INSTANT), pa.array([1_767_268_800_000.0]), Kind.DATETIME),
        (pa.array(["2026-01-01T12:00:00Z"]), pa.array([NOON], INSTANT), Kind.DATETIME),
        (
            pa.array([NOON], pa.timestamp("ns", "UTC")),
            pa.array([NOON], pa.timestamp("s", "America/New_York")),
            Kind.DATETIME,
        ),
        (
            pa.array([timedelta(seconds=1)]),
            pa.array([timedelta(seconds=1)], pa.duration("ms")),
            Kind.DATETIME,
        ),
    ],
    ids=["text", "decimal", "seconds", "milliseconds", "iso", "zones", "durations"],
)
def test_what_means_the_same_is_equal_however_it_is_written(
    served: pa.Array, recomputed: pa.Array, kind: Kind
) -> None:
    pairs = compare(served, recomputed, column="x", kind=kind)

    assert 0 == pairs.differing
    assert served.null_count == pairs.both_missing


def test_text_that_is_no_number_is_compared_as_text() -> None:
    pairs = compare(["1", "x"], [1, 2], column="x", kind=Kind.NUMERIC)

    assert (1, 1) == (pairs.match, pairs.mismatch)


def test_the_last_digits_of_a_model_in_float32_are_no_mystery() -> None:
    rng = np.random.default_rng(4)
    right = rng.random(500)
    served = (right * (1 + rng.uniform(-3e-6, 3e-6, 500))).astype(np.float32)

    cause = compare(served, right, column="score", kind=Kind.NUMERIC).cause

    assert cause is not None
    assert "the sides differ in the last digits of a float32" == cause.law.sentence


@pytest.mark.parametrize("kind", [Kind.BOOLEAN, Kind.CATEGORICAL])
def test_classes_that_are_wrong_one_way_alone_are_told(kind: Kind) -> None:
    rng = np.random.default_rng(4)
    score = rng.random(1_000)
    names = (True, False) if kind is Kind.BOOLEAN else ("late", "on time")

    def classes(threshold: float) -> list[Any]:
        return [names[0] if value > threshold else names[1] for value in score]

    def told(served: list[Any]) -> str | None:
        cause = compare(served, classes(0.5), column="late", kind=kind).cause
        return cause.law.sentence if cause else None

    found = told(classes(0.45))
    assert found is not None
    assert found.endswith("hardly ever the other way round")
    either = [n if rng.random() < 0.9 else names[0] for n in classes(0.5)]
    assert "hardly ever" in (told(either) or "")
    both = [n if rng.random() < 0.9 else names[n == names[0]] for n in classes(0.5)]
    assert told(both) is None


def test_a_nought_has_no_sign() -> None:
    sides = [-0.0, 0.0] * 3, [None] * 6
    pairs = compare(*sides, column="x", kind=Kind.NUMERIC)

    assert pairs.cause is not None
    assert "served is 0 where recomputed is null" == pairs.cause.law.sentence
