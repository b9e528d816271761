"""What the SQL source does on real databases."""

import gc
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from sqlalchemy import URL, Select, make_url, select
from sqlalchemy import column as named

from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import Source, open_source
from monitor.sources.database import relation
from monitor.sources.database.columns import Kind, column
from monitor.sources.database.server import Server
from monitor.window import Window
from tests.postgres import Postgres

ROOT = Path(__file__).parents[3]
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def place(postgres: Postgres) -> URL:
    return postgres.database()


def source(place: URL, timestamp: str | None = "t", **options: Any) -> Source:
    url = place.render_as_string(hide_password=False)
    section = Plugin(type="sql", options={"url": url, **options})
    return open_source(section, timestamp=timestamp)


def made(postgres: Postgres, place: URL, *statements: str) -> None:
    for statement in statements:
        postgres.ask(statement, database=place.database)


def rows(
    opened: Source, window: Window | None = None, names: list[str] | None = None
) -> pa.Table:
    return pa.Table.from_batches(list(opened.read(window, names)))


def hours(first: int, last: int) -> Window:
    return Window(START + first * HOUR, START + last * HOUR)


# ── types ────────────────────────────────────────────────────────────────────────────

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE types (
    t timestamptz, small smallint, whole integer, long bigint, "Real" real,
    double double precision, money numeric(10, 2), count numeric(12), huge numeric(30),
    free numeric, yes boolean, name text, code char(3), day date, hour time,
    local timestamp, span interval, raw bytea, key uuid, doc json, docb jsonb,
    list integer[], feeling mood, host inet, nothing text
);
INSERT INTO types VALUES (
    '2026-03-01 02:00+02', 1, 2, 9007199254740993, 1.5, 'NaN', 12.34, 123456789012,
    123456789012345678901234567890, 0.1, true, 'é', 'a', '2026-03-01', '12:30',
    '2026-03-01 00:00:00.000001', '1 day 00:00:01.5', '\\x00ff',
    '00000000-0000-0000-0000-00000000002a', '{"b": 1, "a": "ü"}', '{"a": null}',
    '{1, 2}', 'glad', '10.0.0.1', NULL
)
"""


def test_every_type_of_postgresql_has_its_arrow_type_and_value(
    postgres: Postgres, place: URL
) -> None:
    made(postgres, place, *TYPES.split(";\n"))
    opened = source(place, table="types")

    table = rows(opened)

    moment = pa.timestamp("us", "UTC")
    expected = {
        "t": (moment, START),
        "small": (pa.int64(), 1),
        "whole": (pa.int64(), 2),
        "long": (pa.int64(), 9007199254740993),
        "Real": (pa.float64(), 1.5),
        "money": (pa.float64(), 12.34),
        "count": (pa.int64(), 123456789012),
        "free": (pa.float64(), 0.1),
        "yes": (pa.bool_(), True),
        "name": (pa.string(), "é"),
        "code": (pa.string(), "a  "),
        "day": (pa.date32(), date(2026, 3, 1)),
        "hour": (pa.string(), "12:30:00"),
        "local": (moment, START + timedelta(microseconds=1)),
        "span": (pa.float64(), 86401.5),
        "raw": (pa.binary(), b"\x00\xff"),
        "key": (pa.string(), "00000000-0000-0000-0000-00000000002a"),
        "doc": (pa.string(), '{"b": 1, "a": "ü"}'),
        "docb": (pa.string(), '{"a": null}'),
        "list": (pa.string(), "[1, 2]"),
        "feeling": (pa.string(), "glad"),
        "host": (pa.string(), "10.0.0.1"),
        "nothing": (pa.string(), None),
    }
    found = {n: (table.schema.field(n).type, table[n][0].as_py()) for n in expected}
    assert found == expected
    assert table.schema.field("huge").type == pa.decimal128(30, 0)
    assert int(table["huge"][0].as_py()) == 123456789012345678901234567890
    empty = list(opened.read(Window(START - DAY, START), None))
    assert [batch.num_rows for batch in empty] == [0]
    assert empty[0].schema == table.schema == opened.schema()


def test_a_query_is_read_as_a_table_is(postgres: Postgres, place: URL) -> None:
    made(postgres, place, "CREATE TABLE q (t timestamptz, n int)")
    made(postgres, place, "INSERT INTO q VALUES ('2026-03-01Z', 1), ('2026-03-01Z', 2)")
    query = "SELECT t, sum(n)::bigint AS n, ':x; 5%' AS s FROM q GROUP BY t -- both"

    table = rows(source(place, query=query), hours(0, 1))

    assert table.to_pylist() == [{"t": START, "n": 3, "s": ":x; 5%"}]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"table": "q", "query": "SELECT 1"}, "write one of the two"),
        ({}, "write one of the two"),
        ({"query": "SELECT 1; DROP TABLE q"}, "take out the `;`"),
        ({"table": "q", "overlap": "1h"}, "name the `watermark` column"),
        ({"table": "q", "time_zone": "Mars/Olympus"}, "is no time zone"),
    ],
)
def test_options_that_say_no_single_thing_are_refused(
    options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(SourceError, match=expected):
        source(make_url("sqlite:///x.db"), **options)


# ── windows ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "text"])
def test_windows_side_by_side_hold_each_row_once(
    postgres: Postgres, place: URL, kind: str
) -> None:
    name = f"w_{kind}"
    made(
        postgres,
        place,
        f"CREATE TABLE {name} AS SELECT i AS id, to_char(timestamp '2026-03-01' + i * "
        f"interval '10 minutes', 'YYYY-MM-DD HH24:MI:SS')::{kind} AS t "
        "FROM generate_series(0, 299) AS i",
    )
    opened = source(place, table=name)

    parts = [rows(opened, hours(h, h + 5))["id"].to_pylist() for h in range(0, 50, 5)]

    assert [i for part in parts for i in part] == list(range(300))


def test_local_times_are_read_in_their_zone_through_the_hour_that_comes_twice(
    postgres: Postgres, place: URL
) -> None:
    made(
        postgres,
        place,
        "CREATE TABLE dst (id int, t timestamp)",
        "INSERT INTO dst SELECT i, timestamp '2026-10-24 22:00' + i * interval "
        "'15 minutes' FROM generate_series(0, 60) AS i",
    )
    opened = source(place, table="dst", time_zone="Europe/Helsinki")
    first = datetime(2026, 10, 24, 19, tzinfo=UTC)  # 22:00 in Helsinki
    windows = [Window(first + h * HOUR, first + (h + 1) * HOUR) for h in range(17)]

    ids = [rows(opened, window)["id"].to_pylist() for window in windows]

    assert [i for part in ids for i in part] == list(range(61))
    assert ids[0] == [0, 1, 2, 3]
    # At 04:00 the clocks go back to 03:00. Of the two hours the earlier has the rows.
    assert [h for h, part in enumerate(ids) if not part] == [6]


def test_a_day_is_its_first_moment(postgres: Postgres, place: URL) -> None:
    made(
        postgres,
        place,
        "CREATE TABLE days (t date)",
        "INSERT INTO days SELECT date '2026-02-26' + i FROM generate_series(0, 5) AS i",
    )
    opened = source(place, table="days")

    found = [rows(opened, hours(24 * d, 24 * (d + 1))).num_rows for d in range(-3, 3)]

    assert found == [1] * 6
    assert rows(opened, hours(0, 1))["t"].to_pylist() == [date(2026, 3, 1)]
    assert rows(opened, hours(1, 24)).num_rows == 0


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            make_url("postgresql+psycopg://").get_dialect()(),
            "SELECT id FROM serving.log WHERE t >= %(t_1)s AND t < %(t_2)s",
        ),
        (
            make_url("mysql+pymysql://").get_dialect()(),
            "SELECT id FROM serving.log WHERE t >= %s AND t < %s",
        ),
    ],
)
def test_a_window_is_a_bound_range_on_the_bare_column(
    dialect: Any, expected: str
) -> None:
    moment = column("t", Kind.LOCAL)
    inside = relation.inside(moment, hours(0, 1), ZoneInfo("UTC"))
    statement: Select[Any] = select(named("id")).select_from(
        relation.of_table("serving.log")
    )

    compiled = statement.where(inside).compile(dialect=dialect)

    plain = str(compiled).replace("::TIMESTAMP WITHOUT TIME ZONE", "")
    assert " ".join(plain.split()) == expected
    assert list(compiled.params.values()) == [
        datetime(2026, 3, 1),  # noqa: DTZ001 - as the database has it
        datetime(2026, 3, 1, 1),  # noqa: DTZ001
    ]


def test_a_reading_sees_one_moment(postgres: Postgres, place: URL) -> None:
    made(
        postgres,
        place,
        "CREATE TABLE moving AS SELECT i AS id FROM generate_series(1, 20000) AS i",
    )
    reading = source(place, table="moving").read(None, None)
    first = next(reading)
    made(postgres, place, "DELETE FROM moving", "INSERT INTO moving VALUES (0)")

    rest = sum(batch.num_rows for batch in reading)

    assert first.num_rows + rest == 20_000


def test_a_million_rows_take_no_more_memory_than_a_few(place: URL) -> None:
    program = """
