"""The metrics: what one scrape tells of a state, and how much it tells at most."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from checks.verdict import Family, Status, Verdict
from monitor.errors import StoreError
from monitor.incident import State
from monitor.metrics import (
    METRICS,
    Collector,
    Daemon,
    Figure,
    LabelFigure,
    Metric,
    Sent,
    Snapshot,
    Sort,
    Standing,
    registry,
)
from monitor.metrics.worst import Measured, worst
from monitor.retraining import State as Retraining
from monitor.window import Window
from tests.monitor.examples import statistic, verdict

NOW = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
DAEMON = Daemon(version="0.1.0", config_hash="c0ffee", config_read=NOW, ticked=NOW)

LABELS = {metric.name: metric.labels for metric in METRICS}

Series = dict[tuple[str, ...], float]


def scraped(snapshot: Snapshot, daemon: Daemon = DAEMON) -> dict[str, Series]:
    """Return the samples of a scrape by metric, each by the table's labels."""
    told = generate_latest(registry(Collector(lambda: snapshot, lambda: daemon)))
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(told.decode()):
        for sample in family.samples:
            if sample.name in LABELS:
                key = tuple(sample.labels[name] for name in LABELS[sample.name])
                found.setdefault(sample.name, {})[key] = sample.value
    return found


def standing(*verdicts: Verdict, model: str = "flights") -> Standing:
    return Standing(
        model=model,
        monitor="daily",
        windows={Status.FAIL: 2},
        window=Window(NOW - 2 * DAY, NOW - DAY),
        rows=912,
        verdicts=verdicts,
        succeeded=NOW - DAY,
        lag_limit=timedelta(hours=26),
    )


def failing(column: str, value: float, status: Status = Status.FAIL) -> Verdict:
    return verdict(status, column=column, found=statistic(value, value, value))


# ── the table ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_keeps_to_the_naming_rules(metric: Metric) -> None:
    assert metric.name.startswith("driftd_")
    assert metric.name.endswith("_total") is (metric.sort is Sort.COUNTER)
    assert metric.name.endswith("_info") is (metric.sort is Sort.INFO)
    assert metric.help.endswith(".")
    assert not {"model", "monitor", "column"} & set(metric.name.split("_"))


def test_no_two_metrics_share_a_name_or_a_family() -> None:
    assert len(METRICS) == len({metric.name for metric in METRICS})
    assert len(METRICS) == len({metric.family for metric in METRICS})


# ── one scrape ───────────────────────────────────────────────────────────────────


def test_a_monitor_tells_its_windows_its_lag_and_its_verdicts() -> None:
    told = scraped(Snapshot(now=NOW, standings=(standing(failing("temp", 0.5)),)))
    assert {
        ("flights", "daily", "FAIL"): 2,
        ("flights", "daily", "PASS"): 0,
    } == told["driftd_windows_evaluated_total"]
    key = ("flights", "daily")
    assert {key: DAY.total_seconds()} == told["driftd_window_lag_seconds"]
    assert {key: 26 * 3600} == told["driftd_window_lag_limit_seconds"]
    assert {key: 912} == told["driftd_window_rows"]
    last = told["driftd_last_success_timestamp_seconds"]
    assert {key: (NOW - DAY).timestamp()} == last
    assert {("flights", "daily", "drift", "FAIL"): 1} == told["driftd_verdicts"]
    series = ("flights", "daily", "wasserstein", "temp")
    assert {series: 0.5} == told["driftd_statistic"]
    assert {series: 0.2} == told["driftd_threshold"]


def test_a_monitor_that_never_evaluated_is_seen_and_says_nothing_else() -> None:
    told = scraped(Snapshot(now=NOW, standings=(Standing(model="m", monitor="d"),)))
    assert {("m", "d", "PASS"): 0} == told["driftd_windows_evaluated_total"]
    assert "driftd_window_lag_seconds" not in told
    assert "driftd_last_success_timestamp_seconds" not in told


def test_what_was_not_measured_and_what_is_of_a_segment_is_no_series() -> None:
    silent = verdict(Status.UNKNOWN, cause="no rows", threshold=None)
    part = verdict(segment="JFK", found=statistic())
    told = scraped(Snapshot(now=NOW, standings=(standing(silent, part),)))
    assert "driftd_statistic" not in told
    assert 1 == told["driftd_verdicts"]["flights", "daily", "drift", "UNKNOWN"]


def test_incidents_deliveries_and_retrainings_are_counted() -> None:
    told = scraped(
        Snapshot(
            now=NOW,
            incidents={
                ("flights", Family.DRIFT, State.FIRING): 3,
                ("flights", Family.DRIFT, State.RESOLVED): 9,
            },
            deliveries={("team", "delivered"): 5, ("team", "dead"): 1},
            queue={"team": 2},
            dead_letters={"team": 1},
            oldest_queued=NOW - DAY,
            judged={("flights", "noise"): 2},
            retrainings={
                ("flights", Retraining.PROMOTED): 2,
                ("flights", Retraining.REFUSED): 4,
            },
        )
    )
    assert {("flights", "drift", "firing"): 3} == told["driftd_incidents"]
    assert 5 == told["driftd_deliveries_total"]["team", "delivered"]
    assert {("team",): 2} == told["driftd_delivery_queue"]
    assert {("team",): 1} == told["driftd_dead_letters_total"]
    assert {("flights",): 2} == told["driftd_retraining_requests_total"]
    assert 4 == told["driftd_retrainings"]["flights", "refused"]
    assert 2 == told["driftd_incidents_judged"]["flights", "noise"]


