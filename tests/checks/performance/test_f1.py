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


def test_a_worse_model_is_certainly_worse(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = f1(good, bad)

    assert found.at_reference == measure(good).value
    assert found.at_current == measure(bad).value
    assert found.low < found.value < found.high
    assert found.low > 0.0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_better_model_is_no_finding(
    good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = f1(bad, good)

    assert found.value < 0.0
    assert found.p_value is not None
    assert found.p_value > 0.9


def test_the_detail_has_the_windows_own_interval(good: BinaryOutcomes) -> None:
    found = f1(good, good)

    assert "on 2,000 labelled of 2,000 rows" == found.detail


def test_too_few_labels_are_unmeasurable(
    good: BinaryOutcomes, few: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="the window has 29 labelled rows"):
        f1(good, few)
    with pytest.raises(Unmeasurable, match="the reference has 29 labelled rows"):
        f1(few, good)


def test_without_a_positive_it_is_unmeasurable(
    good: BinaryOutcomes, one_class: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="by its label or by its prediction"):
        f1(good, one_class)


def test_no_hit_at_all_still_has_an_interval() -> None:
    found = measure(BinaryOutcomes(false_positives=20, false_negatives=20))

    assert found.value == found.low == 0.0
    assert 0.0 < found.high < 0.2
