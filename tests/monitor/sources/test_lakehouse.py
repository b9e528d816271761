"""Delta and Iceberg tables: versions, deleted rows, pruning, and their libraries."""

import base64
import json
import os
import re
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import DoubleType, NestedField, TimestamptzType

from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import Identified, Source, open_source
from monitor.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = Window(START, START + DAY)


def opened(kind: str, base: Path, **options: Any) -> Source:
    section = Plugin(type=kind, options=options, base=base)
    return open_source(section, timestamp="t")


def values(source: Source, window: Window | None = TODAY) -> list[float]:
    table = pa.Table.from_batches(list(source.read(window, ["x"])))
    return sorted(table["x"].to_pylist())


def day(place: int, **columns: Any) -> pa.Table:
    times = [START + place * DAY + i * DAY / 4 for i in range(4)]
    return pa.table(
        {
            "t": pa.array(times, pa.timestamp("us", "UTC")),
            "x": [float(10 * place + i) for i in range(4)],
            **columns,
        }
    )


def cut(folder: Path, keep: str) -> None:
    """Damage all data files but those below a folder."""
    for file in folder.rglob("*.parquet"):
        if keep not in str(file):
            file.write_bytes(b"PAR1")


def identity(source: Source) -> str:
    assert isinstance(source, Identified)
    return source.identity()


# ── Delta ────────────────────────────────────────────────────────────────────────


def test_a_version_of_a_delta_table_is_its_identity_and_can_be_read_again(
    tmp_path: Path,
) -> None:
    write_deltalake(tmp_path / "log", day(0))
    source = opened("delta", tmp_path, path="log")
    before = identity(source)
    write_deltalake(tmp_path / "log", day(0), mode="append")
    assert identity(source) != before
    assert before.endswith("version 0")
    assert len(values(source)) == 8
    assert len(values(opened("delta", tmp_path, path="log", version=0))) == 4


def test_a_delta_table_is_read_as_of_a_time(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "log", day(0))
    write_deltalake(tmp_path / "log", day(0), mode="append")
    commits = {0: START + DAY, 1: START + 3 * DAY}
    for version, moment in commits.items():
        log = tmp_path / f"log/_delta_log/{version:020}.json"
        os.utime(log, (moment.timestamp(), moment.timestamp()))
        text = re.sub(
            r'"timestamp":\d+',
            f'"timestamp":{moment.timestamp() * 1000:.0f}',
            log.read_text(),
        )
        log.write_text(text)
        os.utime(log, (moment.timestamp(), moment.timestamp()))
    counts = {
        moment.isoformat(): len(
            values(opened("delta", tmp_path, path="log", as_of=moment.isoformat()))
        )
        for moment in (START + 2 * DAY, START + 4 * DAY)
    }
    assert [*counts.values()] == [4, 8]


def test_rows_that_were_deleted_from_a_delta_table_are_gone(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "log", day(0))
    DeltaTable(tmp_path / "log").delete("x = 2.0")
    source = opened("delta", tmp_path, path="log")
    assert values(source) == [0, 1, 3]
    assert values(source, None) == [0, 1, 3]


Z85 = digits + ascii_lowercase + ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
B85 = digits + ascii_uppercase + ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"


def hidden(place: int) -> dict[str, Any]:
    """Write a deletion vector of one row, as the protocol of Delta has it inline."""
    bitmap = struct.pack("<IIHHIH", 12346, 1, 0, 0, 16, place)
    vector = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    padded = vector + bytes(-len(vector) % 4)
    text = base64.b85encode(padded).decode().translate(str.maketrans(B85, Z85))
    return {
        "storageType": "i",
        "pathOrInlineDv": text,
        "sizeInBytes": len(vector),
        "cardinality": 1,
    }


def test_rows_that_a_deletion_vector_hides_are_not_read(tmp_path: Path) -> None:
    told = {"delta.enableDeletionVectors": "true"}
    write_deltalake(tmp_path / "log", day(0), configuration=told)
    log = tmp_path / "log/_delta_log"
    actions = [
        json.loads(line)
        for line in (log / "00000000000000000000.json").read_text().splitlines()
    ]
    (add,) = [action["add"] for action in actions if "add" in action]
    removed = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    again = [{"remove": removed}, {"add": {**add, "deletionVector": hidden(2)}}]
    (log / "00000000000000000001.json").write_text("\n".join(map(json.dumps, again)))
    assert values(opened("delta", tmp_path, path="log", version=0)) == [0, 1, 2, 3]
    assert values(opened("delta", tmp_path, path="log")) == [0, 1, 3]


