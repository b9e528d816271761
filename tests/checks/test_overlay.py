"""Two samples laid over each other, beside sums of fractions and beside SciPy."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from checks.overlay import Overlay
from tests.checks.drift.conftest import TEMPERS

FEW = st.lists(
    st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-3, 3).map(float),
    min_size=1,
    max_size=60,
)


def truth(x: list[float], y: list[float]) -> tuple[Fraction, Fraction]:
    """Work out gap and area in fractions, point by point."""
    gap = area = Fraction(0)
    for a, b in pairwise([*sorted({*x, *y}), max(*x, *y)]):
        f = Fraction(sum(v <= a for v in x), len(x))
        g = Fraction(sum(v <= a for v in y), len(y))
        gap = max(gap, abs(f - g))
        area += abs(f - g) * (Fraction(b) - Fraction(a))
    return gap, area


@given(x=FEW, y=FEW)
def test_gap_and_area_are_those_of_the_definition(
    x: list[float], y: list[float]
) -> None:
    laid = Overlay.of(np.sort(x), np.sort(y))
    gap, area = truth(x, y)

    assert laid.gap == pytest.approx(float(gap), abs=1e-15)
    # A distance between values that lie far out is known to their last digit.
    spare = 1e-15 * float(np.ptp([*x, *y])) + 1e-18
    assert laid.area == pytest.approx(float(area), rel=1e-13, abs=spare)


@given(
    temper=st.sampled_from(sorted(TEMPERS)),
    seed=st.integers(0, 2**32),
    n=st.integers(2, 20_000),
    m=st.integers(2, 20_000),
    shift=st.sampled_from([0.0, 0.1, 3.0, -1e3]),
    scale=st.sampled_from([1.0, 1.3]),
)
def test_they_are_scipys_on_data_of_every_temper(  # noqa: PLR0913, PLR0917 - one argument each
    temper: str, seed: int, n: int, m: int, shift: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = TEMPERS[temper](rng, n), TEMPERS[temper](rng, m) * scale + shift

    laid = Overlay.of(np.sort(x), np.sort(y))

    gap = stats.ks_2samp(x, y, method="asymp").statistic
    assert laid.gap == pytest.approx(gap, abs=1e-12)
    # Far out SciPy takes the difference of two shares that are nearly one.
    spare = 1e-15 * float(np.ptp(np.concatenate([x, y])))
    area = stats.wasserstein_distance(x, y)
    assert laid.area == pytest.approx(area, rel=1e-12, abs=spare)


def test_times_keep_their_distances_however_far_they_lie_from_zero() -> None:
    rng = np.random.default_rng(3)
    x = np.sort(1.7e15 + np.rint(rng.normal(0, 1e6, 5_000)))

    assert Overlay.of(x, x + 1.0).area == pytest.approx(1.0, rel=1e-12)
    assert 0.0 == Overlay.of(x, x).area
