"""Energy, Cramér-von Mises and Anderson-Darling beside SciPy's on the raw rows."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from checks.bins import Floats
from checks.drift.anderson_darling import anderson_darling
from checks.drift.cramer_von_mises import cramer_von_mises
from checks.drift.energy import energy
from checks.ecdf import distributions
from checks.example import column
from checks.gap import Gap, bridge
from tests.checks.drift.conftest import TEMPERS


def scipys_cramer_von_mises(x: Floats, y: Floats) -> float:
    """Bring SciPy's statistic of two samples of one size onto our scale."""
    found = stats.cramervonmises_2samp(x, y, method="asymptotic")
    return float(np.sqrt(max(0.0, found.statistic * 2 / len(x))))


def scipys_anderson_darling(x: Floats, y: Floats) -> float:
    """Take SciPy's standardisation back, and the number of rows out."""
    with warnings.catch_warnings():
        # SciPy says that its p-value is floored or capped, and that this is its last
        # version with critical values: neither is asked for.
        warnings.simplefilter("ignore")
        found = stats.anderson_ksamp([x, y], midrank=True)
    rows = 2 * len(x)
    standardised = float(found.statistic)
    squared = 1 + standardised * np.sqrt(variance_of_two_samples(len(x)))
    return float(np.sqrt(max(0.0, squared * 4 / (rows - 1))))


def variance_of_two_samples(n: int) -> float:
    """Return the variance of A²kN after Scholz and Stephens (1987), equation 4."""
    rows = 2 * n
    inverse = 2 / n
    below = 1.0 / np.arange(rows - 1, 1, -1)
    sums = np.cumsum(below)
    h = sums[-1] + 1
    g = float((sums / np.arange(2, rows)).sum())
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * inverse
    c += 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    top = a * rows**3 + b * rows**2 + c * rows + d
    return float(top / ((rows - 1) * (rows - 2) * (rows - 3)))


def test_taking_the_standardisation_back_gives_one_for_noise() -> None:
    rng = np.random.default_rng(5)
    found = [
        scipys_anderson_darling(rng.normal(size=50), rng.normal(size=50)) ** 2 * 99 / 4
        for _ in range(500)
    ]

    assert 1.0 == pytest.approx(float(np.mean(found)), abs=0.1)


@given(
    temper=st.sampled_from(sorted(TEMPERS)),
    seed=st.integers(0, 2**32),
    m=st.integers(2, 500),
    times=st.integers(1, 6),
    shift=st.sampled_from([0.0, 0.1, 3.0, -1e3]),
)
def test_the_true_distance_lies_within_what_the_bins_hide(
    temper: str, seed: int, m: int, times: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = TEMPERS[temper](rng, m * times), TEMPERS[temper](rng, m) + shift
    if np.ptp(x) == 0:
        x[0] += 1.0
    reference, current = column(x, like=x), column(y, like=x)
    # Rows said as often as it takes leave a distribution as it is.
    same_size = np.repeat(y, times)

    gap = energy(reference, current)
    true = stats.energy_distance(x, y) / np.sqrt(np.std(x))
    assert abs(true - gap.value) <= gap.hidden + 1e-9 * max(1.0, true)
    gap = cramer_von_mises(reference, current)
    true = scipys_cramer_von_mises(x, same_size)
    assert abs(true - gap.value) <= gap.hidden + 1e-7
    if len(x) > 2:
        gap = anderson_darling(reference, current)
        true = scipys_anderson_darling(x, same_size)
        assert abs(true - gap.value) <= gap.hidden + 1e-6


@given(seed=st.integers(0, 2**32), rate=st.floats(1, 30), shift=st.integers(1, 3))
def test_where_bins_lose_nothing_the_value_is_scipys(
    seed: int, rate: float, shift: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.poisson(rate, 800).astype(float)
    y = np.clip(rng.poisson(rate, 800) + shift, x.min(), x.max()).astype(float)
    y = np.where(np.isin(y, x), y, x.max())
    reference, current = column(x, like=x), column(y, like=x)

    for check, true in (
        (energy, stats.energy_distance(x, y) / np.sqrt(np.std(x))),
        (cramer_von_mises, scipys_cramer_von_mises(x, y)),
        (anderson_darling, scipys_anderson_darling(x, y)),
    ):
        found = check(reference, current)
        assert found.hidden <= 1e-12
        assert found.value == pytest.approx(true, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shift", [0.02, 0.1, 0.2])
def test_the_p_value_of_cramer_von_mises_is_scipys(shift: float) -> None:
    x, y = np.random.default_rng(6).normal(size=(2, 1_000))
    y += shift

    found = cramer_von_mises(column(x, like=x), column(y, like=x))

    true = stats.cramervonmises_2samp(x, y, method="asymptotic").pvalue
    assert found.p_value == pytest.approx(true, rel=0.08, abs=1e-5)


def test_the_null_of_continuous_values_is_the_one_of_the_books() -> None:
    x, y = np.random.default_rng(7).normal(size=(2, 20_000))
    gap = Gap.of(distributions(column(x, like=x), column(y, like=x)))

    first, second, third = bridge((gap.mass[1:] + gap.mass[:-1]) / 2, gap.level)

    # The eigenvalues of the Brownian bridge are 1 / (jπ)².
    assert first == pytest.approx(1 / 6, rel=0.01)
    assert second == pytest.approx(1 / 90, rel=0.02)
    assert third == pytest.approx(1 / 945, rel=0.02)


def test_the_distance_of_energy_counts_and_only_in_energy() -> None:
    x = np.random.default_rng(8).normal(size=2_000)
    near, far = (np.where(x > 1.5, x + step, x) for step in (2.0, 200.0))
    reference = column(x, like=x)

    for check, grows in (
        (energy, True),
        (cramer_von_mises, False),
        (anderson_darling, False),
    ):
        first = check(reference, column(near, like=x)).value
        second = check(reference, column(far, like=x)).value
        assert (second > 2 * first) is grows
