"""Precision, beside scikit-learn's."""

import pytest
from sklearn.metrics import precision_score

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.precision import measure, precision
from tests.checks.performance.conftest import Classified


def test_it_is_scikit_learns(rows: Classified) -> None:
    assert measure(rows.outcomes).value == pytest.approx(
        precision_score(rows.label, rows.prediction), abs=1e-12
    )


def test_without_a_positive_it_is_unmeasurable(
    good: BinaryOutcomes, one_class: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="predicted positive"):
        precision(good, one_class)
