"""Shifts of the mean and of quantiles, beside NumPy's on the raw rows."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.bins import Floats
from checks.drift.mean_shift import mean_shift
from checks.drift.quantile_shift import quantile_shift
from checks.errors import Unmeasurable
from checks.example import column
from checks.shift import variances
from checks.statistic import Statistic
from tests.checks.drift.conftest import TEMPERS

CHECKS: list[Callable[..., Statistic]] = [mean_shift, quantile_shift]


def sides(temper: str, seed: int, shift: float) -> tuple[Floats, Floats]:
    """Draw raw rows of a reference, which is never constant, and of a window."""
    rng = np.random.default_rng(seed)
    x = TEMPERS[temper](rng, int(rng.integers(20, 3_000)))
    y = TEMPERS[temper](rng, int(rng.integers(1, 2_000))) + shift
    if np.ptp(x) == 0:
        x[0] += 1.0
    return x, y


TEMPER = st.sampled_from(sorted(TEMPERS))
SEED = st.integers(0, 2**32)
SHIFT = st.sampled_from([0.0, 0.1, 3.0, -1e3])
SHARE = st.floats(0.01, 0.99)


@given(temper=TEMPER, seed=SEED, shift=SHIFT)
def test_the_true_shift_of_the_mean_lies_within_what_the_bins_hide(
    temper: str, seed: int, shift: float
) -> None:
    x, y = sides(temper, seed, shift)

    found = mean_shift(column(x, like=x), column(y, like=x))

    true = abs(float(np.mean(y) - np.mean(x))) / float(np.std(x))
    assert abs(true - found.value) <= found.hidden + 1e-9 * max(1.0, true)


@given(temper=TEMPER, seed=SEED, shift=SHIFT, share=SHARE)
def test_the_true_shift_of_a_quantile_lies_within_what_the_bins_hide(
    temper: str, seed: int, shift: float, share: float
) -> None:
    x, y = sides(temper, seed, shift)

    found = quantile_shift(column(x, like=x), column(y, like=x), share=share)

    true = abs(raw_quantile(y, share) - raw_quantile(x, share)) / float(np.std(x))
    assert abs(true - found.value) <= found.hidden + 1e-12 * max(1.0, true)


def raw_quantile(values: Floats, share: float) -> float:
    return float(np.quantile(values, share, method="inverted_cdf"))


@given(seed=SEED, rate=st.floats(1, 30), share=SHARE)
def test_where_bins_lose_nothing_the_shift_is_numpys(
    seed: int, rate: float, share: float
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.poisson(rate, 800).astype(float)
    y = rng.choice(x, 500, p=x / x.sum())
    reference, current = column(x, like=x), column(y, like=x)

    mean = mean_shift(reference, current)
    moved = quantile_shift(reference, current, share=share)

    assert 0.0 == mean.hidden == moved.hidden
    assert mean.value == pytest.approx(abs(y.mean() - x.mean()) / x.std(), abs=1e-12)
    true = abs(raw_quantile(y, share) - raw_quantile(x, share)) / float(np.std(x))
    assert moved.value == pytest.approx(true, abs=1e-12)


@pytest.mark.parametrize("check", CHECKS)
def test_a_direction_reads_its_own_way_and_nothing_the_other(
    check: Callable[..., Statistic],
) -> None:
    x = np.random.default_rng(12).normal(size=2_000)
    reference, higher = column(x, like=x), column(x + 0.5, like=x)

    both = check(reference, higher)
    up = check(reference, higher, direction="up")
    down = check(reference, higher, direction="down")

    assert both.value == up.value == pytest.approx(0.5, abs=0.01)
    assert up.p_value is not None
    assert both.p_value == pytest.approx(2 * up.p_value)
    assert (0.0, 0.0, 0.0, 1.0) == (down.value, down.low, down.high, down.p_value)
    assert "upward" == both.detail
    lower = check(higher, reference, direction="down")
    assert lower.low > 0.3
    assert "downward" == lower.detail


@pytest.mark.parametrize("check", CHECKS)
def test_a_constant_reference_gives_no_scale(check: Callable[..., Statistic]) -> None:
    constant = column([3.0] * 50, like=[3.0] * 50)

    with pytest.raises(Unmeasurable, match="the reference is constant"):
        check(constant, constant)


@pytest.mark.parametrize(
    ("temper", "near"),
    [("normal", 0.05), ("tied", 0.05), ("mostly zero", 0.05), ("lognormal", 0.35)],
)
def test_variances_are_numpys_for_the_reference_and_near_for_the_window(
    temper: str, near: float
) -> None:
    rng = np.random.default_rng(13)
    x, y = TEMPERS[temper](rng, 20_000), TEMPERS[temper](rng, 5_000)

    first, second = variances(column(x, like=x), column(y, like=x))

    assert first == pytest.approx(float(np.var(x)), rel=1e-6)
    assert second == pytest.approx(float(np.var(y)), rel=near)


def test_the_spread_of_far_values_is_seen_in_the_tail() -> None:
    x = np.arange(100.0)
    y = np.append(x, [500.0, 3_000.0])

    _, second = variances(column(x, like=x), column(y, like=x))

    assert second == pytest.approx(float(np.var(y)), rel=1e-6)
