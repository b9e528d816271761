"""F1, beside scikit-learn's."""

import pytest
from sklearn.metrics import f1_score

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.f1 import f1, measure
from tests.checks.performance.conftest import Classified


def test_it_is_scikit_learns(rows: Classified) -> None:
    assert measure(rows.outcomes).value == pytest.approx(
        f1_score(rows.label, rows.prediction), abs=1e-12
    )


def test_without_a_positive_it_is_unmeasurable(
    good: BinaryOutcomes, one_class: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="by its label or by its prediction"):
        f1(good, one_class)


def test_no_hit_at_all_still_has_an_interval() -> None:
    found = measure(BinaryOutcomes(false_positives=20, false_negatives=20))

    assert found.value == found.low == 0.0
    assert 0.0 < found.high < 0.2
