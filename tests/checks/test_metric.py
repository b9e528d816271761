"""Metrics as statistics: their intervals cover, and their p-values keep their word."""

from collections import defaultdict

import numpy as np
import pytest

from checks import registry
from checks.exact import Moments
from checks.metric import mean_loss, metrics, unmeasured
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes
from checks.registry import Subject
from tests.checks.performance.conftest import classified

MEASURES = {
    check.name: check.measure
    for check in registry.every()
    if check.subject is Subject.OUTCOMES
}
REPLICATES = 400


def drawn(kind: str, seed: int, n: int) -> Outcomes:
    if kind == "regression":
        rng = np.random.default_rng(seed)
        return RegressionOutcomes.of(np.zeros(n), rng.laplace(size=n))
    return classified(seed, n=n, apart=float(kind)).outcomes


@pytest.mark.parametrize("kind", ["0.8", "2.0", "3.5", "regression"])
def test_intervals_cover_and_p_values_keep_their_word(kind: str) -> None:
    truth = metrics(drawn(kind, 10**6, 400_000))
    covered: defaultdict[str, list[bool]] = defaultdict(list)
    held: defaultdict[str, list[bool]] = defaultdict(list)
    alarmed: defaultdict[str, list[bool]] = defaultdict(list)

    for replicate in range(REPLICATES):
        sides = [drawn(kind, 2 * replicate + side, 300) for side in (0, 1)]
        for name, found in metrics(sides[0]).items():
            covered[name].append(found.low <= truth[name].value <= found.high)
            difference = MEASURES[name](*sides)
            held[name].append(difference.low <= 0.0 <= difference.high)
            alarmed[name].append((difference.p_value or 0.0) <= 0.05)

    # Three binomial standard errors at 400 replicates are 0.033 either way.
    assert {n: np.mean(c) for n, c in covered.items() if np.mean(c) < 0.917} == {}
    assert {n: np.mean(c) for n, c in held.items() if np.mean(c) < 0.917} == {}
    assert {n: np.mean(c) for n, c in alarmed.items() if np.mean(c) > 0.083} == {}
    assert set(covered) == set(truth)


def test_every_performance_check_is_also_a_metric_of_its_own() -> None:
    both = set(metrics(drawn("1.5", 1, 200))) | set(
        metrics(drawn("regression", 1, 200))
    )

    assert both == set(MEASURES)


def test_what_cannot_be_measured_is_told_with_its_cause() -> None:
    hard = BinaryOutcomes.of([1, 0] * 50, [1, 0] * 50)

    assert {"accuracy", "f1", "precision", "recall"} == set(metrics(hard))
    assert (
        "0 labelled rows with a score, and 30 are needed"
        == (unmeasured(hard)["roc_auc"])
    )


def test_a_loss_of_one_enormous_error_still_has_a_finite_interval() -> None:
    losses = Moments.of(np.array([0.0] * 999 + [1e60]))

    found = mean_loss(losses, 1_000)

    assert 0.0 < found.low < found.value < found.high < np.inf


def test_an_absurd_rise_is_still_a_finite_number() -> None:
    small = RegressionOutcomes.of(np.zeros(50), np.full(50, 1e-300))
    large = RegressionOutcomes.of(np.zeros(50), np.full(50, 1e50))

    found = MEASURES["mae"](small, large)

    assert found.value > 1e300
    assert found.p_value == 0.0
