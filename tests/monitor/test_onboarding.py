"""`driftd init`: a config inferred from a reference, and read back as it was meant."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather

from checks.registry import Task
from checks.schema import Kind, Role
from monitor.actions.base import ACTIONS
from monitor.config import Model, load, verify
from monitor.errors import ConfigError, SourceError
from monitor.onboarding import draft, quoted
from monitor.sources.base import SOURCES, open_source
from monitor.sources.endings import ENDINGS

N = 400
RNG = np.random.default_rng(7)
START = datetime(2013, 1, 1, tzinfo=UTC)

COLUMNS: dict[str, Any] = {
    "prediction_id": [f"p{i}" for i in range(N)],
    "user_id": RNG.integers(0, 50, N),
    "served_at": [START + timedelta(minutes=i) for i in range(N)],
    "opened": [date(2012, 1, 1) + timedelta(days=i % 300) for i in range(N)],
    "distance": RNG.normal(size=N),
    "passengers": RNG.integers(0, 9, N),
    "zip_code": RNG.integers(10_000, 10_200, N),
    "carrier": RNG.choice(["AA", "UA", "DL"], N),
    "tail": [f"N{i % 90}" for i in range(N)],
    "member": RNG.random(N) > 0.5,
    "flag": RNG.integers(0, 2, N),
    "fare": [Decimal(i) / 100 for i in range(N)],
    "note": [f"text {i}" for i in range(N)],
    "tags": [["x"]] * N,
    "raw": [b"\0"] * N,
    "empty": pa.nulls(N),
    "same": ["x"] * N,
    "late_prob": RNG.random(N),
    "late_pred": RNG.random(N) > 0.5,
    "late_label": RNG.random(N) > 0.5,
    "shap_distance": RNG.normal(size=N),
    "fare_attribution": RNG.normal(size=N),
}


def written(
    folder: Path, columns: dict[str, Any], name: str = "flights.parquet"
) -> Path:
    path = folder / name
    pq.write_table(pa.table(columns), path, row_group_size=100)
    return path


def model(folder: Path, path: Path, **chosen: str) -> Model:
    """Draft a config, read it as the daemon would, and return its model."""
    roles = {Role(role): column for role, column in chosen.items()}
    text = draft(path, chosen=roles, beside=folder)
    assert yaml.safe_load(text)
    config_file = folder / "driftd.yaml"
    config_file.write_text(text, "utf-8")
    config = load(config_file, {})
    verify(config, sources=SOURCES, actions=ACTIONS)
    (found,) = config.models.values()
    return found


def test_kinds_and_roles_are_inferred(tmp_path: Path) -> None:
    found = model(tmp_path, written(tmp_path, COLUMNS))
    told = {c.name: (c.role.value, c.kind.value) for c in found.table}
    assert told == {
        "prediction_id": ("id", "categorical"),
        "user_id": ("feature", "numeric"),
        "served_at": ("timestamp", "datetime"),
        "opened": ("feature", "datetime"),
        "distance": ("feature", "numeric"),
        "passengers": ("feature", "numeric"),
        "zip_code": ("feature", "categorical"),
        "carrier": ("feature", "categorical"),
        "tail": ("feature", "categorical"),
        "member": ("feature", "boolean"),
        "flag": ("feature", "categorical"),
        "fare": ("feature", "numeric"),
        "note": ("ignored", "categorical"),
        "tags": ("ignored", "categorical"),
        "raw": ("ignored", "categorical"),
        "empty": ("ignored", "categorical"),
        "same": ("feature", "categorical"),
        "late_prob": ("score", "numeric"),
        "late_pred": ("prediction", "boolean"),
        "late_label": ("label", "boolean"),
        "shap_distance": ("attribution", "numeric"),
        "fare_attribution": ("attribution", "numeric"),
    }
    assert found.task is Task.BINARY_CLASSIFICATION


def test_every_guess_stands_beside_its_reason(tmp_path: Path) -> None:
    text = draft(written(tmp_path, COLUMNS), chosen={}, beside=tmp_path)
    lines = {line.split(":")[0].strip(): line for line in text.splitlines()}
    assert lines["carrier"].endswith("# 3 values: AA, DL, UA")
    assert lines["prediction_id"].endswith("# by its name; no value stands twice")
    assert lines["zip_code"].endswith("whole numbers are codes")
    assert lines["passengers"].endswith("# 9 whole numbers from 0 to 8")
    assert lines["same"].endswith("# always x")
    assert "400 of its 400 rows were looked at" in text


def test_what_the_user_says_comes_first(tmp_path: Path) -> None:
    chosen = {
        "label": "member",
        "score": "distance",
        "id": "note",
        "timestamp": "opened",
        "prediction": "flag",
    }
    table = model(tmp_path, written(tmp_path, COLUMNS), **chosen).table
    assert {role: table.first(Role(role)) for role in chosen} == chosen
    assert len(table.with_role(Role.SCORE)) == 1


def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, COLUMNS)
    with pytest.raises(ConfigError, match=r"--label: .*'memer'.*mean `member`"):
        draft(path, chosen={Role.LABEL: "memer"}, beside=tmp_path)


def test_numbers_predicted_and_told_make_a_regression(tmp_path: Path) -> None:
    columns = {"x": [1.5] * 9, "y_pred": np.arange(9.0), "y": np.arange(9.0)}
    found = model(tmp_path, written(tmp_path, columns))
    assert found.task is Task.REGRESSION


def test_a_table_without_roles_is_still_a_config(tmp_path: Path) -> None:
    found = model(tmp_path, written(tmp_path, {"a": [1, 2, 2], "b": ["x", "y", "y"]}))
    assert found.task is Task.NONE
    assert [c.kind for c in found.table] == [Kind.NUMERIC, Kind.CATEGORICAL]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_with_next_to_no_rows_is_still_a_config(
    tmp_path: Path, rows: int
) -> None:
    table = pa.table({"a": pa.array([1.0] * rows), "b": pa.array(["x"] * rows)})
    pq.write_table(table, tmp_path / "r.parquet")
    assert len(model(tmp_path, tmp_path / "r.parquet").columns) == 2


def test_numbers_that_are_none_do_not_stand_in_the_way(tmp_path: Path) -> None:
    columns = {"a": [float("nan")] * 5, "b": [float("inf"), 1, 2, 3, None]}
    found = model(tmp_path, written(tmp_path, columns))
    assert [c.kind for c in found.table] == [Kind.NUMERIC, Kind.NUMERIC]


def test_the_reference_is_found_from_the_configs_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = written(tmp_path / "data", COLUMNS, "it's ${x} #1.parquet")
    inside = model(tmp_path, path)
    assert inside.reference.options["path"] == "data/it's ${x} #1.parquet"
    source = open_source(inside.reference, timestamp=None)
    assert source.schema().names == list(COLUMNS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert model(elsewhere, path).reference.options["path"] == str(path)


def test_a_folder_of_files_is_looked_at_in_several_places(tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    folder.mkdir()
    for i in range(9):
        written(folder, {"x": [float(i)] * 3, "c": [f"v{i}"] * 3}, f"{i}.parquet")
    text = draft(folder, chosen={}, beside=tmp_path)
    assert "numbers from 0 to 8" in text
    assert "12 of its 27 rows" in text


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_what_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "r.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"r\.parquet"):
        draft(path, chosen={}, beside=tmp_path)


def test_a_wide_table_is_looked_at_in_bounded_memory(tmp_path: Path) -> None:
    table = pa.table({f"x{i}": np.zeros(20_000) for i in range(300)})
    pq.write_table(table, tmp_path / "wide.parquet")
    text = draft(tmp_path / "wide.parquet", chosen={}, beside=tmp_path)
    assert "833 of its 20,000 rows were looked at" in text


ODD = [
    *("on", "y", "1e3", "null", "~", "#", "naïve ☃", "😀", "${HOME}", "\u202e", "010"),
    *('"', "'", "{", "<<", "a.b", "=1+1", "", " ", "a: b", "- a", "a #b"),
    *("\u2028", "\x85", "\n"),
]


def test_odd_names_are_read_back_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, {name: [1.0, 2.0] for name in ODD})
    assert list(model(tmp_path, path).columns) == ODD


@given(st.text())
def test_any_text_in_quotes_is_read_back_by_any_reader(text: str) -> None:
    assert yaml.safe_load(f"{{k: {quoted(text)}}}") == {"k": text}
    assert yaml.safe_load(f"{quoted(text)}: 1") == {text: 1}


WORDS = st.text(st.characters(codec="utf-8"), max_size=9)
COLUMNS_OF_WORDS = st.dictionaries(
    WORDS, st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=4
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COLUMNS_OF_WORDS)
def test_any_names_and_values_make_a_config(
    tmp_path: Path, columns: dict[str, list[str]]
) -> None:
    assert list(model(tmp_path, written(tmp_path, columns)).columns) == list(columns)


def stored(kind: str, rows: pa.Table, folder: Path) -> Path:
    """Write a table as the files of a source, and return where they are."""
    path = folder / f"churn{ENDINGS.get(kind, ('',))[0]}"
    if kind == "csv":
        pa.csv.write_csv(rows, path)
    elif kind == "json":
        lines = (json.dumps(row, default=str) for row in rows.to_pylist())
        path.write_text("\n".join(lines))
    elif kind == "arrow":
        feather.write_feather(rows, path)
    elif kind == "delta":
        pytest.importorskip("deltalake").write_deltalake(path, rows)
    else:
        pq.write_table(rows, path)
    return path


PLAIN = ["prediction_id", "served_at", "distance", "carrier", "late_prob", "late_label"]


@pytest.mark.parametrize("kind", [*ENDINGS, "delta"])
def test_files_of_every_kind_are_told_by_their_ending(
    kind: str, tmp_path: Path
) -> None:
    path = stored(kind, pa.table(COLUMNS).select(PLAIN), tmp_path)
    found = model(tmp_path, path)
    assert (found.reference.type, found.source.type) == (kind, kind)
    roles = {column.name: column.role.value for column in found.table}
    assert roles["served_at"] == "timestamp"
    assert roles["late_prob"] == "score"
    source = open_source(found.reference, timestamp="served_at")
    assert sum(batch.num_rows for batch in source.read(None, [])) == N


def test_a_folder_is_told_by_what_lies_in_it(tmp_path: Path) -> None:
    day = tmp_path / "log/date=2013-01-01"
    day.mkdir(parents=True)
    (tmp_path / "log/_SUCCESS").touch()
    stored("csv", pa.table(COLUMNS).select(PLAIN), day)
    found = model(tmp_path, tmp_path / "log")
    assert found.reference.type == "csv"
    assert found.reference.options["path"] == "log"


def test_rows_of_text_that_were_left_out_are_told_in_the_config(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3\n")
    text = draft(tmp_path / "a.csv", chosen={}, beside=tmp_path)
    assert "# Note: 1 rows were left out: the line has another number of" in text


def test_of_a_long_file_of_text_some_is_looked_at(tmp_path: Path) -> None:
    lines = "".join(f"{i % 1_000}\n" for i in range(600_000))
    (tmp_path / "a.csv").write_text("x\n" + lines)
    text = draft(tmp_path / "a.csv", chosen={}, beside=tmp_path)
    seen, rows = re.findall(r"\((\S+) of its (\S+) rows were looked at", text)[0]
    assert rows == "600,000"
    assert 200_000 < int(seen.replace(",", "")) < 600_000
