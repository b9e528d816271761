"""ROC AUC, beside scikit-learn's on the raw scores."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.roc_auc import measure, roc_auc
from tests.checks.performance.conftest import Classified


def test_scikit_learns_value_lies_within_what_bins_hide(rows: Classified) -> None:
    found = measure(rows.outcomes)

    expected = roc_auc_score(rows.label, rows.score)
    assert abs(found.value - expected) <= found.hidden + 1e-12
    assert found.hidden < 0.004
    assert found.low <= expected <= found.high


def test_it_is_scikit_learns_where_bins_lose_nothing(rows: Classified) -> None:
    binned = np.floor(rows.score * 1024) / 1024

    found = measure(BinaryOutcomes.of(rows.label, score=binned))

    expected = roc_auc_score(rows.label, binned)
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_one_class_alone_is_unmeasurable(
    good: BinaryOutcomes, one_class: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="0 positive and 100 negative labels"):
        roc_auc(good, one_class)


def test_a_perfect_order_still_has_an_interval() -> None:
    found = measure(
        BinaryOutcomes.of([0] * 50 + [1] * 50, score=[0.1] * 50 + [0.9] * 50)
    )

    assert found.value == found.high == 1.0
    assert 0.9 < found.low < 0.95


def test_scores_that_are_all_the_same_order_nothing() -> None:
    found = measure(BinaryOutcomes.of([0, 1] * 50, score=[1.0] * 100))

    assert found.value == 0.5
    assert found.low < 0.5 < found.high
    assert found.hidden == 0.0


def test_its_standard_error_is_delongs(rows: Classified) -> None:
    positive, negative = (rows.score[rows.label == k] for k in (1, 0))
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = wins.mean(1).var(ddof=1) / len(positive)
    variance += wins.mean(0).var(ddof=1) / len(negative)

    found = measure(rows.outcomes)

    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(
        variance**0.5, rel=0.02
    )
