"""Log loss, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import log_loss as oracle

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.log_loss import log_loss, measure
from tests.checks.performance.conftest import Classified


def test_it_is_scikit_learns(rows: Classified) -> None:
    assert measure(rows.outcomes).value == pytest.approx(
        oracle(rows.label, rows.score), abs=1e-12
    )


def test_a_worse_model_is_certainly_worse(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = log_loss(good, bad)

    assert found.at_reference == measure(good).value
    assert found.at_current == measure(bad).value
    assert found.low < found.value < found.high
    assert found.low > 0.0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_better_model_is_no_finding(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = log_loss(bad, good)

    assert found.value < 0.0
    assert found.p_value is not None
    assert found.p_value > 0.9


def test_the_detail_has_the_windows_own_interval(good: BinaryOutcomes) -> None:
    found = log_loss(good, good)

    assert "on 2,000 labelled of 2,000 rows" == found.detail


def test_too_few_labels_are_unmeasurable(
    good: BinaryOutcomes, few: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="the window has 29 labelled rows"):
        log_loss(good, few)
    with pytest.raises(Unmeasurable, match="the reference has 29 labelled rows"):
        log_loss(few, good)


def test_a_score_of_zero_for_a_positive_is_clipped_as_scikit_learn_does() -> None:
    label, score = np.array([1.0, 0.0] * 20), np.array([0.0, 0.5] * 20)

    found = measure(BinaryOutcomes.of(label, score=score))

    assert found.value == pytest.approx(oracle(label, score), abs=1e-12)


def test_a_reference_without_any_loss_has_no_relative_rise(
    good: BinaryOutcomes,
) -> None:
    perfect = BinaryOutcomes.of([1, 0] * 50, score=[1.0, 0.0] * 50)

    with pytest.raises(Unmeasurable, match="makes no error at all"):
        log_loss(perfect, good)
    assert log_loss(good, perfect).value == -1.0
