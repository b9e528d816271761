"""Checks of raw rows beside SciPy, and beside their siblings that read profiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from checks.drift.exact_kolmogorov_smirnov import exact_kolmogorov_smirnov
from checks.drift.exact_wasserstein import exact_wasserstein
from checks.drift.kolmogorov_smirnov import kolmogorov_smirnov
from checks.drift.wasserstein import wasserstein
from checks.errors import Unmeasurable
from checks.example import column, gathered
from tests.checks.drift.conftest import TEMPERS


@given(
    temper=st.sampled_from(sorted(TEMPERS)),
    seed=st.integers(0, 2**32),
    n=st.integers(2, 3_000) | st.just(12_000),
    m=st.integers(1, 300),
    shift=st.sampled_from([0.0, 0.1, 3.0]),
)
def test_value_and_p_value_are_scipys(
    temper: str, seed: int, n: int, m: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = TEMPERS[temper](rng, n), TEMPERS[temper](rng, m) + shift

    found = exact_kolmogorov_smirnov(gathered(x), gathered(y))

    test = stats.ks_2samp(x, y)
    assert found.value == pytest.approx(test.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(test.pvalue, rel=1e-9, abs=1e-300)
    if np.ptp(x):
        moved = exact_wasserstein(gathered(x), gathered(y))
        far = stats.wasserstein_distance(x, y) / np.std(x)
        assert moved.value == pytest.approx(far, rel=1e-12, abs=1e-12)


@given(
    temper=st.sampled_from(sorted(TEMPERS)),
    seed=st.integers(0, 2**32),
    shift=st.sampled_from([0.0, 0.1, 3.0]),
)
def test_what_the_sibling_hides_is_what_lies_between_them(
    temper: str, seed: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = TEMPERS[temper](rng, 3_000), TEMPERS[temper](rng, 900) + shift

    for exact, binned in (
        (exact_kolmogorov_smirnov, kolmogorov_smirnov),
        (exact_wasserstein, wasserstein),
    ):
        found = exact(gathered(x), gathered(y))
        beside = binned(column(x, like=x), column(y, like=x))
        assert abs(found.value - beside.value) <= beside.hidden + 1e-9 * found.value
        assert beside.low - 1e-9 <= found.low + 2 * beside.hidden
        assert found.hidden == 0.0


def test_wasserstein_is_as_certain_as_its_sibling_where_bins_lose_nothing() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.poisson(9, 4_000) * 1.0, rng.poisson(9.2, 2_000) * 1.0

    found = exact_wasserstein(gathered(x), gathered(y))
    beside = wasserstein(column(x, like=x), column(y, like=x))

    assert found.p_value == pytest.approx(beside.p_value, rel=1e-6)
    assert found.low == pytest.approx(beside.low, rel=1e-6)
    assert found.high == pytest.approx(beside.high, rel=1e-6)


def test_rows_that_are_not_independent_count_for_less() -> None:
    rng = np.random.default_rng(6)
    x, y = gathered(rng.normal(size=4_000)), gathered(rng.normal(0.1, 1, 2_000))

    for check in (exact_kolmogorov_smirnov, exact_wasserstein):
        alone = check(x, y)
        together = check(x.corrected(9.0), y.corrected(9.0))
        assert together.value == alone.value
        assert together.p_value is not None
        assert alone.p_value is not None
        assert together.p_value > 10 * alone.p_value
        assert together.low < alone.low


def test_a_constant_reference_has_no_scale() -> None:
    with pytest.raises(Unmeasurable, match="constant"):
        exact_wasserstein(gathered([1.0, 1.0]), gathered([2.0]))


def test_false_alarms_come_as_often_as_they_may() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=20_000)
    drawn = [gathered(rng.normal(size=500)) for _ in range(400)]

    for check in (exact_kolmogorov_smirnov, exact_wasserstein):
        p_values = [check(gathered(x), window).p_value or 0.0 for window in drawn]
        assert 5 <= sum(p <= 0.05 for p in p_values) <= 38
