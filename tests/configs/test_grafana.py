"""The dashboard: as generated, whole, and with an answer to every question it asks."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from docs.dashboard import page
from docs.panels import WIDE
from monitor.metrics import METRICS
from monitor.server import Server, create
from monitor.shipped import configs
from tests.configs.prometheus_server import Prometheus, prometheus
from tests.monitor.server.filled import filled

FOLDER = configs() / "grafana"
FILES = sorted((FOLDER / "dashboards").glob("*.json"))
PROVISIONING = sorted((FOLDER / "provisioning").rglob("*.yaml"))
CHOSEN = {"$job": "driftd", "$model": ".*", "$metric": "roc_auc"}


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in FILES]


def panels() -> list[dict[str, Any]]:
    return [
        panel
        for told in dashboards()
        for panel in told["panels"]
        if panel["type"] != "row"
    ]


def expressions() -> list[tuple[str, str]]:
    """Return every panel's title with each expression, its variables chosen."""
    found = []
    for panel in panels():
        for target in panel["targets"]:
            expr = target["expr"]
            for variable, value in CHOSEN.items():
                expr = expr.replace(variable, value)
            found.append((panel["title"], expr))
    return found


def test_the_committed_dashboard_is_the_generated_one() -> None:
    assert page() == (FOLDER / "dashboards/driftd-overview.json").read_text()


def test_dashboards_can_be_provisioned_anywhere() -> None:
    uids = [told["uid"] for told in dashboards()]
    assert len(uids) == len(set(uids))
    for told in dashboards():
        assert told["id"] is None
        assert told["schemaVersion"] >= 39
        variables = {one["name"]: one for one in told["templating"]["list"]}
        assert "datasource" == variables["datasource"]["type"]
        sources = re.findall(r'"uid": "(.*?)"', json.dumps(told["panels"]))
        assert {"${datasource}"} == set(sources)


def test_panels_lie_side_by_side_and_none_on_another() -> None:
    for told in dashboards():
        ids = [panel["id"] for panel in told["panels"]]
        assert len(ids) == len(set(ids))
        taken: set[tuple[int, int]] = set()
        for panel in told["panels"]:
            at = panel["gridPos"]
            assert at["x"] + at["w"] <= WIDE
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


def test_panels_ask_only_for_metrics_that_there_are_and_explain_them() -> None:
    known = {metric.name for metric in METRICS}
    for title, expr in expressions():
        assert set(re.findall(r"\bdriftd_\w+", expr)) <= known, title
    assert [] == [
        panel["title"]
        for panel in panels()
        if not panel["description"] and "driftd_" in panel["targets"][0]["expr"]
    ]


def test_what_no_panel_shows_is_left_out_on_purpose() -> None:
    shown = " ".join(expr for _, expr in expressions())
    unseen = {metric.name for metric in METRICS if metric.name not in shown}
    assert {
        "driftd_build_info",
        "driftd_capture_completeness_ratio",
        "driftd_config_info",
        "driftd_config_last_reload_successful",
        "driftd_config_last_reload_success_timestamp_seconds",
        "driftd_label_delay_seconds",
        "driftd_label_maturity_ratio",
        "driftd_label_newest_timestamp_seconds",
        "driftd_window_label_coverage_ratio",
        "driftd_window_label_maturity_ratio",
        "driftd_delivery_queue_oldest_timestamp_seconds",
        "driftd_incidents_judged",
        "driftd_ingest_backlog_bytes",
        "driftd_ingest_not_kept_rows_total",
        "driftd_ingest_rejected_rows_total",
        "driftd_ingest_repeated_rows_total",
        "driftd_ingest_rows_total",
        "driftd_ingest_unanswered_calls_total",
        "driftd_last_success_timestamp_seconds",
        "driftd_retraining_requests_total",
        "driftd_statistics_left_out",
        "driftd_store_up",
    } == unseen


@pytest.mark.parametrize(
    "file",
    sorted((FOLDER / "provisioning").rglob("*.yaml")),
    ids=lambda file: file.name,
)
def test_provisioning_files_are_of_the_version_that_grafana_reads(file: Path) -> None:
    told = yaml.safe_load(file.read_text())
    assert 1 == told["apiVersion"]
    assert told.get("datasources") or told.get("providers")


# ── asked of a real Prometheus that scrapes a real server ────────────────────────


@pytest.fixture(scope="module")
def scraping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    now = datetime.now(UTC)
    with (
        filled(tmp_path_factory.mktemp("daemon"), now) as state,
        Server(create(state)) as server,
        prometheus(folder, server.url) as asked,
    ):
        asked.wait_for('count_over_time(driftd_store_up{job="driftd"}[1m]) > 2')
        yield asked


@pytest.mark.parametrize(
    ("title", "expr"), expressions(), ids=[title for title, _ in expressions()]
)
def test_every_panel_has_data(scraping: Prometheus, title: str, expr: str) -> None:
    assert scraping.ask(expr), title


def test_what_the_panels_say_is_what_the_store_holds(scraping: Prometheus) -> None:
    def value(expr: str) -> float:
        (series,) = scraping.ask(expr)
        return float(series["value"][1])

    assert 2 == value("count(count by (model) (driftd_windows_evaluated_total))")
    assert 3 == value('sum(driftd_incidents{state="firing"})')
    assert 0.71 == value('driftd_performance{metric="roc_auc"}')
    assert 7.1 == value('max(driftd_statistic{check="wasserstein"} / driftd_threshold)')
    assert 1 == value('driftd_deliveries_total{outcome="unknown"}')


def test_what_is_wrong_in_the_store_fires_as_an_alert(scraping: Prometheus) -> None:
    scraping.wait_for('ALERTS{alertname="DriftdRetrainingUnknown"}')
    scraping.wait_for('ALERTS{alertname="DriftdIncidentFiring", alertstate="firing"}')
    assert "DriftdIncidentFiring" in scraping.alerts()
    assert "DriftdDown" not in scraping.alerts()
