"""The report: a real one, drawn by a real process, and all that may go wrong."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from checks.schema import Column, Kind, Role, Schema
from checks.verdict import Family, Reason, Status, Verdict
from monitor.report import Order, ReportDesk, ahead, place
from monitor.report.frame import MOST, frames
from monitor.report.order import read, write
from monitor.window import Window
from monitor.worker import environment, last_line

START = datetime(2013, 7, 1, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
ATTACK = "</script><script>document.title='taken'</script>"
SCHEMA = Schema.of(
    [
        Column(name="flight", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="scheduled", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        Column(name="temp", kind=Kind.NUMERIC),
        Column(name="rounded", kind=Kind.NUMERIC),
        Column(name="carrier", kind=Kind.CATEGORICAL),
        Column(name="late", kind=Kind.BOOLEAN, role=Role.PREDICTION),
        Column(name="planned", kind=Kind.DATETIME),
        Column(name="silent", kind=Kind.NUMERIC),
        Column(name="parts", kind=Kind.CATEGORICAL),
        Column(name="wind", kind=Kind.NUMERIC),
        Column(name="words", kind=Kind.NUMERIC),
        Column(name="huge", kind=Kind.NUMERIC),
    ]
)


def rows(shift: float, n: int = 400) -> pa.Table:
    rng = np.random.default_rng(7)
    temp = rng.normal(10 + shift, 5, n)
    temp[:3] = np.inf
    carriers = pa.array(rng.choice(["AA", "UA", ATTACK], n)).dictionary_encode()
    when = [START + timedelta(minutes=i) for i in range(n)]
    return pa.table(
        {
            "flight": [str(i) for i in range(n)],
            "scheduled": pa.array(when, pa.timestamp("us", "UTC")),
            "temp": temp,
            "rounded": pa.array(rng.integers(0, 9, n)),
            "carrier": carriers,
            "late": rng.random(n) < 0.2,
            "planned": pa.array(when, pa.timestamp("ns", "UTC")),
            "silent": pa.nulls(n, pa.float64()),
            "parts": [["a"]] * n,
            "words": ["many"] * n,
            "huge": pa.array(range(2**62, 2**62 + n)),
        }
    )


def order(current: pa.Table | None = None, window: Window = DAY) -> Order:
    return Order(
        model="flights-late",
        monitor="daily",
        model_version="1",
        window=window,
        schema=SCHEMA,
        reference=rows(0),
        current=rows(4) if current is None else current,
    )


def test_a_report_is_drawn_beside_the_daemon_and_one_that_cannot_be_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example/very-secret")
    desk = ReportDesk(tmp_path)
    empty = Window(DAY.end, DAY.end + timedelta(days=1))
    where = desk.submit(order())
    desk.submit(order(rows(0, 5).slice(0, 0), empty))
    assert where is not None
    assert not (tmp_path / where).exists()
    assert desk.drain(timeout=100)
    desk.close()
    assert {"drawn": 1, "failed": 1, "refused": 0} == desk.counts()
    assert [where.name] == [f.name for f in (tmp_path / where).parent.iterdir()]
    page = (tmp_path / where).read_text()
    assert "flights-late, daily, window 2013-07-01" in page
    left_out = re.findall(r"Left out: (.*?)</p>", page)[0]
    assert "silent (no values in the reference)" in left_out
    assert "parts (holds nested values in the reference)" in left_out
    assert "wind (not in the reference)" in left_out
    assert "words (" in left_out
    assert "huge (Too many bins" in left_out
    assert "flight (" not in left_out
    assert ATTACK not in page
    assert "default-src &#x27;none&#x27;" in page
    assert "temp" in page


def test_an_order_comes_back_from_its_folder_as_it_went_in(tmp_path: Path) -> None:
    sent = order()
    write(sent, tmp_path)
    got = read(tmp_path)
    assert sent.schema == got.schema
    assert sent.window == got.window
    assert sent.current.equals(got.current)
    assert sent.reference.equals(got.reference)
    assert {"order.json", "current.arrow", "reference.arrow"} == {
        file.name for file in tmp_path.iterdir()
    }
    json.loads((tmp_path / "order.json").read_text())


def test_the_process_is_told_no_secret_and_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example/very-secret")
    told = environment(tmp_path)
    assert "very-secret" not in str(told)
    assert "SLACK_WEBHOOK_URL" not in told
    assert "1" == told["DO_NOT_TRACK"]


def test_a_report_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    desk = ReportDesk(tmp_path, seconds=0.05)
    desk.submit(order())
    assert desk.drain(timeout=30)
    desk.close()
    assert {"drawn": 0, "failed": 1, "refused": 0} == desk.counts()
    assert [] == list(tmp_path.rglob("*.html"))


def test_too_many_orders_and_orders_after_the_end_are_refused(tmp_path: Path) -> None:
    desk = ReportDesk(tmp_path, waiting=0)
    assert desk.submit(order()) is None
    desk.close()
    assert desk.submit(order()) is None
    assert desk.drain(timeout=0)
    assert {"drawn": 0, "failed": 0, "refused": 2} == desk.counts()


def test_closing_the_desk_stops_the_process_that_draws(tmp_path: Path) -> None:
    desk = ReportDesk(tmp_path)
    desk.submit(order())
    desk.close()
    assert desk.drain(timeout=10)
    assert 0 == desk.counts()["drawn"]


def test_a_folder_that_cannot_be_written_is_a_failure_and_not_an_exception(
    tmp_path: Path,
) -> None:
    (tmp_path / "flights-late").write_text("in the way")
    (tmp_path / "drawn").write_text("a report")
    desk = ReportDesk(tmp_path)
    assert not desk._keep(order(), tmp_path, "")


def test_no_more_columns_are_drawn_than_a_page_can_show() -> None:
    names = [f"x{i}" for i in range(5)]
    schema = Schema.of(Column(name=name, kind=Kind.NUMERIC) for name in names)
    table = pa.table({name: [1.0, 2.0] for name in names})
    both = frames(schema, table, table, most=3)
    assert ["x0", "x1", "x2"] == list(both.kinds)
    assert "more than 3 columns" == both.left_out["x4"]


def test_a_report_lies_where_its_window_says() -> None:
    where = place("flights-late", "daily", DAY)
    assert "flights-late/daily/2013-07-01T000000Z.html" == str(where)


def test_what_a_process_said_last_is_its_cause() -> None:
    assert "ValueError: no rows" == last_line(
        b"Traceback\n  ...\nValueError: no rows\n"
    )
    assert "" == last_line(b"\n")


def test_columns_that_fail_are_drawn_before_the_first_ones() -> None:
    wide = Schema.of(
        Column(name=f"c{i:03}", kind=Kind.NUMERIC) for i in range(MOST + 20)
    )
    rng = np.random.default_rng(1)
    table = pa.table({column.name: rng.normal(size=5) for column in wide})
    base = Verdict(
        check="wasserstein",
        family=Family.DRIFT,
        column="c119",
        segment=None,
        status=Status.FAIL,
        reason=Reason.CERTAIN_AND_MATERIAL,
    )
    others = [replace(base, column=c.name, status=Status.PASS) for c in wide]
    warned = replace(base, column="c110", status=Status.WARN)

    schema = ahead(wide, [*others, warned, base])

    drawn = list(frames(schema, table, table).kinds)
    assert ["c119", "c110", "c000", "c001"] == drawn[:4]
    assert MOST == len(drawn)
    assert set(wide.names) == set(schema.names)
