"""Labels, scores and predictions with known weaknesses, for every metric's oracle."""

from dataclasses import dataclass

import numpy as np
import pytest

from checks.exact import Floats
from checks.outcomes import BinaryOutcomes, RegressionOutcomes


@dataclass(frozen=True, kw_only=True)
class Classified:
    """Rows of a classifier as plain arrays, for scikit-learn, and as outcomes."""

    label: Floats
    score: Floats

    @property
    def prediction(self) -> Floats:
        return (self.score >= 0.5).astype(np.float64)

    @property
    def outcomes(self) -> BinaryOutcomes:
        return BinaryOutcomes.of(self.label, self.prediction, self.score)


@dataclass(frozen=True, kw_only=True)
class Regressed:
    """Rows of a regression model as plain arrays and as outcomes."""

    label: Floats
    prediction: Floats

    @property
    def outcomes(self) -> RegressionOutcomes:
        return RegressionOutcomes.of(self.label, self.prediction)


def classified(seed: int, n: int = 2_000, apart: float = 1.5) -> Classified:
    """Draw scores of two classes that lie `apart` standard deviations apart."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype(np.float64)
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + apart * (label - 0.5) - 0.5)))
    return Classified(label=label, score=score)


def coarse(seed: int) -> Classified:
    """Draw scores with ties that are true ones: hundredths, and both ends."""
    rows = classified(seed)
    rounded = np.clip(np.round(rows.score * 1.2 - 0.1, 2), 0, 1)
    return Classified(label=rows.label, score=rounded)


@pytest.fixture(params=range(8), ids=lambda seed: f"seed {seed}")
def rows(request: pytest.FixtureRequest) -> Classified:
    seed: int = request.param
    return classified(seed, apart=0.5 * seed) if seed < 6 else coarse(seed)


@pytest.fixture(params=range(4), ids=lambda seed: f"seed {seed}")
def errors(request: pytest.FixtureRequest) -> Regressed:
    rng = np.random.default_rng(request.param)
    label = rng.lognormal(3, 1, size=2_000)
    return Regressed(
        label=label, prediction=label + rng.standard_t(5, size=2_000) + 0.3
    )


@pytest.fixture
def good() -> BinaryOutcomes:
    return classified(1, apart=2.5).outcomes


@pytest.fixture
def bad() -> BinaryOutcomes:
    return classified(2, apart=0.8).outcomes


@pytest.fixture
def few() -> BinaryOutcomes:
    return classified(3, n=29).outcomes


@pytest.fixture
def one_class() -> BinaryOutcomes:
    """Rows of which none is positive, by label or by prediction."""
    return BinaryOutcomes.of(np.zeros(100), np.zeros(100), np.full(100, 0.2))
