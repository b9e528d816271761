"""The Brier score, beside scikit-learn's."""

import pytest
from sklearn.metrics import brier_score_loss

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.brier import brier, measure
from tests.checks.performance.conftest import Classified


def test_it_is_scikit_learns(rows: Classified) -> None:
    assert measure(rows.outcomes).value == pytest.approx(
        brier_score_loss(rows.label, rows.score), abs=1e-12
    )


def test_a_worse_model_is_certainly_worse(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = brier(good, bad)

    assert found.at_reference == measure(good).value
    assert found.at_current == measure(bad).value
    assert found.low < found.value < found.high
    assert found.low > 0.0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_better_model_is_no_finding(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = brier(bad, good)

    assert found.value < 0.0
    assert found.p_value is not None
    assert found.p_value > 0.9


def test_the_detail_has_the_windows_own_interval(good: BinaryOutcomes) -> None:
    found = brier(good, good)

    assert "on 2,000 labelled of 2,000 rows" == found.detail


def test_too_few_labels_are_unmeasurable(
    good: BinaryOutcomes, few: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="the window has 29 labelled rows"):
        brier(good, few)
    with pytest.raises(Unmeasurable, match="the reference has 29 labelled rows"):
        brier(few, good)
