"""How far labels have come: learned, kept, told, and asked about when they stop."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.delays import Delays
from checks.outcomes import BinaryOutcomes
from checks.verdict import Status
from checks.weighed import Weighed
from monitor import recall
from monitor.arrival import Standing, curve_of, learn, usual
from monitor.config import Model
from monitor.cycle import Turn
from monitor.feeds import Feeds
from monitor.labels import LabelJoin, LatestLabels
from monitor.store import LEARNED, Arrival, Store
from monitor.window import Window
from tests.monitor.world import DAY, START, config, log, rows, small

NOW = START + 40 * DAY


def model(**labels: Any) -> Model:
    section = config()["models"]["churn"]
    section["labels"] |= labels
    return Model.model_validate(section)


class InBatches:
    """A source that gives its rows in small batches, in time or not."""

    def __init__(self, table: pa.Table, time: str, size: int = 1_000) -> None:
        self._table, self._time, self._size = table, time, size

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        assert window is not None
        at = self._table[self._time].to_pylist()
        inside = [t is not None and window.start <= t < window.end for t in at]
        found = self._table.filter(pa.array(inside, pa.bool_())).select(
            list(columns or ())
        )
        yield from found.to_batches(max_chunksize=self._size) or [
            pa.RecordBatch.from_pylist([], schema=found.schema)
        ]


def history(n: int, *, mean: float = 3.0, ever: float = 0.8) -> tuple[Any, Any]:
    """Return predictions of forty days, and the labels of some, at `mean` days."""
    rng = np.random.default_rng(0)
    start = np.datetime64(START.replace(tzinfo=None), "us")
    made = start + np.sort(rng.integers(0, 40 * 86_400, n)) * np.timedelta64(1, "s")
    took = rng.gamma(2.0, mean / 2, n) * 86_400
    ids = np.array([f"p{i}" for i in range(n)])
    come = np.flatnonzero(rng.random(n) < ever)
    utc = pa.timestamp("us", "UTC")
    predictions = pa.table({"id": ids, "at": pa.array(made, utc)})
    known = made[come] + (took[come] * 1e6).astype("timedelta64[us]")
    labels = pa.table(
        {
            "id": ids[come],
            "churned": rng.random(len(come)) < 0.5,
            "known_at": pa.array(known, utc),
        }
    )
    return predictions, labels.take(pa.array(rng.permutation(len(come))))


def feeds(predictions: pa.Table, labels: pa.Table) -> Feeds:
    return Feeds(
        predictions=InBatches(predictions, "at"), labels=InBatches(labels, "known_at")
    )


def test_delays_are_learned_from_the_last_weeks() -> None:
    found = learn(model(horizon="40d"), feeds(*history(20_000)), NOW)

    assert found is not None
    curve = found.delays.curve()
    assert curve.ever == pytest.approx(0.8, abs=0.02)
    assert curve.quantile(0.5) / 86_400 == pytest.approx(2.5, rel=0.1)
    assert found.newest is not None
    assert NOW - DAY < found.newest <= NOW


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 400))
def test_neither_order_nor_repetition_nor_batches_change_what_is_learned(
    chance: Any, size: int
) -> None:
    predictions, labels = history(300)
    section = model(horizon="40d")
    order = list(range(len(labels)))
    chance.shuffle(order)
    again = pa.concat_tables([labels.take(pa.array(order)), labels.slice(0, 50)])
    twice = pa.concat_tables([predictions, predictions.slice(0, 20)])

    one = learn(section, feeds(predictions, labels), NOW)
    other = learn(
        section,
        Feeds(
            predictions=InBatches(twice, "at", size),
            labels=InBatches(again, "known_at", size),
        ),
        NOW,
    )

    assert one is not None
    assert other is not None
    assert one.delays.to_bytes() == other.delays.to_bytes()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_no_label_of_later_is_learned_from(days: int, later: int) -> None:
    predictions, labels = history(300)
    now = START + days * DAY
    known = labels["known_at"].to_pylist()
    before = labels.filter(pa.array([at <= now for at in known]))
    section = model(horizon=f"{days + later + 1}d")

    all_of_them = learn(section, feeds(predictions, labels), now)
    so_far = learn(section, feeds(predictions, before), now)

    assert all_of_them is not None
    assert so_far is not None
    assert all_of_them.delays.to_bytes() == so_far.delays.to_bytes()


def test_of_very_many_predictions_some_are_kept_and_tell_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    predictions, labels = history(20_000)
    monkeypatch.setattr(recall, "KEPT", 4_000)

    found = learn(model(horizon="40d"), feeds(predictions, labels), NOW)

    assert found is not None
    assert found.delays.predictions == 4_000
    assert found.delays.curve().ever == pytest.approx(0.8, abs=0.04)


def test_labels_without_times_teach_nothing() -> None:
    section = model(timestamp=None)

    assert learn(section, feeds(*history(10)), NOW) is None


def joined(made: Sequence[int], labelled: int) -> LabelJoin:
    """Return a join of predictions so many days old, of which some have labels."""
    days = np.array(made, np.int64) * 86_400_000_000
    there = np.arange(len(days)) < labelled
    return LabelJoin(
        found={
            None: Weighed(outcomes=BinaryOutcomes(rows=len(days), labelled=labelled))
        },
        labels=LatestLabels(table=pa.table({})),
        orphans=0,
        repeated=0,
        without_id=0,
        delays=Delays.of(-days, -days, there, 0),
    )


def test_a_curve_tells_how_far_labels_have_come() -> None:
    learned = learn(model(horizon="40d"), feeds(*history(20_000)), NOW)
    assert learned is not None

    young = Standing.of(joined([2] * 100, 30), model(), learned.delays.curve())
    old = Standing.of(joined([30] * 100, 78), model(), learned.delays.curve())

    assert young.maturity == pytest.approx(0.39, abs=0.05)
    assert old.maturity == pytest.approx(1.0, abs=0.01)
    assert old.expected == pytest.approx(0.8, abs=0.02)
    assert ("labels", "labels") == (young.learned, old.learned)
    assert old.ripeness > old.coverage, "labels that never come are not waited for"


def test_before_anything_is_learned_the_configured_delay_tells() -> None:
    found = Standing.of(joined([1, 2, 5, 6], 1), model(delay="4d"), None)

    assert (0.5, "delay") == (found.maturity, found.learned)


def test_where_nobody_knows_coverage_is_all_there_is() -> None:
    found = Standing.of(joined([1, 2, 5, 6], 1), model(), None)

    assert (None, None) == (found.maturity, found.learned)
    assert 0.25 == found.ripeness


def test_what_takes_longer_than_was_seen_cannot_have_been_learned() -> None:
    learned = learn(model(horizon="3d"), feeds(*history(20_000)), NOW)
    assert learned is not None
    assert not learned.delays.curve().settled

    unknown = Standing.of(joined([5] * 10, 3), model(), learned.delays.curve())
    found = Standing.of(joined([5] * 10, 3), model(delay="10d"), learned.delays.curve())

    assert (0.0, "delay") == (found.maturity, found.learned)
    assert (None, None) == (unknown.maturity, unknown.expected)


def seen(day: int, labelled: int, hours: int = 1, monitor: str = "daily") -> Arrival:
    start = START + day * DAY
    return Arrival(
        model="churn",
        monitor=monitor,
        window=Window(start, start + DAY),
        as_of=start + DAY + timedelta(hours=hours),
        rows=100,
        labelled=labelled,
        content=Delays().to_bytes(),
    )


def test_windows_are_compared_with_others_of_their_age() -> None:
    window = Window(START + 9 * DAY, START + 10 * DAY)
    looks = [seen(1, 80), seen(2, 90), seen(3, 100, hours=24 * 6)]

    assert (0.8, 0.9) == usual(looks, window, window.end + timedelta(hours=1))


def test_the_store_keeps_every_look_and_overwrites_none(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/driftd.db") as store:
        kept = store.arrivals
        for look in (seen(1, 80), seen(2, 90), seen(1, 95, hours=9)):
            kept.keep(look)
        kept.keep(seen(1, 7))
        for day in (3, 5):
            kept.keep(seen(day, day, monitor=LEARNED))

        before = kept.before("churn", "daily", START + 9 * DAY, 10)
        assert [90, 80] == [look.labelled for look in before]
        assert seen(2, 90) == before[0]
        assert kept.before("churn", "hourly", START + 9 * DAY, 10) == []
        learned = kept.learned("churn", START + 5 * DAY)
        assert learned is not None
        assert 3 == learned.labelled
        assert kept.learned("churn", START) is None
        assert curve_of(learned) is None
        assert {("daily", 95), (LEARNED, 5)} == {
            (look.monitor, look.labelled) for look in kept.latest()
        }


def test_where_labels_take_longer_than_was_seen_more_is_looked_at_the_next_day(
    tmp_path: Path,
) -> None:
    with small(
        tmp_path, today=START + 50 * DAY, model={"evaluation": None, "recomputed": None}
    ) as world:
        kept = world.app.store.arrivals
        rng = np.random.default_rng(0)
        made = rng.integers(0, 30, 5_000) * 86_400_000_000
        known = made + rng.integers(0, 30, 5_000) * 86_400_000_000
        end = 30 * 86_400_000_000
        delays = Delays.of(made, known, known <= end, end)
        now = START + 50 * DAY
        last = Window(now - 31 * DAY, now - DAY)
        kept.keep(
            Arrival(
                model="churn",
                monitor=LEARNED,
                window=last,
                as_of=now - DAY,
                rows=1,
                labelled=1,
                content=delays.to_bytes(),
            )
        )
        world.pass_day()

        learned = kept.learned("churn", now + 2 * DAY)
        assert learned is not None
        assert 60 * DAY == learned.window.end - learned.window.start


def coverage(turns: list[Any]) -> list[tuple[Status, float | None]]:
    """Return what the check of coverage said of each window."""
    return [
        (v.status, v.statistic.value if v.statistic else None)
        for turn in turns
        if isinstance(turn, Turn) and turn.assessment
        for v in turn.assessment.verdicts
        if v.check == "label_coverage"
    ]


def test_labels_that_stop_coming_are_an_incident(tmp_path: Path) -> None:
    with small(tmp_path, model={"evaluation": None, "recomputed": None}) as world:
        for _ in range(6):
            turns = world.pass_day()
        assert [(Status.PASS, 0.0)] == coverage(turns)

        log(tmp_path, world.today, rows(world.today).drop_columns(["churned"]))
        labels = tmp_path / "labels" / f"date={world.today:%Y-%m-%d}" / "part.parquet"
        labels.unlink()
        turns = world.wait()

        assert [(Status.FAIL, 1.0)] == coverage(turns)
        told = turns[0].assessment.to_dict()["labels"]
        assert (400, 0, 0.0) == tuple(
            told[name] for name in ("predictions", "labelled", "coverage")
        )
        assert 1.0 == told["usual_coverage"]
        opened = world.app.store.open_incidents("churn")
        assert ["label_coverage"] == [i.key.check for i in opened]


def test_what_is_usual_is_asked_after_five_windows(tmp_path: Path) -> None:
    with small(tmp_path, model={"evaluation": None, "recomputed": None}) as world:
        said = [coverage(world.pass_day()) for _ in range(6)]

    assert [0, 0, 0, 0, 0, 1] == [len(one) for one in said]


def late(day: datetime) -> pa.Table:
    """Return a day's rows whose labels take three days, half of which never come."""
    table = rows(day)
    churned = [
        label if i % 2 else None for i, label in enumerate(table["churned"].to_pylist())
    ]
    at = pa.array([t + 3 * DAY for t in table["at"].to_pylist()], table["at"].type)
    table = table.set_column(
        table.column_names.index("churned"), "churned", pa.array(churned, pa.bool_())
    )
    return table.set_column(table.column_names.index("known_at"), "known_at", at)


def test_an_evaluation_waits_for_labels_that_will_come_and_for_no_others(
    tmp_path: Path,
) -> None:
    schedule = {"period": "week", "schedule": "0 0 * * *", "patience": "60d"}
    monday = START + DAY  # 2 March 2026
    with small(
        tmp_path,
        today=monday,
        model={"recomputed": None, "evaluation": {**schedule, "actions": []}},
    ) as world:
        evaluated: list[tuple[int, Any]] = []
        for day in range(12):
            log(tmp_path, world.today, late(world.today))
            world.wait()
            for found in world.app.store.evaluations("churn"):
                if found.period not in [one.period for _, one in evaluated]:
                    evaluated.append((day, found))

    (day, found) = evaluated[0]
    assert monday == found.period.start
    assert 9 <= day + 1 <= 10, "three days after the last of the week, and no later"
    labels = found.body["labels"]
    assert 0.4 < found.coverage <= 0.5
    assert labels["maturity"] > 0.9
    assert labels["maturity_from"] == "labels"
