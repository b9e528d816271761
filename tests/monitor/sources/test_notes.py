"""What a source left out, told to who asked for a window."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from monitor.cli import main
from monitor.sources.base import SOURCES

DOCS = Path(__file__).parents[3] / "docs"

CONFIG = """
models:
  churn:
    columns:
      age: {kind: numeric}
      served_at: {role: timestamp}
    reference: {type: parquet, path: reference.parquet}
    source: {type: csv, path: "log/*.csv"}
    monitors:
      daily: {window: 1d}
"""


def rows(day: str, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    times = np.datetime64(day, "us") + np.sort(rng.integers(0, 86_400_000_000, 500))
    served = pa.array(times, pa.timestamp("us", "UTC"))
    return pa.table({"age": rng.normal(40, 10, 500), "served_at": served})


def test_lines_that_were_left_out_are_among_the_notes_of_a_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "driftd.yaml").write_text(CONFIG)
    (tmp_path / "log").mkdir()
    pq.write_table(rows("2013-03-01", 1), tmp_path / "reference.parquet")
    log = tmp_path / "log/a.csv"
    pa.csv.write_csv(rows("2013-04-01", 2), log)
    log.write_text(log.read_text() + "41\n42,2013-04-01,x\n")
    config = str(tmp_path / "driftd.yaml")
    window = ("--start", "2013-04-01", "--end", "2013-04-02", "--format", "json")
    code = main(["check", config, *window])
    told = json.loads(capsys.readouterr().out)
    assert code in {0, 1}
    assert told["window"]["rows"] == 500
    (note,) = [one for one in told["notes"] if "left out" in one]
    assert note.startswith(
        "predictions: 2 rows were left out: the line has another number of values. "
    )
    assert "a.csv: line 502 (1 values, 2 columns)" in note


@pytest.mark.parametrize("kind", SOURCES.names())
def test_every_option_of_every_source_is_on_its_page(kind: str) -> None:
    pages = [DOCS / f"{one}.md" for one in ("sources", "databases", kind)]
    told = "".join(page.read_text("utf-8") for page in pages if page.is_file())
    options = SOURCES.options_type(kind).model_fields
    assert not [one for one in options if not re.search(rf"[`{{ ]{one}\b", told)]
