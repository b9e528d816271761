"""Accuracy, beside scikit-learn's."""

import pytest
from sklearn.metrics import accuracy_score

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.accuracy import accuracy, measure
from tests.checks.performance.conftest import Classified


def test_it_is_scikit_learns(rows: Classified) -> None:
    assert measure(rows.outcomes).value == pytest.approx(
        accuracy_score(rows.label, rows.prediction), abs=1e-12
    )


def test_a_worse_model_is_certainly_worse(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = accuracy(good, bad)

    assert found.at_reference == measure(good).value
    assert found.at_current == measure(bad).value
    assert found.low < found.value < found.high
    assert found.low > 0.0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_better_model_is_no_finding(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = accuracy(bad, good)

    assert found.value < 0.0
    assert found.p_value is not None
    assert found.p_value > 0.9


def test_the_detail_has_the_windows_own_interval(good: BinaryOutcomes) -> None:
    found = accuracy(good, good)

    assert "on 2,000 labelled of 2,000 rows" == found.detail


def test_too_few_labels_are_unmeasurable(
    good: BinaryOutcomes, few: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="the window has 29 labelled rows"):
        accuracy(good, few)
    with pytest.raises(Unmeasurable, match="the reference has 29 labelled rows"):
        accuracy(few, good)


def test_predictions_without_labels_are_unmeasurable(good: BinaryOutcomes) -> None:
    unlabelled = BinaryOutcomes.of([None] * 50, [1] * 50)

    with pytest.raises(Unmeasurable, match="0 labelled rows with a prediction"):
        accuracy(good, unlabelled)


def test_what_was_refused_stands_in_the_detail(good: BinaryOutcomes) -> None:
    window = BinaryOutcomes.of([1, 0] * 30 + [7], [1, 0] * 30 + [1])

    assert accuracy(good, window).detail.endswith("; 1 labels of neither class")
