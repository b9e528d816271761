"""Rank correlations: SciPy's, for every pair, whatever is tied or missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from checks.ranks import FEWEST_ROWS, correlations, midranks

RNG = np.random.default_rng(11)


@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=FEWEST_ROWS, max_size=60)
)
@settings(max_examples=60, deadline=None)
def test_they_are_scipys_with_whatever_ties(rows: list[tuple[int, ...]]) -> None:
    values = np.array(rows, dtype=np.float64)

    found = correlations(values)

    for i, j in ((0, 1), (0, 2), (1, 2)):
        if min(np.ptp(values[:, i]), np.ptp(values[:, j])) == 0:
            assert np.isnan(found.rho[i, j])
        else:
            expected = stats.spearmanr(values[:, i], values[:, j]).statistic
            assert found.rho[i, j] == pytest.approx(expected, abs=1e-12)


def test_missing_values_leave_a_pair_the_rows_that_have_both() -> None:
    values = RNG.normal(size=(300, 3))
    values[:200, 0] = np.nan
    values[250:, 1] = np.nan

    found = correlations(values)

    assert 50 == found.rows[0, 1]
    assert 100 == found.rows[0, 2]
    ranks = midranks(values[200:, 0]), midranks(values[:, 2])[200:]
    assert found.rho[0, 2] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-12)


def test_a_pair_with_too_few_rows_says_nothing() -> None:
    values = RNG.normal(size=(FEWEST_ROWS - 1, 2))

    assert np.isnan(correlations(values).rho[0, 1])


def test_the_skewness_is_that_of_the_ranks() -> None:
    rare = (RNG.random(2_000) < 0.05).astype(float)
    values = np.column_stack([rare, RNG.normal(size=2_000)])

    found = correlations(values)

    assert found.skewness[0] == pytest.approx(stats.skew(midranks(rare)), rel=1e-9)
    assert found.skewness[1] == pytest.approx(0.0, abs=1e-9)
