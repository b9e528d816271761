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


def test_predictions_without_labels_are_unmeasurable(good: BinaryOutcomes) -> None:
    unlabelled = BinaryOutcomes.of([None] * 50, [1] * 50)

    with pytest.raises(Unmeasurable, match="0 labelled rows with a prediction"):
        accuracy(good, unlabelled)


def test_what_was_refused_stands_in_the_detail(good: BinaryOutcomes) -> None:
    window = BinaryOutcomes.of([1, 0] * 30 + [7], [1, 0] * 30 + [1])

    assert accuracy(good, window).detail.endswith("; 1 labels of neither class")
