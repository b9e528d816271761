"""Binned statistics beside SciPy's on the raw rows, on data of every temper."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial, stats

from checks.compare import EXACT_ROWS
from checks.drift.chi_square import chi_square
from checks.drift.jensen_shannon import jensen_shannon
from checks.drift.kolmogorov_smirnov import kolmogorov_smirnov
from checks.drift.wasserstein import wasserstein
from checks.example import column, levels
from tests.checks.drift.conftest import TEMPERS


@given(
    temper=st.sampled_from(sorted(TEMPERS)),
    seed=st.integers(0, 2**32),
    n=st.integers(600, 3_000),
    m=st.integers(1, 2_000),
    shift=st.sampled_from([0.0, 0.1, 3.0, -1e3]),
)
def test_the_true_distance_lies_within_what_the_bins_hide(
    temper: str, seed: int, n: int, m: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = TEMPERS[temper](rng, n), TEMPERS[temper](rng, m) + shift

    ks = kolmogorov_smirnov(column(x, like=x), column(y, like=x))
    w = wasserstein(column(x, like=x), column(y, like=x))

    true_ks = stats.ks_2samp(x, y).statistic
    true_w = stats.wasserstein_distance(x, y) / np.std(x)
    assert ks.value - 1e-12 <= true_ks <= ks.value + ks.hidden + 1e-12
    assert abs(true_w - w.value) <= w.hidden + 1e-12 * max(1.0, true_w)


@given(seed=st.integers(0, 2**32), rate=st.floats(1, 30), shift=st.integers(-2, 3))
def test_where_bins_lose_nothing_the_value_is_scipys(
    seed: int, rate: float, shift: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.poisson(rate, 800).astype(float)
    y = np.clip(rng.poisson(rate, 500) + shift, x.min(), x.max()).astype(float)
    y = y[np.isin(y, x)]

    ks = kolmogorov_smirnov(column(x, like=x), column(y, like=x))
    w = wasserstein(column(x, like=x), column(y, like=x))

    assert 0.0 == ks.hidden == w.hidden
    assert ks.value == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-12)
    assert w.value == pytest.approx(
        stats.wasserstein_distance(x, y) / np.std(x), rel=1e-12, abs=1e-12
    )


COUNTS = st.lists(st.integers(10, 500), min_size=2, max_size=12)


@given(data=st.data(), first=COUNTS)
def test_categorical_distances_are_scipys(
    data: st.DataObject, first: list[int]
) -> None:
    k = len(first)
    second = data.draw(st.lists(st.integers(10, 500), min_size=k, max_size=k))
    names = [f"level {i}" for i in range(k)]
    a = levels(dict(zip(names, first, strict=True)))
    b = levels(dict(zip(names, second, strict=True)), like=a)

    table: npt.NDArray[np.int64] = np.array([first, second])
    test = stats.chi2_contingency(table, correction=False)
    distance = spatial.distance.jensenshannon(first, second, base=2)
    p, q = np.array(first) / sum(first), np.array(second) / sum(second)

    assert jensen_shannon(a, b).value == pytest.approx(distance, abs=1e-7)
    assert chi_square(a, b).value == pytest.approx(
        float(np.sqrt((2 * (p - q) ** 2 / (p + q)).sum())), abs=1e-9
    )
    rows = min(table.sum(1))
    if rows > EXACT_ROWS and min(first) / sum(first) * rows >= 5:
        assert chi_square(a, b).p_value == pytest.approx(test.pvalue, rel=1e-9)
