"""The registry: a version is there whole or not at all."""

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import parquet

from monitor.demo.flights import PRODUCTION, known
from monitor.demo.registry import current, current_model, publish, replace


def test_a_version_is_published_whole_and_the_pointer_names_it(
    thin: pd.DataFrame, tmp_path: Path
) -> None:
    rows = known(thin, PRODUCTION)
    entry = publish(tmp_path, rows, version="1", now=PRODUCTION)
    assert entry == current(tmp_path)
    assert entry["version"] == "1"
    assert entry["trained_at"] == "2013-04-01T00:00:00Z"
    assert entry["trained_on"]["rows"] == len(rows)
    reference = parquet.read_table(tmp_path / entry["reference"])
    assert {"flight_id", "temp", "score", "predicted_late", "late"} <= set(
        reference.column_names
    )
    assert reference["late"].null_count == rows["late"].isna().sum()
    version, model = current_model(tmp_path)
    assert version == "1"
    assert model.score(rows).std() > 0


def test_the_next_version_leaves_the_previous_one_in_place(
    thin: pd.DataFrame, tmp_path: Path
) -> None:
    publish(tmp_path, known(thin, PRODUCTION), version="1", now=PRODUCTION)
    first = (tmp_path / "1" / "model.json").read_bytes()
    later = PRODUCTION + timedelta(days=30)
    publish(tmp_path, known(thin, later), version="2", now=later)
    assert (tmp_path / "1" / "model.json").read_bytes() == first
    assert current_model(tmp_path)[0] == "2"


def test_before_the_first_version_there_is_none(tmp_path: Path) -> None:
    assert current(tmp_path) is None


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "current.json"
    target.write_text('{"version": "1"}')

    msg = "no space left on device"

    def half(path: Path) -> None:
        path.write_text('{"vers')
        raise OSError(msg)

    with pytest.raises(OSError, match=msg):
        replace(target, half)
    assert json.loads(target.read_text()) == {"version": "1"}