import json, resource, sys
from monitor.config import Plugin
from monitor.sources.base import open_source

def peak(n):
    query = ("SELECT i AS id, now() AS t, random() AS x, md5(i::text) AS name "
             f"FROM generate_series(1, {n}) AS i")
    section = Plugin(type="sql", options={"url": sys.argv[1], "query": query})
    rows = sum(b.num_rows for b in open_source(section, timestamp="t").read(None, None))
    return rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

print(json.dumps([peak(50_000), peak(1_000_000)]))
"""
    url = place.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (few, before), (many, after) = json.loads(done.stdout)
    assert (few, many) == (50_000, 1_000_000)
    assert after - before < 40_000  # of the 100 MB and more that the rows are


# ── watermark ────────────────────────────────────────────────────────────────────────


def test_a_window_waits_until_the_watermark_has_passed_it_by_the_overlap(
    postgres: Postgres, place: URL
) -> None:
    made(
        postgres,
        place,
        "CREATE TABLE late (t timestamptz, inserted_at timestamp)",
    )
    options = {"watermark": "inserted_at", "overlap": "10m"}
    opened = source(place, table="late", **options)
    with pytest.raises(SourceError, match="has come to nothing") as empty:
        rows(opened, hours(0, 1))

    row = "INSERT INTO late VALUES ('2026-03-01Z', '2026-03-01 01:{}')"
    made(postgres, place, row.format("09:59"))
    with pytest.raises(SourceError, match="whole from 2026-03-01T01:10:00Z on") as soon:
        rows(opened, hours(0, 1))
    made(postgres, place, row.format("10"))

    assert not empty.value.permanent
    assert not soon.value.permanent
    assert rows(opened, hours(0, 1)).num_rows == 2
    assert rows(opened).num_rows == 2


# ── trouble ──────────────────────────────────────────────────────────────────────────

SECRET = "c4n4ry-s3cret"


@pytest.fixture(scope="module")
def ann(postgres: Postgres, place: URL) -> URL:
    """Return the URL of a user with a password, who may read one table."""
    made(
        postgres,
        place,
        "CREATE TABLE hers (t timestamptz)",
        "CREATE TABLE others (t timestamptz)",
        f"CREATE ROLE ann LOGIN PASSWORD '{SECRET}'",
        "GRANT SELECT ON hers TO ann",
    )
    postgres.allow("local all ann scram-sha-256")
    return place.set(username="ann", password=SECRET)


def test_a_user_with_a_password_reads_what_she_may(ann: URL) -> None:
    assert rows(source(ann, table="hers")).num_rows == 0


@pytest.mark.parametrize(
    ("change", "options", "expected"),
    [
        (
            {"password": SECRET + "x"},
            {"table": "hers"},
            "password authentication failed.*Fix: correct the user and password",
        ),
        ({"database": "nowhere"}, {"table": "hers"}, "does not exist.*in `url`"),
        ({}, {"table": "hres"}, 'relation "hres" does not exist.*`table`'),
        ({}, {"table": "others"}, "permission denied.*Fix: let driftd's user read it"),
        ({}, {"query": "SELECT x FROM hers"}, 'column "x" does not exist.*`query`'),
        ({}, {"query": "SELEC t FROM hers"}, "syntax error.*`query`"),
        ({}, {"query": "SELECT 1 AS t"}, "cannot be read as a time"),
        ({}, {"table": "hers", "watermark": "w"}, "'w' is not there.*`watermark`"),
        ({}, {"query": "SELECT now() AS moment"}, "'t' is not there.*role: timestamp"),
        ({}, {"query": "SELECT now() AS t, 1 AS a, 2 AS a"}, "'a' stands twice"),
        (
            {},
            {"query": "SELECT now() AS t, nextval('s') AS n"},
            'relation "s" does not exist',
        ),
    ],
)
def test_a_mistake_is_told_with_its_cure_and_no_secret(
    ann: URL, change: dict[str, Any], options: dict[str, str], expected: str
) -> None:
    with pytest.raises(SourceError, match=expected) as caught:
        rows(source(ann.set(**change), **options), hours(0, 1))

    assert caught.value.permanent
    chain: BaseException | None = caught.value
    while chain is not None:
        assert SECRET not in f"{chain!s} {chain!r}"
        chain = chain.__cause__ or chain.__context__


def test_nothing_can_be_written_by_reading(postgres: Postgres, place: URL) -> None:
    made(
        postgres,
        place,
        "CREATE TABLE kept (t timestamptz)",
        "CREATE FUNCTION sly() RETURNS int LANGUAGE sql AS "
        "'INSERT INTO kept VALUES (now()); SELECT 1'",
    )

    with pytest.raises(SourceError, match="read-only transaction") as caught:
        rows(source(place, query="SELECT sly() AS n"))

    assert caught.value.permanent
    assert postgres.ask("SELECT count(*) FROM kept", database=place.database) == [(0,)]


def test_a_server_that_goes_away_in_the_middle_is_worth_another_try(
    postgres: Postgres, place: URL
) -> None:
    query = "SELECT i AS id FROM generate_series(1, 1000000) AS i"
    reading = source(place, query=query).read(None, None)
    next(reading)
    postgres.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{place.database}'"
    )

    with pytest.raises(SourceError, match="driftd tries again") as caught:
        list(reading)

    assert not caught.value.permanent
    del reading, caught
    gc.collect()  # a cursor that is left open would say so


def test_a_server_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    nobody = make_url("postgresql://ann:secret@/db").update_query_dict(
        {"host": str(tmp_path)}
    )

    with pytest.raises(SourceError, match="driftd tries again") as caught:
        rows(source(nobody, table="x"))

    assert not caught.value.permanent
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("warehouse", "is no database URL that can be read"),
        ("oracel://ann:secret@db/x", "is no database URL that can be read"),
        ("mssql+pyodbc://ann:secret@db/x", "needs pyodbc.*Fix: pip install pyodbc"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_quoting_it(
    url: str, expected: str
) -> None:
    with pytest.raises(SourceError, match=expected) as caught:
        rows(source_of(url))

    assert caught.value.permanent
    assert "secret" not in str(caught.value)


def source_of(url: str) -> Source:
    section = Plugin(type="sql", options={"url": url, "table": "x"})
    return open_source(section, timestamp="t")


def test_a_server_is_named_without_who_reads_it() -> None:
    url = "postgresql://ann:secret@db.example:5433/warehouse"
    assert Server.of(url, Path()).name == "postgresql://db.example:5433/warehouse"


@pytest.mark.parametrize("written", ["03/01/2026 00:30", " 2026-03-01", "20260301"])
def test_texts_of_which_no_window_would_find_any_are_refused(
    written: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as base:
        base.execute("CREATE TABLE log (i integer, t text)")
        base.execute("INSERT INTO log VALUES (1, ?)", [written])
        base.commit()
    options = {"url": "sqlite:///log.db", "table": "log"}
    source = open_source(
        Plugin(type="sql", options=options, base=tmp_path), timestamp="t"
    )
    with pytest.raises(SourceError, match="is no time"):
        list(source.read(Window(START, START + HOUR), None))
