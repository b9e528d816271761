"""Every law of numbers and times: found where it holds, silent where nothing does."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from checks.cause import Nature, likely
from checks.exact import Floats
from checks.laws import numbers, times
from checks.units import unit

N = 200
HOUR = 3_600e6


def said(served: Floats, recomputed: Floats) -> str | None:
    """Return the sentence of the likely cause of numbers that differ."""
    cause = likely(numbers(served, recomputed), len(served))
    return cause.law.sentence if cause else None


def said_of_times(served: Floats, recomputed: Floats) -> str | None:
    cause = likely(times(served, recomputed), len(served))
    return cause.law.sentence if cause else None


@pytest.fixture
def values() -> Floats:
    return np.random.default_rng(0).lognormal(3, 1, size=N)


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.609344, "× 1.609344 (miles → kilometres)"),
        (1.609, "× 1.609344 (miles → kilometres)"),
        (1 / 1.609344, "× 0.6213711922 (kilometres → miles)"),
        (0.3048, "× 0.3048 (feet → metres)"),
        (2.54, "× 2.54 (inches → centimetres)"),
        (0.45359237, "× 0.45359237 (pounds → kilograms)"),
        (60.0, "× 60 (minutes → seconds, or hours to minutes)"),
        (1 / 60, "× 0.01666666667 (seconds → minutes)"),
        (3_600.0, "× 3600 (hours → seconds)"),
        (10.0, "× 10"),
        (100.0, "× 100"),
        (0.001, "× 0.001"),
        (-1.0, "× -1 (the sign is turned)"),
        (1.7, "× 1.7"),
    ],
)
def test_another_unit_is_named(values: Floats, factor: float, expected: str) -> None:
    assert f"served = recomputed {expected}" == said(values * factor, values)


def test_another_unit_is_named_though_a_tenth_differs_for_another_reason(
    values: Floats,
) -> None:
    served = values * 1.609344
    served[: N // 10] = 7.0

    cause = likely(numbers(served, values), N)

    assert cause is not None
    assert cause.law.nature is Nature.FACTOR
    assert cause.share == 0.9
    assert str(cause).endswith("on 90 % of 200 differing rows")


def test_a_law_for_half_of_them_is_no_cause(values: Floats) -> None:
    served = values * 1.609344
    served[: N // 2] = np.random.default_rng(1).normal(size=N // 2)

    assert said(served, values) is None


def test_four_pairs_are_too_few(values: Floats) -> None:
    assert said(values[:4] * 10, values[:4]) is None
    assert said(values[:5] * 10, values[:5]) is not None


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.integers(5, 50),
)
def test_equal_values_on_each_side_name_nothing(a: float, b: float, n: int) -> None:
    assume(a != b)

    assert said(np.full(n, a), np.full(n, b)) is None


def test_zeros_name_no_factor(values: Floats) -> None:
    zeros = np.zeros(N)
    two = np.where(values > np.median(values), 2.0, 1.0)

    assert said(zeros, np.full(N, 3.0)) is None
    assert said(np.full(N, 3.0), zeros) is None
    assert said(two * 10, two) is None, "two values fit many laws"


@given(st.integers(0, 10**6), st.integers(5, 300))
def test_noise_names_nothing(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    recomputed = rng.normal(size=n) * 100
    served = rng.normal(size=n) * 100

    assert said(served, recomputed) is None
    assert said(recomputed * (1 + rng.normal(size=n) * 1e-4), recomputed) is None
    assert said(recomputed + rng.normal(size=n) * 1e-3, recomputed) is None


def test_degrees_are_named_both_ways(values: Floats) -> None:
    fahrenheit = values * 2
    celsius = (fahrenheit - 32) / 1.8

    there, back = said(celsius, fahrenheit), said(fahrenheit, celsius)

    assert "served = recomputed × 0.555556 - 17.7778 (°F → °C)" == there
    assert "served = recomputed × 1.8 + 32 (°C → °F)" == back
    assert "(°F → °C)" in (said(np.round(celsius, 2), fahrenheit) or "")


def test_a_scaled_feature_is_a_line(values: Floats) -> None:
    scaled = (values - 20.0) / 4.0

    assert "served = recomputed × 0.25 - 5" == said(scaled, values)


def test_a_shift_is_named(values: Floats) -> None:
    assert "served = recomputed + 12.5" == said(values + 12.5, values)
    assert "served = recomputed - 3" == said(values - 3.0, values)
    assert "served = recomputed + 273.15 (°C → K)" == said(values + 273.15, values)


@pytest.mark.parametrize("second", [1.0, 1e3])
def test_a_time_zone_is_seen_in_epoch_numbers(values: Floats, second: float) -> None:
    epoch = np.round(1.37e9 + values * 1e4) * second

    found = said(epoch - 5 * 3_600 * second, epoch)

    assert "served is 5 h behind recomputed (time zone)" == found


def test_a_default_instead_of_null_is_named(values: Floats) -> None:
    nothing = np.full(N, np.nan)

    assert "served is -1 where recomputed is null" == said(np.full(N, -1.0), nothing)
    assert "recomputed is 0 where served is null" == said(nothing, np.zeros(N))
    assert "served is null where recomputed has a value" == said(nothing, values)
    assert "recomputed is null where served has a value" == said(values, nothing)


def test_one_value_for_everything_is_named(values: Floats) -> None:
    assert "served is always 0" == said(np.zeros(N), values)


@pytest.mark.parametrize(
    ("step", "expected"), [(0.01, "0.01"), (1.0, "1"), (10.0, "10")]
)
def test_rounding_is_told_from_cutting_off(
    values: Floats, step: float, expected: str
) -> None:
    values = values * 10
    rounded = np.rint(values / step) * step
    cut = np.trunc(values / step) * step

    assert f"served = recomputed rounded to {expected}" == said(rounded, values)
    assert f"served = recomputed cut off to {expected}" == said(cut, values)
    assert f"recomputed = served rounded to {expected}" == said(values, rounded)


def test_a_shorter_float_is_named(values: Floats) -> None:
    single = values.astype(np.float32).astype(np.float64)
    half = values.astype(np.float16).astype(np.float64)

    assert "served has been a float32" == said(single, values)
    assert "recomputed has been a float32" == said(values, single)
    assert "served has been a float16" == said(half, values)


@pytest.fixture
def moments() -> Floats:
    rng = np.random.default_rng(3)
    return np.round(1.37e15 + rng.random(N) * 3e13)


def test_a_time_zone_is_named(moments: Floats) -> None:
    ahead = said_of_times(moments + 5.5 * HOUR, moments)

    assert "served is 5 h 30 min ahead of recomputed (time zone)" == ahead


def test_summer_time_is_named(moments: Floats) -> None:
    summer = np.where(np.arange(N) % 3 == 0, 5, 4) * HOUR

    found = said_of_times(moments - summer, moments)

    expected = "served is 4 h or 5 h behind recomputed (time zone with summer time)"
    assert expected == found


def test_another_shift_of_time_is_told_in_seconds(moments: Floats) -> None:
    assert "served = recomputed +90 s" == said_of_times(moments + 90e6, moments)


def test_times_cut_off_to_the_hour_are_named(moments: Floats) -> None:
    hours = np.floor(moments / HOUR) * HOUR

    assert "served = recomputed cut off to the hour" == said_of_times(hours, moments)


@given(st.integers(0, 10**6), st.integers(5, 100))
def test_times_that_have_nothing_in_common_name_nothing(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    served, recomputed = np.round(1.37e15 + rng.random((2, n)) * 3e13)

    assert said_of_times(served, recomputed) is None


def test_an_inverse_swaps_the_names() -> None:
    assert unit(1 / 0.3048)[1] == " (metres → feet)"
