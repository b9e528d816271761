"""The classifier's area and its chance, beside scikit-learn and SciPy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from checks.multivariate.domain_classifier import Test as Held
from checks.multivariate.domain_classifier import domain_classifier
from checks.samples import Known
from tests.checks.multivariate.conftest import day

RNG = np.random.default_rng(50)


def held(n: int, m: int, shift: float, *, tied: bool = False) -> Held:
    was, now = RNG.normal(size=n), RNG.normal(size=m) + shift
    if tied:
        was, now = np.round(was), np.round(now)
    return Held(scores=(was, now), gaps=np.zeros(1))


@pytest.mark.parametrize("tied", [False, True])
def test_the_area_is_scikit_learns(tied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    test = held(200, 90, 0.4, tied=tied)

    expected = roc_auc_score([0] * 200 + [1] * 90, np.concatenate(test.scores))

    assert test.auc == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_its_p_value_is_mann_whitneys(shift: float) -> None:
    test = held(150, 60, shift, tied=True)

    was, now = test.scores
    expected = stats.mannwhitneyu(now, was, alternative="greater").pvalue

    assert test.p_value == pytest.approx(expected, rel=0.25, abs=0.02)
    assert test.p_value > 0.0


def test_its_standard_error_is_that_of_many_samples() -> None:
    drawn = [held(150, 60, 0.5) for _ in range(300)]

    spread = float(np.std([test.auc for test in drawn]))

    assert float(np.mean([t.error for t in drawn])) == pytest.approx(spread, rel=0.15)


def test_a_correlation_that_goes_is_seen_with_its_pair(steady: Known) -> None:
    found = domain_classifier(steady, day(np.random.default_rng(51), n=500, rho=0.0))

    assert found.low > 0.1
    assert found.p_value is not None
    assert found.p_value < 1e-9
    assert "x0 ~ x1" == found.explained_by[0][0]
