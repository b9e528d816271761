"""What holds of every score that falls as a model gets worse."""

from typing import Protocol

import pytest

from checks.errors import Unmeasurable
from checks.metric import Metric
from checks.outcomes import BinaryOutcomes
from checks.performance import (
    accuracy,
    average_precision,
    f1,
    precision,
    recall,
    roc_auc,
)
from checks.statistic import Statistic


class Score(Protocol):
    """A file of a check: the metric, and a check that bears the file's name."""

    __name__: str

    def measure(self, outcomes: BinaryOutcomes) -> Metric: ...


SCORES = (accuracy, average_precision, f1, precision, recall, roc_auc)


@pytest.fixture(params=SCORES, ids=lambda score: score.__name__.rpartition(".")[2])
def score(request: pytest.FixtureRequest) -> Score:
    found: Score = request.param
    return found


def fallen(
    score: Score, reference: BinaryOutcomes, current: BinaryOutcomes
) -> Statistic:
    compare = getattr(score, score.__name__.rpartition(".")[2])
    found: Statistic = compare(reference, current)
    return found


def test_a_worse_model_is_certainly_worse(
    score: Score, good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = fallen(score, good, bad)

    assert found.at_reference == score.measure(good).value
    assert found.at_current == score.measure(bad).value
    assert found.low < found.value < found.high
    assert found.low > 0.0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_better_model_is_no_finding(
    score: Score, good: BinaryOutcomes, bad: BinaryOutcomes
) -> None:
    found = fallen(score, bad, good)

    assert found.value < 0.0
    assert found.p_value is not None
    assert found.p_value > 0.9


def test_the_detail_has_the_windows_own_interval(
    score: Score, good: BinaryOutcomes
) -> None:
    found = fallen(score, good, good)

    assert "on 2,000 labelled of 2,000 rows" == found.detail


def test_too_few_labels_are_unmeasurable(
    score: Score, good: BinaryOutcomes, few: BinaryOutcomes
) -> None:
    with pytest.raises(Unmeasurable, match="the window has 29 labelled rows"):
        fallen(score, good, few)
    with pytest.raises(Unmeasurable, match="the reference has 29 labelled rows"):
        fallen(score, few, good)
