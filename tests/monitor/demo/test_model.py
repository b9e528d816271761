"""The model: the same from the same rows, and truly older by summer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitor.demo import flights
from monitor.demo.model import (
    CUTOFF,
    PREDICTION,
    SCORE,
    Model,
    out_of_fold,
    performance,
    train,
)


@pytest.fixture(scope="module")
def winter(year: pd.DataFrame) -> pd.DataFrame:
    return flights.known(year, flights.PRODUCTION)


@pytest.fixture(scope="module")
def model(winter: pd.DataFrame) -> Model:
    return train(winter)


def test_the_same_rows_give_the_same_model(thin: pd.DataFrame) -> None:
    assert train(thin) == train(thin.copy())


def test_a_saved_model_scores_as_before(
    model: Model, thin: pd.DataFrame, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.json")
    loaded = Model.load(tmp_path / "model.json")
    assert np.array_equal(loaded.score(thin), model.score(thin))


def test_every_flight_gets_a_probability_whatever_is_missing_or_new(
    model: Model, thin: pd.DataFrame
) -> None:
    strange = thin.head(50).assign(dest="ZZZ", temp=np.nan, pressure=np.nan)
    score = model.score(strange)
    assert ((score > 0) & (score < 1)).all()


def test_a_prediction_is_the_score_cut_off(model: Model, thin: pd.DataFrame) -> None:
    scored = model.predict(thin)
    assert (scored[PREDICTION] == (scored[SCORE] >= CUTOFF)).all()


def test_out_of_fold_scores_do_not_flatter_the_training(
    model: Model, winter: pd.DataFrame
) -> None:
    held_out = performance(out_of_fold(winter))
    in_sample = performance(model.predict(winter))
    assert held_out["roc_auc"] < in_sample["roc_auc"]
    assert held_out["log_loss"] > in_sample["log_loss"]


def test_the_winter_s_model_fails_in_summer_and_retraining_mends_it(
    model: Model, year: pd.DataFrame
) -> None:
    may, july, august = (pd.Timestamp(f"2013-0{m}-01", tz="UTC") for m in (5, 7, 8))
    summer = flights.between(year, july, august)
    retrained = train(flights.known(year, may))
    before, after = (performance(m.predict(summer)) for m in (model, retrained))
    assert before["log_loss"] > 0.78  # 0.50 in winter; a constant guess has 0.62
    assert after["log_loss"] < 0.62
    assert after["roc_auc"] == pytest.approx(before["roc_auc"], abs=0.02)
