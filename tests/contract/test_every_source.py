"""The law that every source keeps; the subjects are those of the registry.

For each source a file `source_NAME.py` here says how a table is put where the source
reads it, how it is damaged, and how it is taken away.
"""

import hashlib
import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

from checks.profile import Bins
from checks.schema import Column, Kind, Role, Schema
from checks.weight import WEIGHT
from monitor.config import Plugin, Sampling
from monitor.engines.local import LocalEngine
from monitor.errors import SourceError
from monitor.sampling import Decider, sampled
from monitor.sources.base import SOURCES, Source, open_source
from monitor.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def stage(name: str) -> ModuleType:
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


@pytest.fixture(params=SOURCES.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(name: str, tmp_path: Path) -> Source:
    return opened(name, table(), tmp_path)


def opened(name: str, rows: pa.Table, folder: Path) -> Source:
    options = stage(name).place(rows, folder)
    section = Plugin(type=name, options=options, base=folder)
    return open_source(section, timestamp="t")


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


def test_an_empty_window_keeps_its_columns(name: str, source: Source) -> None:
    batches = list(source.read(Window(START - DAY, START), None))
    assert [batch.num_rows for batch in batches] == [0]
    expected = getattr(stage(name), "COLUMNS", ["id", "t", "distance"])
    assert batches[0].schema.names == expected
    assert batches[0].schema == source.schema()


def test_only_the_columns_asked_for_are_read_in_that_order(source: Source) -> None:
    rows = read(source, Window(START, START + DAY), ["distance", "id"])
    assert rows.schema.names == ["distance", "id"]
    assert rows.num_rows == 24


def test_a_column_that_stands_nowhere_is_left_out(source: Source) -> None:
    assert read(source, None, ["id", "weather"]).schema.names == ["id"]


def test_times_are_told_in_utc(source: Source) -> None:
    assert read(source, None).schema.field("t").type.tz == "UTC"


def test_a_time_without_a_zone_is_taken_to_be_in_utc(name: str, tmp_path: Path) -> None:
    naive = table().set_column(1, "t", table()["t"].cast(pa.timestamp("us")))
    rows = read(opened(name, naive, tmp_path), Window(START, START + DAY))
    assert rows["id"].to_pylist() == [f"f{i}" for i in range(24)]


def test_a_time_of_another_zone_is_moved_to_utc(name: str, tmp_path: Path) -> None:
    zoned = table()["t"].cast(pa.timestamp("us", "America/New_York"))
    rows = read(
        opened(name, table().set_column(1, "t", zoned), tmp_path),
        Window(START, START + DAY),
    )
    assert rows["t"].to_pylist()[0] == START


def test_a_row_without_a_time_lies_in_no_window(name: str, tmp_path: Path) -> None:
    times = [None, *table()["t"].to_pylist()[1:]]
    rows = table().set_column(1, "t", pa.array(times, pa.timestamp("us", "UTC")))
    source = opened(name, rows, tmp_path)
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
    name: str, source: Source, tmp_path: Path
) -> None:
    stage(name).remove(tmp_path)
    with pytest.raises(SourceError, match="rows") as caught:
        list(source.read(None, None))
    assert caught.value.permanent


def test_damaged_data_is_told_with_its_place(
    name: str, source: Source, tmp_path: Path
) -> None:
    stage(name).damage(tmp_path)
    with pytest.raises(SourceError, match="rows"):
        list(source.read(None, None))


def test_a_window_without_a_timestamp_column_is_refused(
    name: str, tmp_path: Path
) -> None:
    options = stage(name).place(table(), tmp_path)
    section = Plugin(type=name, options=options, base=tmp_path)
    source = open_source(section, timestamp=None)
    with pytest.raises(SourceError, match="role: timestamp"):
        list(source.read(Window(START, START + DAY), None))


def test_an_unknown_option_is_refused_with_those_there_are(name: str) -> None:
    section = Plugin(type=name, options={"colour": 1})
    with pytest.raises(SourceError, match=r"no key `colour`.*keys here are"):
        open_source(section, timestamp="t")


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
