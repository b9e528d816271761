"""Rows that are refused, or dropped by their senders, are missing in the log."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from checks.traffic import DROPPED, MENDED, REJECTED, ROWS, UNANSWERED, Traffic
from checks.verdict import Status
from monitor.client import Client
from monitor.ingest.calls import PATIENCE
from monitor.ingest.feed import _keep
from monitor.window import Window
from tests.monitor.ingest.pushed import DAY, Pushed, row, serving
from tests.monitor.ingest.test_events import ask, binary, say
from tests.monitor.ingest.test_sampled import ARROW, PUSHED, counted, stream, verdicts
from tests.monitor.world import small

AT_NOON = Window(DAY.start + timedelta(hours=12), DAY.start + timedelta(hours=13))


def lost(pushed: Pushed, window: Window | None = DAY) -> tuple[int, int, int]:
    told = counted(pushed, window)
    return told.count(ROWS), told.count(REJECTED), told.count(MENDED)


def columns(told: list[dict[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist(told)
    at = table["at"].cast(pa.timestamp("us", "UTC"))
    return table.set_column(table.schema.get_field_index("at"), "at", at)


def sent(n: int, bad: int, **wrong: Any) -> list[dict[str, Any]]:
    return [row(i, **(wrong if i < bad else {})) for i in range(n)]


@pytest.mark.parametrize("form", ["arrow", "single"])
def test_a_producer_of_which_three_in_a_hundred_rows_are_malformed_shows_as_97(
    tmp_path: Path, form: str
) -> None:
    n = 100 if form == "single" else 1000
    told = sent(n, 3 * n // 100, plan="x" * 70_000 if form == "arrow" else [1])
    with serving(tmp_path) as pushed:
        if form == "arrow":
            pushed.post("predictions", stream(columns(told)), ARROW)
        else:
            for one in told:
                pushed.post("predictions", one)
        assert lost(pushed) == (n - 3 * n // 100, 3 * n // 100, 0)
    with small(tmp_path, today=DAY.start, model=PUSHED) as world:
        world.wait()
        found = verdicts(world)["completeness"]
    assert found.status is Status.FAIL
    assert found.statistic is not None
    assert found.statistic.at_current == pytest.approx(0.97)
    assert f"{3 * n // 100} of them refused or never sent" in found.statistic.detail


def test_a_refused_row_counts_in_its_own_hour_or_that_of_its_arrival(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as pushed:
        dated = row("a", amount="much", at="2026-03-02T03:15:00Z")
        pushed.post("predictions", [dated, row("b", at="last week"), row("c", at=None)])
        pushed.post("predictions", b'{"torn', "application/x-ndjson")
        three = Window(DAY.start + timedelta(hours=3), DAY.start + timedelta(hours=4))
        assert lost(pushed, three) == (0, 1, 0)
        assert lost(pushed, AT_NOON) == (1, 2, 0)


def test_a_refused_row_that_is_sent_again_counts_once(tmp_path: Path) -> None:
    nameless = [{"id": None, "amount": 1.0}] * 3
    with serving(tmp_path) as pushed:
        for _ in range(3):
            pushed.post("predictions", [row(1), row(2, plan=[1]), *nameless])
            told = columns([row(id="x"), row(id=""), row(id=None), row(id=None)])
            pushed.post("predictions", stream(told), ARROW)
            assert lost(pushed) == (2, 7, 0)


def test_a_row_that_was_refused_and_is_taken_later_is_not_lost(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        pushed.post("predictions", sent(10, 4, plan=[1]))
        pushed.post("predictions", sent(10, 1, plan=[1]))
        pushed.post("predictions", sent(10, 4, plan=[1]))
        told = counted(pushed)
        assert lost(pushed) == (9, 4, 3)
        assert told.astray == 1


def test_more_refused_rows_than_are_kept_are_counted_and_once(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        many = sent(20_000, 20_000, plan=[1])
        status, told = pushed.post("predictions", many)
        assert (status, told["rejected"]) == (422, 20_000)
        pushed.post("predictions", many)
        assert lost(pushed) == (0, 20_000, 0)
        kept = pushed.desk.intakes["churn", "predictions"]
        assert kept.tally.rejected() == {"value": 40_000}
        assert len(kept.rejected.last(5000)) == 2000


def test_pseudonyms_know_a_mended_row_as_well(tmp_path: Path) -> None:
    env = {"DRIFTD_PII_KEY": "0123456789abcdef0123456789abcdef"}
    hidden = {"key": "${DRIFTD_PII_KEY}"}
    declared = {
        "id": {"role": "id", "pii": True},
        "at": {"role": "timestamp"},
        "amount": {"kind": "numeric"},
        "score": {"role": "score"},
        "churned": {"role": "label", "kind": "boolean"},
    }
    with serving(tmp_path, env, model={"columns": declared}, privacy=hidden) as pushed:
        pushed.post("predictions", sent(4, 4, amount="much"))
        pushed.post("predictions", sent(4, 0))
        assert lost(pushed) == (4, 4, 4)


def test_a_call_of_which_one_half_or_both_are_malformed_is_lost_once(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as pushed:
        for call, asked, answered in (
            ("whole", ask([1.0, "basic"]), say(0.5)),
            ("first", {"what": 1}, say(0.5)),
            ("last", ask([1.0, "basic"]), {"what": 1}),
            ("both", {"what": 1}, {"what": 2}),
        ):
            binary(pushed, "request", call, asked)
            binary(pushed, "response", call, answered)
        pushed.clock.advance(PATIENCE + timedelta(seconds=1))
        pushed.desk.events["churn"].overdue()
        told = counted(pushed)
        assert told.count(ROWS) + told.astray == 4
        assert told.count(ROWS) - told.count(UNANSWERED) == 1


class Message:
    """A message of Kafka, as far as it is looked at."""

    def __init__(self, offset: int, value: bytes) -> None:
        self._offset, self._value = offset, value

    def value(self) -> bytes:
        return self._value

    def topic(self) -> str:
        return "scored"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


def test_refused_messages_of_kafka_are_known_by_their_place(tmp_path: Path) -> None:
    good = b'{"id":\r"m%d", "at": "2026-03-02T11:00:00Z"}'
    told: list[Any] = [
        Message(i, b"no row" if i % 2 else good % i) for i in range(3000)
    ]
    with serving(tmp_path) as pushed:
        intake = pushed.desk.intakes["churn", "predictions"]
        _keep(intake, told, bytes)
        _keep(intake, told[1000:], bytes)
        assert lost(pushed) == (1500, 1500, 0)
        assert intake.tally.totals()["accepted"] == 2500


# ── what senders drop ────────────────────────────────────────────────────────────────


def test_rows_that_a_client_drops_are_told_with_what_comes_next(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as pushed:
        pushed.clock.move_to(
            pushed.clock.now().fromtimestamp(time.time(), tz=DAY.start.tzinfo)
        )
        client = Client(pushed.url, model="churn", capacity=10, linger=5.0, batch=1000)
        for i in range(40):
            client.log({"id": f"p{i}", "amount": 1.0})
        client.log({"id": "bad", "amount": {1: object}, "plan": {(1,): 2}})
        assert client.flush(20.0)
        assert client.dropped == 32
        told = counted(pushed, None)
        assert (told.count(ROWS), told.count(DROPPED)) == (9, 32)
        client.close()


def test_a_report_of_dropped_rows_is_counted_once(tmp_path: Path) -> None:
    report: dict[str, Any] = {
        "report": "a",
        "dropped": [{"rows": 3, "at": "2026-03-02T11:10:00Z"}, {"rows": 4}],
    }
    with serving(tmp_path) as pushed:
        for _ in range(3):
            assert pushed.post("dropped", report) == (200, {"counted": 7})
        pushed.post("dropped", {**report, "report": "b"})
        assert counted(pushed).count(DROPPED) == 14
        assert counted(pushed, AT_NOON).count(DROPPED) == 8


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 422),
        (b"[]", 422),
        ({"report": "", "dropped": []}, 422),
        ({"report": "a", "dropped": [{"rows": -1}]}, 422),
        ({"report": "a", "dropped": [{"rows": 1e30}]}, 422),
        ({"report": "a", "dropped": [{"rows": 1, "at": "soon"}]}, 422),
        ({"report": "a", "dropped": [{"rows": 1, "at": 1e300}]}, 422),
        (
            {"report": "a", "dropped": [{"rows": 1, "at": "0001-01-01T00:00+23:00"}]},
            422,
        ),
    ],
)
def test_a_report_that_is_none_is_refused(
    tmp_path: Path, body: bytes | object, status: int
) -> None:
    with serving(tmp_path) as pushed:
        found, told = pushed.post("dropped", body)
        assert (found, sorted(told)) == (
            status,
            ["detail", "fix", "path", "status", "title", "type"],
        )
        assert counted(pushed) == Traffic()
