"""What retraining was worth: what was in production beside version 1 left alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, roc_auc_score

from checks.bins import Floats
from checks.classes import Bools
from checks.interval import Z
from monitor.demo.flights import LABEL, TIMESTAMP, between
from monitor.demo.model import PREDICTION, SCORE, Model

LEAST = 1e-12
"""A score is kept this far from 0 and 1, where its logarithm would be infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How a model, or the models that followed each other, did on some flights."""

    log_loss: float
    roc_auc: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Two ways to have served the same flights, and the change of the log loss.

    `low` and `high` bound the mean change per flight at 95 %, days taken as clusters:
    flights of a day share its weather. Negative is better.
    """

    start: datetime
    end: datetime
    flights: int
    alone: Side
    retrained: Side
    change: float
    low: float
    high: float


def measure(
    registry: Path,
    flights: pd.DataFrame,
    versions: Sequence[tuple[str, datetime]],
    end: datetime,
) -> Gain:
    """Compare on the flights from the first retrained version's arrival to `end`.

    `versions` says since when each was in production. Both sides see the features as
    they truly were, and flights whose label is known.
    """
    start = versions[1][1]
    seen = between(flights, start, end)
    seen = seen[seen[LABEL].notna()]
    label = seen[LABEL].to_numpy(dtype="bool")
    alone = _model(registry, versions[0][0]).predict(seen)
    parts = []
    ends = [since for _, since in versions[2:]] + [end]
    for (version, since), until in zip(versions[1:], ends, strict=True):
        parts.append(_model(registry, version).predict(between(seen, since, until)))
    served = pd.concat(parts)
    change = _losses(label, served) - _losses(label, alone)
    mean, spread = _clustered(change, seen[TIMESTAMP].dt.floor("D"))
    return Gain(
        start=start,
        end=end,
        flights=len(seen),
        alone=_side(label, alone),
        retrained=_side(label, served),
        change=mean,
        low=mean - Z * spread,
        high=mean + Z * spread,
    )


def _model(registry: Path, version: str) -> Model:
    return Model.load(registry / version / "model.json")


def _losses(label: Bools, scored: pd.DataFrame) -> Floats:
    score = scored[SCORE].to_numpy(dtype="float64")
    right = np.where(label, score, 1.0 - score)
    return np.asarray(-np.log(np.maximum(right, LEAST)))


def _side(label: Bools, scored: pd.DataFrame) -> Side:
    return Side(
        log_loss=float(_losses(label, scored).mean()),
        roc_auc=float(roc_auc_score(label, scored[SCORE])),
        f1=float(f1_score(label, scored[PREDICTION])),
    )


def _clustered(change: Floats, day: pd.Series) -> tuple[float, float]:
    """Return the mean and its standard error, with the days as clusters."""
    mean = float(change.mean())
    sums = pd.Series(change - mean).groupby(day.to_numpy()).sum().to_numpy()
    return mean, math.sqrt(float((sums**2).sum())) / len(change)
