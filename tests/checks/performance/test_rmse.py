"""The root mean squared error, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

from checks.errors import Unmeasurable
from checks.outcomes import RegressionOutcomes
from checks.performance.rmse import measure, rmse
from tests.checks.performance.conftest import Regressed


def of(spread: float, n: int = 2_000) -> RegressionOutcomes:
    rng = np.random.default_rng(0)
    return RegressionOutcomes.of(np.zeros(n), rng.normal(size=n) * spread)


def test_it_is_scikit_learns(errors: Regressed) -> None:
    found = measure(errors.outcomes)

    expected = root_mean_squared_error(errors.label, errors.prediction)
    assert found.value == pytest.approx(expected, rel=1e-12)


def test_a_worse_model_is_worse_by_the_share_that_it_errs_more() -> None:
    found = rmse(of(1.0), of(1.5))

    assert found.value == pytest.approx(0.5)
    assert 0.4 < found.low < found.value < found.high < 0.6
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_better_model_is_no_finding() -> None:
    found = rmse(of(1.5), of(1.0))

    assert found.value == pytest.approx(-1 / 3)
    assert found.p_value is not None
    assert found.p_value > 0.9


def test_too_few_labels_are_unmeasurable() -> None:
    with pytest.raises(Unmeasurable, match="the window has 29 labelled rows"):
        rmse(of(1.0), of(1.0, n=29))


def test_a_reference_without_any_error_has_no_relative_rise() -> None:
    with pytest.raises(Unmeasurable, match="makes no error at all"):
        rmse(of(0.0), of(1.0))
