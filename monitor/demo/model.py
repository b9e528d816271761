"""The demo's model: a logistic regression that is kept as a table of plain numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from monitor.demo.flights import CATEGORIES, LABEL, NUMBERS, TIMESTAMP

SCORE = "score"
PREDICTION = "predicted_late"
CUTOFF = 0.3  # warn a passenger from here on: a quarter of the flights are late
RARE = 20  # a category with fewer rows gets no weight of its own
FOLDS = 3
STRENGTH = 0.1  # scikit-learn's C; a small one, for correlated weather

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What one number adds to the log-odds: by its size, or by being missing."""

    mean: float
    scale: float
    weight: float
    missing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model: an intercept and what each column's value adds to it."""

    intercept: float
    numbers: Mapping[str, Term]
    categories: Mapping[str, Mapping[str, float]]

    def score(self, flights: pd.DataFrame) -> Floats:
        """Return each flight's probability of being late."""
        odds = np.full(len(flights), self.intercept)
        for name, term in self.numbers.items():
            values = flights[name].to_numpy(dtype="float64")
            known = term.weight * (values - term.mean) / term.scale
            odds += np.where(np.isnan(values), term.missing, known)
        for name, weights in self.categories.items():
            odds += flights[name].map(dict(weights)).fillna(0.0).to_numpy("float64")
        probability: Floats = 1.0 / (1.0 + np.exp(-odds))
        return probability

    def predict(self, flights: pd.DataFrame) -> pd.DataFrame:
        """Return the flights with the model's score and prediction beside them."""
        return with_scores(flights, self.score(flights))

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved model."""
        saved = json.loads(path.read_text(encoding="utf-8"))
        numbers = {name: Term(**term) for name, term in saved["numbers"].items()}
        return cls(**{**saved, "numbers": numbers})


def train(flights: pd.DataFrame) -> Model:
    """Fit the model to the flights whose label is known: same rows, same model."""
    labelled = flights[flights[LABEL].notna()]
    numbers = labelled[list(NUMBERS)]
    means, scales = numbers.mean(), numbers.std(ddof=0).replace(0.0, 1.0)
    standard = (numbers - means) / scales
    levels = {name: _frequent(labelled[name]) for name in CATEGORIES}
    blocks = [
        sparse.csr_matrix(standard.fillna(0.0).to_numpy()),
        sparse.csr_matrix(numbers.isna().to_numpy(dtype="float64")),
        *(_one_hot(labelled[name], levels[name]) for name in CATEGORIES),
    ]
    fit = LogisticRegression(C=STRENGTH, max_iter=500)
    fit.fit(sparse.hstack(blocks, format="csr"), labelled[LABEL].to_numpy(dtype="bool"))
    weights = iter(fit.coef_[0].tolist())
    by_size = [next(weights) for _ in NUMBERS]
    by_absence = [next(weights) for _ in NUMBERS]
    return Model(
        intercept=float(fit.intercept_[0]),
        numbers={
            name: Term(
                mean=float(means[name]), scale=float(scales[name]), weight=w, missing=m
            )
            for name, w, m in zip(NUMBERS, by_size, by_absence, strict=True)
        },
        categories={
            name: {level: next(weights) for level in levels[name]}
            for name in CATEGORIES
        },
    )


def out_of_fold(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the flights with scores from models that have not seen their week.

    A reference made of them is neither flattered by the training nor by the weather of
    the day before: whole weeks take turns. Flights without a label are scored too.
    """
    week = (flights[TIMESTAMP].astype("int64") // (7 * 24 * 3_600_000_000)) % FOLDS
    score = np.empty(len(flights))
    for fold in range(FOLDS):
        held = (week == fold).to_numpy()
        if held.any():
            score[held] = train(flights[~held]).score(flights[held])
    return with_scores(flights, score)


def performance(scored: pd.DataFrame) -> dict[str, float]:
    """Tell log loss and ROC AUC over the flights whose label is known."""
    labelled = scored[scored[LABEL].notna()]
    label = labelled[LABEL].to_numpy(dtype="bool")
    return {
        "log_loss": float(log_loss(label, labelled[SCORE])),
        "roc_auc": float(roc_auc_score(label, labelled[SCORE])),
    }


def with_scores(flights: pd.DataFrame, score: Floats) -> pd.DataFrame:
    """Return the flights with a score and the prediction that follows from it."""
    return flights.assign(**{SCORE: score, PREDICTION: score >= CUTOFF})


def _frequent(column: pd.Series) -> list[str]:
    """List the categories with enough rows, in order."""
    counts = column.value_counts()
    return sorted(str(level) for level in counts.index[counts >= RARE])


def _one_hot(column: pd.Series, levels: Sequence[str]) -> sparse.csr_matrix:
    """Mark each row's category; a row of zeros for one that is not listed."""
    codes = pd.Index(levels).get_indexer(pd.Index(column))
    rows = np.flatnonzero(codes >= 0)
    marks = (np.ones(len(rows)), (rows, codes[rows]))
    return sparse.csr_matrix(marks, shape=(len(column), len(levels)))
