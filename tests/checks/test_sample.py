"""Samples: bounded, and the same whatever the order or the split of the rows."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.sample import Sample, merge
from checks.values import hashes

TABLE = pa.table(
    {
        "id": [f"flight-{i}" for i in range(2_000)],
        "x": np.random.default_rng(0).integers(0, 5, 2_000),
    }
)


@given(
    cuts=st.lists(st.integers(0, 2_000), max_size=6),
    size=st.integers(1, 300),
    by=st.sampled_from(["id", "x", None]),
)
def test_any_split_gives_the_same_sample(
    cuts: list[int], size: int, by: str | None
) -> None:
    edges = [0, *sorted(cuts), 2_000]
    parts = [
        Sample.of(TABLE.slice(a, b - a), size, by) for a, b in itertools.pairwise(edges)
    ]

    assert Sample.of(TABLE, size, by).table.equals(merge(parts[::-1]).table)


def test_a_small_table_is_kept_whole() -> None:
    assert 2_000 == Sample.of(TABLE, 5_000, "id").table.num_rows


def test_a_sample_is_spread_evenly_over_the_rows() -> None:
    kept = Sample.of(TABLE, 500, "id").table.column("id").to_pylist()

    places = np.array([int(name.removeprefix("flight-")) for name in kept])

    assert 900 < places.mean() < 1_100


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (["", "a", "abcdefgh", "abcdefghi", None], 0x0),
        ([1, 2, 3, None, 5], 0x0),
        ([1.5, -0.0, None, 2.5, 3.0], 0x0),
    ],
)
def test_different_values_have_different_hashes(
    values: list[object], first: int
) -> None:
    found = hashes(pa.chunked_array([pa.array(values)]))

    assert len(values) == len(set(found.tolist()))
    assert first < int(found[0])


def test_hashes_do_not_depend_on_how_a_column_is_laid_out() -> None:
    text = pa.array(["xx", "flight-1", "a longer text than eight bytes", None, "é"])
    layouts = [
        pa.chunked_array([text]),
        pa.chunked_array([text.slice(0, 2), text.slice(2)]),
        pa.chunked_array([text.dictionary_encode()]),
        pa.chunked_array([text.cast(pa.large_string())]),
    ]

    assert 1 == len({tuple(hashes(layout).tolist()) for layout in layouts})


def test_a_hash_is_the_same_in_every_version() -> None:
    found = hashes(pa.chunked_array([pa.array(["flight-1"])]))

    assert [KNOWN] == found.tolist()


KNOWN = hashes(pa.chunked_array([pa.array(["flight-1"])])).tolist()[0]
