"""What the SQL source does on a real MariaDB."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import Source, open_source
from monitor.window import Window
from tests.mariadb import SERVER, MariaDb

pytestmark = pytest.mark.skipif(SERVER is None, reason="mariadbd is not installed")

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RIGHT = "c4n4ry"


TYPES = """
CREATE TABLE serving.types (
    t datetime(6), seen timestamp(6) NULL, yes tinyint(1), small tinyint, n int,
    f float,
    money decimal(10, 2), `count` decimal(12), huge decimal(30), name varchar(20),
    `text` text, raw blob, day date, `hour` time, doc json, kind enum('a', 'b'),
    nothing text
)
"""
VALUES = """
INSERT INTO serving.types VALUES (
    '2026-03-01 00:00:00.000001', '2026-03-01', 1, 7, 2, 1.5, 12.34, 123456789012,
    123456789012345678901234567890, 'é', 'long', x'00ff', '2026-03-01', '01:00:01',
    '{"a": 1}', 'b', NULL
)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    with tempfile.TemporaryDirectory(prefix="driftd-mariadb-") as folder:
        started = MariaDb(Path(folder))
        try:
            started.ask(
                "CREATE DATABASE serving",
                "CREATE USER ann@localhost IDENTIFIED BY 'c4n4ry'",
                "GRANT SELECT ON serving.* TO ann@localhost",
                "SET time_zone = '+00:00'",
                TYPES,
                VALUES,
            )
            yield started
        finally:
            started.stop()


def source(server: MariaDb, password: str = RIGHT, **options: Any) -> Source:
    place = server.url.set(username="ann", password=password, database="serving")
    url = place.render_as_string(hide_password=False)
    section = Plugin(type="sql", options={"url": url, **options})
    return open_source(section, timestamp="t")


def rows(opened: Source, window: Window | None = None) -> pa.Table:
    return pa.Table.from_batches(list(opened.read(window, None)))


def test_every_type_has_its_arrow_type_and_value(server: MariaDb) -> None:
    opened = source(server, table="types")

    table = rows(opened)

    moment = pa.timestamp("us", "UTC")
    expected = {
        "t": (moment, START + timedelta(microseconds=1)),
        "yes": (pa.bool_(), True),
        "small": (pa.int64(), 7),
        "n": (pa.int64(), 2),
        "f": (pa.float64(), 1.5),
        "money": (pa.float64(), 12.34),
        "count": (pa.int64(), 123456789012),
        "name": (pa.string(), "é"),
        "text": (pa.string(), "long"),
        "raw": (pa.string(), "00ff"),
        "day": (pa.date32(), date(2026, 3, 1)),
        "hour": (pa.float64(), 3601.0),
        "doc": (pa.string(), '{"a": 1}'),
        "kind": (pa.string(), "b"),
        "nothing": (pa.string(), None),
    }
    found = {n: (table.schema.field(n).type, table[n][0].as_py()) for n in expected}
    assert found == expected
    assert table.schema.field("seen").type == moment
    assert table.schema.field("huge").type == pa.decimal128(30, 0)
    (empty,) = opened.read(Window(START - HOUR, START), None)
    assert (empty.num_rows, empty.schema) == (0, table.schema)


@pytest.mark.parametrize("kind", ["datetime", "timestamp"])
def test_windows_side_by_side_hold_each_row_once(server: MariaDb, kind: str) -> None:
    server.ask(
        f"CREATE TABLE serving.w_{kind} (id int, t {kind} NULL)",
        "SET time_zone = '+00:00'",
        f"INSERT INTO serving.w_{kind} SELECT seq, TIMESTAMPADD(MINUTE, 10 * seq, "
        "'2026-03-01 00:00:00') FROM serving.seq_0_to_299",
    )
    opened = source(server, table=f"w_{kind}")

    hours = [Window(START + h * HOUR, START + (h + 5) * HOUR) for h in range(0, 50, 5)]
    parts = [rows(opened, window)["id"].to_pylist() for window in hours]

    assert [i for part in parts for i in part] == list(range(300))


@pytest.mark.parametrize(
    ("password", "options", "expected"),
    [
        ("wrong", {"table": "types"}, "Access denied.*Fix: correct the user and pass"),
        (RIGHT, {"table": "nothing"}, "doesn't exist.*`table` or `query`"),
        (RIGHT, {"query": "SELECT x FROM types"}, "Unknown column.*`query`"),
        (
            RIGHT,
            {"query": "SELECT * FROM mysql.user"},
            "denied.*Fix: let driftd's user",
        ),
    ],
)
def test_a_mistake_is_told_with_its_cure_and_no_secret(
    server: MariaDb, password: str, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(SourceError, match=expected) as caught:
        rows(source(server, password, **options))

    assert caught.value.permanent
    assert password not in str(caught.value)


READ = """
import sys
from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import open_source

query = "SELECT a.seq AS id FROM seq_1_to_1000 a, seq_1_to_1000 b"
section = Plugin(type="sql", options={"url": sys.argv[1], "query": query})
reading = open_source(section, timestamp="t").read(None, None)
next(reading)
print("reading", flush=True)
sys.stdin.readline()
try:
    list(reading)
except SourceError as error:
    print(error.permanent, error)
"""


def test_a_server_that_goes_away_in_the_middle_is_worth_another_try(
    server: MariaDb,
) -> None:
    # In a process of its own, for what PyMySQL still holds of a lost connection trips
    # over it whenever it is let go.
    place = server.url.set(username="ann", password=RIGHT, database="serving")
    reader = subprocess.Popen(
        [sys.executable, "-c", READ, place.render_as_string(hide_password=False)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    server.ask("KILL USER ann@localhost")

    said, _ = reader.communicate("go on\n", timeout=60)

    assert said.startswith("False mariadb://localhost/serving: ")
    assert said.endswith("; driftd tries again\n")
