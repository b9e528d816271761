"""The law that every source keeps; the subjects are those of the registry.

For each source a file `source_NAME.py` here says how a table is put where the source
reads it, how it is damaged, and how it is taken away. Those that read files are asked
again of files in each cloud's object store.
"""

import hashlib
import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from checks.profile import Bins
from checks.schema import Column, Kind, Role, Schema
from checks.weight import WEIGHT
from monitor.config import Plugin, Sampling
from monitor.engines.base import pieces
from monitor.engines.local import LocalEngine
from monitor.errors import SourceError
from monitor.sampling import Decider, sampled
from monitor.sources.base import SOURCES, Source, open_source
from monitor.window import Window
from tests.stores import SCHEMES, Store

KINDS_OF_FILES = ("delta", "json", "parquet")
START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Stage:
    """Where a source finds its table."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._local = _module(name)
        self.columns: list[str] = getattr(
            self._local, "COLUMNS", ["id", "t", "distance"]
        )

    def place(self, rows: pa.Table, folder: Path) -> dict[str, Any]:
        """Put a table there and return the options that read it."""
        options: dict[str, Any] = self._local.place(rows, folder)
        return options

    def damage(self, folder: Path) -> None:
        """Damage what was put."""
        self._local.damage(folder)

    def remove(self, folder: Path) -> None:
        """Take away what was put."""
        self._local.remove(folder)


class StoredStage(Stage):
    """The same in an object store."""

    def __init__(self, name: str, store: Store) -> None:
        super().__init__(name)
        self._store = store
        self._bucket = store.bucket(f"laws-{uuid4().hex}")

    def place(self, rows: pa.Table, folder: Path) -> dict[str, Any]:
        options = super().place(rows, folder)
        self._send(folder)
        there = f"{self._store.address(self._bucket)}/{options['path']}"
        return {**options, **self._store.options, "path": there}

    def damage(self, folder: Path) -> None:
        super().damage(folder)
        self._send(folder)

    def remove(self, folder: Path) -> None:
        for file in _files(folder):
            self._bucket.delete_file(file)
        super().remove(folder)

    def _send(self, folder: Path) -> None:
        for file in _files(folder):
            with self._bucket.open_output_stream(file, compression=None) as sink:
                sink.write((folder / file).read_bytes())


def _files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in found]


def _module(name: str) -> ModuleType:
    path = Path(__file__).parent / f"source_{name}.py"
    assert path.is_file(), f"write {path.name}, so that the contract can be asked of it"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table() -> pa.Table:
    times = [START + timedelta(hours=h) for h in range(72)]
    return pa.table(
        {
            "id": [f"f{i}" for i in range(72)],
            "t": pa.array(times, pa.timestamp("us", "UTC")),
            "distance": pa.array([float(i) for i in range(72)]),
        }
    )


STORED = [f"{name} at {scheme}" for name in KINDS_OF_FILES for scheme in SCHEMES]


@pytest.fixture(params=[*SOURCES.names(), *STORED])
def stage(request: pytest.FixtureRequest) -> Stage:
    name, _, scheme = str(request.param).partition(" at ")
    if not scheme:
        return Stage(name)
    return StoredStage(name, request.getfixturevalue("stores").of(scheme))


@pytest.fixture
def source(stage: Stage, tmp_path: Path) -> Source:
    return opened(stage, table(), tmp_path)


def opened(
    stage: Stage, rows: pa.Table, folder: Path, timestamp: str | None = "t"
) -> Source:
    options = stage.place(rows, folder)
    section = Plugin(type=stage.name, options=options, base=folder)
    return open_source(section, timestamp=timestamp)


def read(
    source: Source, window: Window | None, columns: list[str] | None = None
) -> pa.Table:
    return pa.Table.from_batches(list(source.read(window, columns)))


def test_a_window_holds_its_start_and_not_its_end(source: Source) -> None:
    rows = read(source, Window(START, START + DAY))
    assert rows["id"].to_pylist() == [f"f{i}" for i in range(24)]


def test_windows_side_by_side_hold_each_row_once(source: Source) -> None:
    ids = [
        row
        for hour in range(0, 72, 5)
        for row in read(
            source,
            Window(
                START + timedelta(hours=hour),
                START + timedelta(hours=min(hour + 5, 72)),
            ),
        )["id"].to_pylist()
    ]
    assert ids == [f"f{i}" for i in range(72)]


def test_reading_again_gives_the_same(source: Source) -> None:
    window = Window(START + DAY, START + 2 * DAY)
    assert read(source, window).equals(read(source, window))


def test_no_window_means_all_rows(source: Source) -> None:
    assert read(source, None).num_rows == 72


def test_an_empty_window_keeps_its_columns(stage: Stage, source: Source) -> None:
    batches = list(source.read(Window(START - DAY, START), None))
    assert [batch.num_rows for batch in batches] == [0]
    assert batches[0].schema.names == stage.columns
    assert batches[0].schema == source.schema()


def test_only_the_columns_asked_for_are_read_in_that_order(source: Source) -> None:
    rows = read(source, Window(START, START + DAY), ["distance", "id"])
    assert rows.schema.names == ["distance", "id"]
    assert rows.num_rows == 24


def test_a_column_that_stands_nowhere_is_left_out(source: Source) -> None:
    assert read(source, None, ["id", "weather"]).schema.names == ["id"]


def test_times_are_told_in_utc(source: Source) -> None:
    assert read(source, None).schema.field("t").type.tz == "UTC"


def test_a_time_without_a_zone_is_taken_to_be_in_utc(
    stage: Stage, tmp_path: Path
) -> None:
    naive = table().set_column(1, "t", table()["t"].cast(pa.timestamp("us")))
    rows = read(opened(stage, naive, tmp_path), Window(START, START + DAY))
    assert rows["id"].to_pylist() == [f"f{i}" for i in range(24)]


def test_a_time_of_another_zone_is_moved_to_utc(stage: Stage, tmp_path: Path) -> None:
    zoned = table()["t"].cast(pa.timestamp("us", "America/New_York"))
    rows = read(
        opened(stage, table().set_column(1, "t", zoned), tmp_path),
        Window(START, START + DAY),
    )
    assert rows["t"].to_pylist()[0] == START


def test_a_row_without_a_time_lies_in_no_window(stage: Stage, tmp_path: Path) -> None:
    times = [None, *table()["t"].to_pylist()[1:]]
    rows = table().set_column(1, "t", pa.array(times, pa.timestamp("us", "UTC")))
    source = opened(stage, rows, tmp_path)
    assert read(source, Window(START, START + DAY)).num_rows == 23
    assert read(source, None).num_rows == 72


def test_all_batches_have_the_schema_that_the_source_tells(source: Source) -> None:
    schemas = {str(batch.schema) for batch in source.read(None, None)}
    assert schemas == {str(source.schema())}


def test_a_source_never_writes(source: Source, tmp_path: Path) -> None:
    before = digests(tmp_path)
    read(source, Window(START, START + DAY))
    source.schema()
    assert digests(tmp_path) == before


def test_data_that_is_not_there_is_told_with_its_place(
    stage: Stage, source: Source, tmp_path: Path
) -> None:
    stage.remove(tmp_path)
    with pytest.raises(SourceError, match="rows") as caught:
        list(source.read(None, None))
    assert caught.value.permanent


def test_damaged_data_is_told_with_its_place(
    stage: Stage, source: Source, tmp_path: Path
) -> None:
    stage.damage(tmp_path)
    with pytest.raises(SourceError, match="rows"):
        list(source.read(None, None))


def test_a_window_without_a_timestamp_column_is_refused(
    stage: Stage, tmp_path: Path
) -> None:
    source = opened(stage, table(), tmp_path, timestamp=None)
    with pytest.raises(SourceError, match="role: timestamp"):
        list(source.read(Window(START, START + DAY), None))


@pytest.mark.parametrize("name", SOURCES.names())
def test_an_unknown_option_is_refused_with_those_there_are(name: str) -> None:
    section = Plugin(type=name, options={"colour": 1})
    with pytest.raises(SourceError, match=r"no key `colour`.*keys here are"):
        open_source(section, timestamp="t")


@pytest.mark.parametrize("name", SOURCES.names())
def test_options_are_frozen(name: str) -> None:
    assert SOURCES.options_type(name).model_config["frozen"] is True


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_sample_of_it_is_the_rows_that_their_ids_choose(
    source: Source,
) -> None:
    """The same ones whichever way they are read."""
    columns = [
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="t", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        Column(name="distance", kind=Kind.NUMERIC),
    ]
    schema, asked = Schema.of(columns), Sampling(rate=0.4)
    kept, weights = Decider.of(asked, schema).decide(table())
    rows = sampled(source, asked, schema)
    found = pa.Table.from_batches(list(rows.read(Window(START, START + 3 * DAY), None)))
    assert sorted(found["id"].to_pylist()) == sorted(
        table().filter(pa.array(kept))["id"].to_pylist()
    )
    assert set(found[WEIGHT].to_pylist()) == set(weights) == {2.5}
    bins = Bins.fit(schema, table())
    window = Window(START + DAY / 2, START + 2 * DAY)
    profile = LocalEngine(2).count(rows, window, bins, keep=9, by="id").profile
    seen = rows.read(window, ["id", WEIGHT])
    assert profile.rows == sum(batch.num_rows for batch in seen) > 0


@pytest.mark.parametrize("days", [0.3, 1, 3])
def test_pieces_are_the_rows_of_the_window_and_named_ones_say_when_they_change(
    stage: Stage, tmp_path: Path, days: float
) -> None:
    window = Window(START, START + days * DAY)
    source = opened(stage, table(), tmp_path)
    first = [(name, list(batches)) for name, batches in pieces(source, window, ["id"])]
    second = [(name, list(batches)) for name, batches in pieces(source, window, ["id"])]
    names = [name for name, _ in first if name is not None]

    found = [
        row for _, part in first for batch in part for row in batch["id"].to_pylist()
    ]
    assert sorted(found) == sorted(read(source, window, ["id"])["id"].to_pylist())
    assert len(set(names)) == len(names)
    assert first == second
