"""The laws of exact sums."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.exact import Moments, total

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=50))
def test_the_total_is_the_sum_of_the_fractions_that_floats_are(
    values: list[float],
) -> None:
    expected = sum((Fraction(value) for value in values), Fraction(0))

    assert expected == total(np.array(values, dtype=np.float64))


@given(
    st.lists(finite, max_size=40).flatmap(
        lambda v: st.tuples(st.just(v), st.permutations(v))
    ),
    st.integers(0, 40),
)
def test_neither_order_nor_split_changes_the_total(
    both: tuple[list[float], list[float]], cut: int
) -> None:
    values, shuffled = (np.array(part, dtype=np.float64) for part in both)

    assert total(values) == total(shuffled[:cut]) + total(shuffled[cut:])


def test_the_mean_is_rounded_once_like_fsum() -> None:
    values = np.random.default_rng(1).normal(size=10_000) * 1e6

    moments = Moments.of(values)

    assert float(total(values)) == math.fsum(values)
    assert moments.mean(len(values)) == pytest.approx(
        math.fsum(values) / 1e4, rel=1e-15
    )


def test_the_variance_of_the_mean_is_numpys() -> None:
    values = np.random.default_rng(2).normal(size=1_000) + 1.0

    moments = Moments.of(values)

    expected = float(np.var(values, ddof=1)) / 1_000
    assert moments.variance_of_mean(1_000) == pytest.approx(expected, rel=1e-12)


def test_moments_come_back_from_their_stored_form_as_they_were() -> None:
    moments = Moments.of(np.array([1e-300, 1e100, -0.1]))

    assert moments == Moments.from_json(moments.to_json())
