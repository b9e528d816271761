"""The logs: what was served, what was known when, and a bug with an end."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from monitor.demo.flights import FEATURES, PRODUCTION, known
from monitor.demo.logs import LABELS, PREDICTIONS, RECOMPUTED, ServingBug, write_day
from monitor.demo.model import Model, train

DAY = PRODUCTION + timedelta(days=9)
KILOMETRES = ServingBug(
    column="distance", factor=1.609344, start=DAY, end=DAY + timedelta(days=1)
)


@pytest.fixture(scope="module")
def model(thin: pd.DataFrame) -> Model:
    return train(known(thin, PRODUCTION))


def read(folder: Path, pattern: str) -> pd.DataFrame:
    (file,) = folder.glob(pattern)
    frame: pd.DataFrame = parquet.ParquetFile(file).read().to_pandas()
    return frame


def test_a_day_s_log_holds_the_predictions_of_the_day_and_what_was_served(
    year: pd.DataFrame, model: Model, tmp_path: Path
) -> None:
    count = write_day(tmp_path, year, DAY, model=model, version="7")
    log = read(tmp_path, PREDICTIONS)
    assert len(log) == count == 981
    assert log["scheduled"].between(DAY, DAY + timedelta(days=1), "left").all()
    assert (log["model_version"] == "7").all()
    assert np.array_equal(log["score"], model.score(log))
    assert "late" not in log
    assert "landed" not in log


def test_labels_come_on_the_day_of_landing_even_for_yesterday_s_flights(
    year: pd.DataFrame, model: Model, tmp_path: Path
) -> None:
    write_day(tmp_path, year, DAY, model=model, version="1")
    labels = read(tmp_path, LABELS)
    assert labels["landed"].between(DAY, DAY + timedelta(days=1), "left").all()
    assert labels["late"].notna().all()
    assert not labels["flight_id"].isin(read(tmp_path, PREDICTIONS)["flight_id"]).all()


def test_without_a_bug_the_features_served_are_those_recomputed(
    year: pd.DataFrame, model: Model, tmp_path: Path
) -> None:
    write_day(tmp_path, year, DAY, model=model, version="1")
    served, again = (read(tmp_path, each) for each in (PREDICTIONS, RECOMPUTED))
    columns = ["flight_id", *FEATURES]
    pd.testing.assert_frame_equal(served[columns], again[columns])


def test_a_serving_bug_changes_what_is_served_and_scored_but_not_what_is_recomputed(
    year: pd.DataFrame, model: Model, tmp_path: Path
) -> None:
    write_day(tmp_path, year, DAY, model=model, version="1", bug=KILOMETRES)
    served, again = (read(tmp_path, each) for each in (PREDICTIONS, RECOMPUTED))
    assert np.allclose(served["distance"], again["distance"] * 1.609344)
    assert np.array_equal(served["score"], model.score(served))
    assert not np.array_equal(served["score"], model.score(again))


def test_a_serving_bug_ends(year: pd.DataFrame, model: Model, tmp_path: Path) -> None:
    write_day(tmp_path, year, KILOMETRES.end, model=model, version="1", bug=KILOMETRES)
    served, again = (read(tmp_path, each) for each in (PREDICTIONS, RECOMPUTED))
    assert np.array_equal(served["distance"], again["distance"])


def test_a_day_written_twice_is_there_once(
    year: pd.DataFrame, model: Model, tmp_path: Path
) -> None:
    first = write_day(tmp_path, year, DAY, model=model, version="1")
    assert write_day(tmp_path, year, DAY, model=model, version="1") == first
    assert len(read(tmp_path, PREDICTIONS)) == first
    assert not list(tmp_path.rglob("*.unfinished"))
