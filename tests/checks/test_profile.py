"""Profiles: counted against frozen bins, merged exactly, stored without loss."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.bins import MAX_EDGES, MAX_LEVELS
from checks.column import LevelProfile, NumericProfile
from checks.errors import ProfileError
from checks.profile import Bins, Profile, merge_all
from checks.schema import Column, Kind, Role, Schema

SCHEMA = Schema.of(
    [
        Column(name="amount", kind=Kind.NUMERIC),
        Column(name="count", kind=Kind.NUMERIC),
        Column(name="colour", kind=Kind.CATEGORICAL),
        Column(name="paid", kind=Kind.BOOLEAN),
        Column(name="due", kind=Kind.DATETIME),
        Column(name="key", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="at", kind=Kind.DATETIME, role=Role.TIMESTAMP),
    ]
)


def rows(seed: int, n: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(size=n)
    amount[rng.random(n) < 0.02] = np.nan
    amount[rng.random(n) < 0.01] = np.inf
    return pa.table(
        {
            "amount": pa.array(amount, mask=rng.random(n) < 0.05),
            "count": rng.poisson(3, n),
            "colour": rng.choice(["red", "green", f"shade {seed}"], n),
            "paid": rng.random(n) < 0.3,
            "due": pa.array(rng.integers(0, 10**15, n), pa.timestamp("us", "UTC")),
            "key": pa.array(rng.integers(0, n, n), mask=rng.random(n) < 0.1),
            "at": pa.array(rng.integers(0, 10**15, n), pa.timestamp("us", "UTC")),
        }
    )


BINS = Bins.fit(SCHEMA, rows(0, 5_000))


def numeric(profile: Profile, name: str) -> NumericProfile:
    column = profile.columns[name]
    assert isinstance(column, NumericProfile)
    return column


def level(profile: Profile, name: str) -> LevelProfile:
    column = profile.columns[name]
    assert isinstance(column, LevelProfile)
    return column


@given(
    cuts=st.lists(st.integers(0, 3_000), max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_any_split_of_the_rows_in_any_order_gives_the_same_bytes(
    cuts: list[int], order: st.DataObject
) -> None:
    table = rows(7, 3_000)
    edges = [0, *sorted(cuts), 3_000]
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    order.shuffle(parts)  # type: ignore[attr-defined]

    merged = merge_all(BINS.profile(part) for part in parts)

    assert BINS.profile(table).to_bytes() == merged.to_bytes()


def test_every_row_is_counted_once_whatever_it_holds() -> None:
    profile = BINS.profile(rows(3, 4_000))

    for column in profile.columns.values():
        inside = int(column.counts.sum())
        inside += column.others if isinstance(column, LevelProfile) else 0
        assert 4_000 == inside + column.missing


def test_null_nan_and_infinity_are_told_apart() -> None:
    table = pa.table(
        {"amount": pa.array([1.0, None, math.nan, math.inf, -math.inf, 2.0])}
    )

    amount = numeric(BINS.profile(table), "amount")

    assert (6, 1, 1, 2, 2) == (
        amount.rows,
        amount.nulls,
        amount.nans,
        amount.infinities,
        amount.n,
    )


def test_a_stored_profile_reads_back_to_the_same_bytes() -> None:
    profile = BINS.profile(rows(5, 2_000))

    assert profile.to_bytes() == BINS.read(profile.to_bytes()).to_bytes()


def test_stored_bins_read_back_to_the_same_name() -> None:
    assert BINS.id == Bins.from_bytes(BINS.to_bytes()).id


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_profile_is_refused_by_name(keep: int) -> None:
    data = BINS.profile(rows(5, 100)).to_bytes()[:keep]

    with pytest.raises(ProfileError, match=r"profile"):
        BINS.read(data)


def test_a_damaged_profile_is_refused() -> None:
    data = bytearray(BINS.profile(rows(5, 100)).to_bytes())
    data[len(data) // 2] ^= 1

    with pytest.raises(ProfileError, match="damaged"):
        BINS.read(bytes(data))


def test_a_profile_of_a_newer_format_is_refused() -> None:
    data = bytearray(BINS.profile(rows(5, 100)).to_bytes())
    data[7] = 99

    with pytest.raises(ProfileError, match="written in format 99"):
        BINS.read(bytes(data))


def test_profiles_of_different_bins_do_not_merge() -> None:
    other = Bins.fit(SCHEMA, rows(1, 500))

    with pytest.raises(ProfileError, match="cannot merge"):
        BINS.profile(rows(2, 10)).merge(other.profile(rows(2, 10)))


def test_a_column_of_the_wrong_type_is_unreadable_and_takes_no_other_along() -> None:
    table = rows(3, 50).set_column(0, "amount", pa.array(["many"] * 50))

    profile = BINS.profile(table)

    assert "the column holds string, which is no number" == profile.unreadable["amount"]
    assert {"count", "colour", "paid", "due"} == set(profile.columns)


def test_a_column_that_is_missing_from_one_part_counts_the_rows_of_the_others() -> None:
    table = rows(3, 50)

    merged = BINS.profile(table).merge(BINS.profile(table.drop_columns(["amount"])))

    assert (100, 50, 100) == (
        merged.rows,
        merged.columns["amount"].rows,
        merged.columns["count"].rows,
    )


def test_few_distinct_values_each_get_an_atom_of_their_own() -> None:
    counts = numeric(BINS.profile(rows(0, 5_000)), "count")

    assert 0 == int(counts.counts[::2].sum())


def test_no_column_gets_more_cells_than_its_bound() -> None:
    table = pa.table(
        {
            "amount": np.random.default_rng(0).normal(size=50_000),
            "colour": [f"level {i}" for i in range(50_000)],
        }
    )

    bins = Bins.fit(SCHEMA, table)

    profile = bins.profile(table)
    assert 2 * MAX_EDGES + 1 >= len(numeric(profile, "amount").counts)
    assert MAX_LEVELS == len(level(profile, "colour").counts)
    assert 50_000 - MAX_LEVELS == level(profile, "colour").others


def test_the_profile_of_the_reference_stays_under_its_size() -> None:
    table = pa.table({"amount": np.random.default_rng(0).normal(size=200_000)})
    bins = Bins.fit(SCHEMA, table)

    size = len(bins.to_bytes()) + len(bins.profile(table).to_bytes())

    assert size <= 25_000


def test_sums_reach_far_beyond_the_edges_before_they_saturate() -> None:
    table = pa.table({"count": [1e3, 1e6, -1e6]})

    count = numeric(BINS.profile(table), "count")

    span = count.bins.edges[-1] - count.bins.edges[0]
    step = count.bins.tail_step
    assert 0 == count.saturated
    assert count.sums[-1] * step == pytest.approx(1e3 + 1e6 - 2 * count.bins.edges[-1])
    assert (
        1 == numeric(BINS.profile(pa.table({"count": [span * 1e8]})), "count").saturated
    )


def test_an_all_null_column_and_an_empty_table_have_profiles() -> None:
    table = pa.table({"amount": pa.nulls(5), "colour": pa.nulls(5)})

    profile = BINS.profile(table).merge(BINS.empty())

    assert (5, 5) == (profile.columns["amount"].nulls, profile.columns["colour"].nulls)
    assert 5 == profile.rows
