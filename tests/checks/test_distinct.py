"""Numbers of different values: exact while few, sketched beyond, split either way."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.distinct import ERROR, EXACT, Distinct
from checks.values import hashes, mix


def keys(start: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return the hashes of so many whole numbers."""
    return mix(np.arange(start, start + count).astype(np.uint64))


def bytes_of(found: Distinct) -> bytes:
    return b"".join(array.tobytes() for array in found.arrays.values())


@pytest.mark.parametrize("count", [0, 1, 100, EXACT - 1, EXACT])
def test_few_values_are_counted_exactly(count: int) -> None:
    found = Distinct.of(np.repeat(keys(0, count), 3))

    assert found.exact
    assert (found.rows, found.number, found.error) == (3 * count, count, 0.0)


@pytest.mark.parametrize("count", [EXACT + 1, 20_000, 65_536, 300_000, 2_000_000])
def test_many_are_estimated_within_their_error(count: int) -> None:
    found = [Distinct.of(keys(i * count, count)).number for i in range(6)]

    errors = np.array(found) / count - 1
    assert np.abs(errors).max() < 4 * ERROR
    assert abs(errors.mean()) < 2.5 * ERROR / np.sqrt(len(errors))
    assert not Distinct.of(keys(0, count)).exact


@given(
    cuts=st.lists(st.integers(0, 60_000), max_size=6),
    order=st.randoms(use_true_random=False),
    span=st.sampled_from([50, EXACT, EXACT + 1, 60_000]),
)
def test_any_split_in_any_order_gives_the_same_bytes(
    cuts: list[int], order: st.DataObject, span: int
) -> None:
    rows = keys(0, span)[np.random.default_rng(1).integers(0, span, 60_000)]
    edges = [0, *sorted(cuts), len(rows)]
    parts = [Distinct.of(rows[a:b]) for a, b in itertools.pairwise(edges)]
    order.shuffle(parts)  # type: ignore[attr-defined]

    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)

    assert bytes_of(merged) == bytes_of(Distinct.of(rows))
    assert merged.rows == len(rows)


def test_what_is_stored_reads_back_to_the_same() -> None:
    for count in (0, 10, 50_000):
        found = Distinct.of(keys(0, count))

        again = Distinct.from_arrays(found.rows, **found.arrays)

        assert (again.number, bytes_of(again)) == (found.number, bytes_of(found))


def test_null_and_nan_are_no_values() -> None:
    for array in (
        pa.array([1, None, 1, 2]),
        pa.array([1.0, None, float("nan"), 1.0, 2.0]),
        pa.array(["a", None, "a", "b"]),
    ):
        found = Distinct.of(hashes(pa.chunked_array([array])))

        assert (found.rows, found.number) == (3, 2.0)