def test_how_far_labels_have_come_is_told_of_windows_and_of_a_model() -> None:
    told = scraped(
        Snapshot(
            now=NOW,
            maturity={"flights": 0.96},
            labels=(
                LabelFigure(model="m", monitor="daily", coverage=0.4, maturity=0.5),
                LabelFigure(model="n", monitor="daily", coverage=0.2),
                LabelFigure(model="m", delays={0.5: 60.0, 0.99: 900.0}, newest=NOW),
            ),
        )
    )
    assert {("flights",): 0.96} == told["driftd_label_maturity_ratio"]
    coverage = told["driftd_window_label_coverage_ratio"]
    assert {("m", "daily"): 0.4, ("n", "daily"): 0.2} == coverage
    assert {("m", "daily"): 0.5} == told["driftd_window_label_maturity_ratio"]
    delays = {("m", "0.5"): 60.0, ("m", "0.99"): 900.0}
    assert delays == told["driftd_label_delay_seconds"]
    newest = told["driftd_label_newest_timestamp_seconds"]
    assert {("m",): NOW.timestamp()} == newest


def test_performance_is_told_with_its_interval_where_there_is_one() -> None:
    told = scraped(
        Snapshot(
            now=NOW,
            coverage={"flights": 0.96},
            figures=(
                Figure(model="flights", metric="auc", value=0.7, low=0.68, high=0.72),
                Figure(model="flights", metric="f1", value=0.4),
            ),
        )
    )
    assert {("flights",): 0.96} == told["driftd_label_coverage_ratio"]
    assert 0.7 == told["driftd_performance"]["flights", "auc"]
    assert {("flights", "auc"): 0.68} == told["driftd_performance_low"]
    assert {("flights", "auc"): 0.72} == told["driftd_performance_high"]


def test_a_daemon_tells_of_itself_even_without_its_store() -> None:
    def gone() -> Snapshot:
        message = "driftd.db: disk I/O error"
        raise StoreError(message)

    own = registry(Collector(gone, lambda: DAEMON, stopwatch=iter((1.0, 1.5)).__next__))
    told = generate_latest(own).decode()
    assert "driftd_store_up 0.0" in told
    assert 'driftd_config_info{hash="c0ffee"} 1.0' in told
    assert "driftd_scrape_seconds 0.5" in told
    assert "driftd_scheduler_last_tick_timestamp_seconds 1.7731098e+09" in told


def test_every_metric_of_the_table_is_told_by_a_full_state() -> None:
    whole = verdict(
        check="completeness", column=None, found=statistic(0.03, at_current=0.97)
    )
    told = scraped(
        Snapshot(
            now=NOW,
            standings=(standing(whole, *(failing(f"x{i}", i) for i in range(30))),),
            incidents={("flights", Family.DRIFT, State.FIRING): 1},
            deliveries={("team", "delivered"): 1},
            queue={"team": 0},
            oldest_queued=NOW,
            dead_letters={"team": 0},
            judged={("flights", "real"): 1},
            retrainings={("flights", Retraining.REQUESTED): 1},
            coverage={"flights": 1.0},
            maturity={"flights": 0.9},
            labels=(
                LabelFigure(model="m", monitor="daily", coverage=0.4, maturity=0.5),
                LabelFigure(model="m", delays={0.5: 60.0}, newest=NOW),
            ),
            figures=(Figure(model="m", metric="f1", value=0.4, low=0.3, high=0.5),),
        ),
        Daemon(
            version="0",
            config_hash="",
            config_read=NOW,
            ticked=NOW,
            reports={"drawn": 1},
            sent=(
                Sent(
                    model="m",
                    table="predictions",
                    rejected={"id": 1},
                    unanswered={"response": 1},
                ),
            ),
        ),
    )
    assert [] == [metric.name for metric in METRICS if metric.name not in told]


# ── how much ─────────────────────────────────────────────────────────────────────


def measured(model: str, *values: float) -> list[Measured]:
    return [
        Measured(model=model, monitor="daily", verdict=failing(f"x{n:03}", value))
        for n, value in enumerate(values)
    ]


def test_the_columns_farthest_above_their_threshold_are_told() -> None:
    chosen, left_out = worst(measured("m", 0.1, 0.9, 0.5), of_a_model=2)
    assert [0.9, 0.5] == [one.value for one in chosen]
    assert {"m": 1} == left_out


def test_a_failed_column_is_told_before_a_larger_one_that_passed() -> None:
    passed = Measured(
        model="m", monitor="d", verdict=failing("a", 9.0, status=Status.PASS)
    )
    chosen, _ = worst([passed, *measured("m", 0.3)], of_a_model=1)
    assert [0.3] == [one.value for one in chosen]


def test_a_model_in_deep_trouble_does_not_hide_the_others() -> None:
    deep, slight = measured("deep", *range(10, 60)), measured("slight", 0.3, 0.2)
    chosen, left_out = worst([*deep, *slight], of_a_model=20, in_all=3)
    assert ["deep", "slight", "deep"] == [one.model for one in chosen]
    assert {"deep": 48, "slight": 1} == left_out


def test_a_thousand_wide_models_stay_one_scrape() -> None:
    columns = [failing(f"x{i}", i / 100) for i in range(20)]
    standings = tuple(standing(*columns, model=f"m{i}") for i in range(1_000))
    told = scraped(Snapshot(now=NOW, standings=standings))
    assert 1_000 == len(told["driftd_statistic"])
    assert sum(map(len, told.values())) < 10_500
