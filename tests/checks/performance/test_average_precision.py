"""Average precision, beside scikit-learn's on the raw scores."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from checks.errors import Unmeasurable
from checks.outcomes import BinaryOutcomes
from checks.performance.average_precision import average_precision, measure
from tests.checks.performance.conftest import Classified


def test_scikit_learns_value_lies_within_what_bins_hide(rows: Classified) -> None:
    found = measure(rows.outcomes)

    expected = average_precision_score(rows.label, rows.score)
    assert abs(found.value - expected) <= found.hidden + 1e-12
    assert found.hidden < 0.012
    assert found.low <= expected <= found.high


def test_it_is_scikit_learns_where_bins_lose_nothing(rows: Classified) -> None:
    binned = np.floor(rows.score * 1024) / 1024

    found = measure(BinaryOutcomes.of(rows.label, score=binned))

    expected = average_precision_score(rows.label, binned)
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_without_positives_it_is_unmeasurable(
    good: BinaryOutcomes, one_class: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="0 positive labels beside a score"):
        average_precision(good, one_class)