def test_only_the_partitions_of_the_window_are_opened(tmp_path: Path) -> None:
    for i in range(4):
        date = (START + i * DAY).date()
        rows = day(i, date=pa.array([date] * 4))
        write_deltalake(tmp_path / "log", rows, mode="append", partition_by=["date"])
    cut(tmp_path / "log", "date=2013-04-01")
    strict = {"path": "log", "partition_slack": "0s"}
    assert values(opened("delta", tmp_path, **strict)) == [0, 1, 2, 3]


def test_files_whose_statistics_tell_other_times_are_not_opened(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "log", day(0))
    (kept,) = (tmp_path / "log").glob("*.parquet")
    for i in range(1, 4):
        write_deltalake(tmp_path / "log", day(i), mode="append")
    cut(tmp_path / "log", kept.name)
    assert values(opened("delta", tmp_path, path="log")) == [0, 1, 2, 3]


def test_a_version_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "log", day(0))
    with pytest.raises(SourceError, match=r"log: the Delta table cannot be read.*7"):
        values(opened("delta", tmp_path, path="log", version=7))


# ── Iceberg ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def iceberg(tmp_path: Path) -> Table:
    catalog = InMemoryCatalog("tests", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("serving")
    time = NestedField(1, "t", TimestamptzType(), required=False)
    value = NestedField(2, "x", DoubleType(), required=False)
    return catalog.create_table(
        "serving.log", Schema(time, value), location=f"file://{tmp_path}/log"
    )


def test_a_snapshot_of_an_iceberg_table_is_its_identity_and_can_be_read_again(
    tmp_path: Path, iceberg: Table
) -> None:
    iceberg.append(day(0))
    source = opened("iceberg", tmp_path, path="log")
    before = identity(source)
    (first,) = iceberg.snapshots()
    iceberg.append(day(0))
    assert identity(source) != before
    assert len(values(source)) == 8
    old = opened("iceberg", tmp_path, path="log", snapshot=first.snapshot_id)
    assert len(values(old)) == 4
    now = datetime.fromtimestamp(first.timestamp_ms / 1000, UTC)
    at = (now + timedelta(milliseconds=1)).isoformat()
    assert values(opened("iceberg", tmp_path, path="log", as_of=at))
    with pytest.raises(SourceError, match="there was no snapshot yet"):
        values(opened("iceberg", tmp_path, path="log", as_of="2013-01-01"))


def test_rows_that_were_deleted_from_an_iceberg_table_are_gone(
    tmp_path: Path, iceberg: Table
) -> None:
    iceberg.append(day(0))
    iceberg.delete("x = 2.0")
    source = opened("iceberg", tmp_path, path="log")
    assert values(source) == [0, 1, 3]
    assert values(source, None) == [0, 1, 3]


def test_only_the_data_files_of_the_window_are_opened(
    tmp_path: Path, iceberg: Table
) -> None:
    iceberg.append(day(0))
    (kept,) = (tmp_path / "log/data").glob("*.parquet")
    for i in range(1, 3):
        iceberg.append(day(i))
    cut(tmp_path / "log/data", kept.name)
    assert values(opened("iceberg", tmp_path, path="log")) == [0, 1, 2, 3]


def test_an_iceberg_table_without_a_snapshot_has_columns_and_no_rows(
    tmp_path: Path, iceberg: Table
) -> None:
    assert iceberg.current_snapshot() is None
    source = opened("iceberg", tmp_path, path="log")
    assert source.schema().names == ["t", "x"]
    assert values(source) == []


def test_an_iceberg_table_is_found_in_a_catalog(tmp_path: Path) -> None:
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415 - slow to import

    uri = f"sqlite:///{tmp_path}/catalog.db"
    catalog = SqlCatalog("default", uri=uri, warehouse=f"file://{tmp_path}")
    catalog.create_namespace("serving")
    catalog.create_table("serving.log", day(0).schema).append(day(0))
    catalog.close()
    named = {"catalog": uri, "table": "serving.log"}
    assert values(opened("iceberg", tmp_path, **named)) == [0, 1, 2, 3]
    with pytest.raises(SourceError, match="there is no Iceberg table") as caught:
        values(opened("iceberg", tmp_path, catalog=uri, table="serving.none"))
    assert caught.value.permanent


def test_a_table_is_told_by_its_path_or_its_name(tmp_path: Path) -> None:
    for options in ({}, {"path": "log", "table": "serving.log"}):
        with pytest.raises(SourceError, match="set one of both"):
            opened("iceberg", tmp_path, **options)


# ── the libraries ────────────────────────────────────────────────────────────────

PROGRAM = """
import sys
sys.modules[{module!r}] = None
from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import open_source
section = Plugin(type={kind!r}, options={{"path": "log"}})
try:
    open_source(section, timestamp=None).schema()
except SourceError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("kind", "module"), [("delta", "deltalake"), ("iceberg", "pyiceberg")]
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    kind: str, module: str
) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(kind=kind, module=module)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert shown == f"{module} is not installed. Fix: pip install 'driftd[{kind}]'\n"
