"""The collector: reads the last committed state when it is scraped, and never before.

No metric lives between scrapes, so none can go stale, and what a restart forgets is
nothing: the counters are counts of rows.
"""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import Metric as Samples
from prometheus_client.registry import Collector as Source

from checks.verdict import Status
from monitor.errors import StoreError
from monitor.incident import SEARCHES
from monitor.logs import logger
from monitor.metrics.snapshot import Daemon, LabelFigure, Sent, Snapshot, Standing
from monitor.metrics.table import METRICS
from monitor.metrics.worst import Measured, worst

_log = logger(__name__)
_TABLE = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Page:
    """One scrape while it is being filled: the families of the table, in its order."""

    families: dict[str, Samples] = field(
        default_factory=lambda: {
            metric.name: Samples(metric.family, metric.help, metric.sort.value)
            for metric in METRICS
        }
    )

    def put(self, name: str, value: float, *labels: str) -> None:
        """Add one sample, its labels in the order of the table."""
        named = dict(zip(_TABLE[name].labels, labels, strict=True))
        self.families[name].add_sample(name, named, value)

    def at(self, name: str, moment: datetime | None, *labels: str) -> None:
        """Add a point in time; one that has not come adds nothing."""
        if moment is not None:
            self.put(name, moment.timestamp(), *labels)


class Collector(Source):
    """A Prometheus collector over `read`, which returns the last committed state."""

    def __init__(
        self,
        read: Callable[[], Snapshot],
        daemon: Callable[[], Daemon],
        *,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Keep the ways to the state; nothing is read before the first scrape."""
        self._read = read
        self._daemon = daemon
        self._stopwatch = stopwatch

    def describe(self) -> Iterable[Samples]:
        """Name the families without reading anything, for the registry's own check."""
        return Page().families.values()

    def collect(self) -> Iterable[Samples]:
        """Read the state and tell it; a store that is gone leaves the daemon's own."""
        started, page = self._stopwatch(), Page()
        _daemon(page, self._daemon())
        try:
            snapshot = self._read()
        except StoreError as error:
            _log.warning("scrape_without_store", cause=str(error))
            page.put("driftd_store_up", 0)
        else:
            page.put("driftd_store_up", 1)
            _state(page, snapshot)
        page.put("driftd_scrape_seconds", self._stopwatch() - started)
        return page.families.values()


_COMPLETENESS = "completeness"
"""The check that tells how much of the traffic reached the log."""


def registry(collector: Collector) -> CollectorRegistry:
    """Return a registry of its own: the collector, and the process's own figures."""
    own = CollectorRegistry(auto_describe=True)
    own.register(collector)
    ProcessCollector(registry=own)
    return own


def _daemon(page: Page, daemon: Daemon) -> None:
    """Tell what the process knows of itself."""
    page.put("driftd_build_info", 1, daemon.version, platform.python_version())
    page.put("driftd_config_info", 1, daemon.config_hash)
    page.put("driftd_config_last_reload_successful", float(daemon.config_good))
    read = "driftd_config_last_reload_success_timestamp_seconds"
    page.at(read, daemon.config_read)
    page.at("driftd_scheduler_last_tick_timestamp_seconds", daemon.ticked)
    for outcome, count in sorted(daemon.reports.items()):
        page.put("driftd_reports_total", count, outcome)
    _sent(page, daemon.sent)


def _sent(page: Page, tables: Iterable[Sent]) -> None:
    """Tell what became of the rows that were sent."""
    rejected: Counter[tuple[str, str]] = Counter()
    for sent in tables:
        labels = (sent.model, sent.table)
        page.put("driftd_ingest_rows_total", sent.accepted, *labels)
        page.put("driftd_ingest_repeated_rows_total", sent.repeated, *labels)
        page.put("driftd_ingest_not_kept_rows_total", sent.not_kept, *labels)
        page.put("driftd_ingest_backlog_bytes", sent.backlog, *labels)
        for half, count in sorted(sent.unanswered.items()):
            page.put("driftd_ingest_unanswered_calls_total", count, sent.model, half)
        rejected.update({(sent.model, why): n for why, n in sent.rejected.items()})
    for (model, why), count in sorted(rejected.items()):
        page.put("driftd_ingest_rejected_rows_total", count, model, why)


def _state(page: Page, snapshot: Snapshot) -> None:
    """Tell the last committed state."""
    for standing in snapshot.standings:
        _standing(page, standing, snapshot.now)
    _statistics(page, snapshot.standings)
    for (model, family, state), count in sorted(snapshot.incidents.items()):
        if state.open and count:
            page.put("driftd_incidents", count, model, family.value, state.value)
    for (model, judgement), count in sorted(snapshot.judged.items()):
        page.put("driftd_incidents_judged", count, model, judgement)
    _deliveries(page, snapshot)
    _retrainings(page, snapshot)
    for seen in snapshot.labels:
        _labels(page, seen)
    _evaluated(page, snapshot)


def _evaluated(page: Page, snapshot: Snapshot) -> None:
    """Tell what the last evaluations came to, and how far their labels have come."""
    for model, share in sorted(snapshot.coverage.items()):
        page.put("driftd_label_coverage_ratio", share, model)
    for model, share in sorted(snapshot.maturity.items()):
        page.put("driftd_label_maturity_ratio", share, model)
    for figure in snapshot.figures:
        labels = (figure.model, figure.metric)
        page.put("driftd_performance", figure.value, *labels)
        if figure.low is not None:
            page.put("driftd_performance_low", figure.low, *labels)
        if figure.high is not None:
            page.put("driftd_performance_high", figure.high, *labels)


def _labels(page: Page, seen: LabelFigure) -> None:
    """Tell how far the labels of a window have come, or how long a model's take."""
    for share, seconds in sorted(seen.delays.items()):
        page.put("driftd_label_delay_seconds", seconds, seen.model, f"{share:g}")
    page.at("driftd_label_newest_timestamp_seconds", seen.newest, seen.model)
    if seen.monitor is None:
        return
    labels = (seen.model, seen.monitor)
    if seen.coverage is not None:
        page.put("driftd_window_label_coverage_ratio", seen.coverage, *labels)
    if seen.maturity is not None:
        page.put("driftd_window_label_maturity_ratio", seen.maturity, *labels)


def _standing(page: Page, standing: Standing, now: datetime) -> None:
    """Tell where one monitor stands.

    A PASS count is always there, so that a monitor that never evaluated is seen.
    """
    labels = (standing.model, standing.monitor)
    for status in Status:
        count = standing.windows.get(status, 0)
        if count or status is Status.PASS:
            name = "driftd_windows_evaluated_total"
            page.put(name, count, *labels, status.value)
    if standing.lag_limit is not None:
        limit = standing.lag_limit.total_seconds()
        page.put("driftd_window_lag_limit_seconds", limit, *labels)
    page.at("driftd_last_success_timestamp_seconds", standing.succeeded, *labels)
    if standing.window is None:
        return
    lag = (now - standing.window.end).total_seconds()
    page.put("driftd_window_lag_seconds", lag, *labels)
    page.put("driftd_window_rows", standing.rows, *labels)
    for verdict in standing.verdicts:
        if verdict.check == _COMPLETENESS and verdict.statistic is not None:
            share = verdict.statistic.at_current or 0.0
            page.put("driftd_capture_completeness_ratio", share, *labels)
    verdicts = Counter((v.family.value, v.status.value) for v in standing.verdicts)
    for sort, count in sorted(verdicts.items()):
        page.put("driftd_verdicts", count, *labels, *sort)


def _statistics(page: Page, standings: Iterable[Standing]) -> None:
    """Tell the worst statistics, and how many more there are."""
    chosen, left_out = worst(
        Measured(model=standing.model, monitor=standing.monitor, verdict=verdict)
        for standing in standings
        for verdict in standing.verdicts
        if verdict.statistic is not None
        and (verdict.segment is None or verdict.check in SEARCHES)
    )
    for found in chosen:
        page.put("driftd_statistic", found.value, *found.labels)
        if found.verdict.threshold is not None:
            page.put("driftd_threshold", found.verdict.threshold, *found.labels)
    for model, count in sorted(left_out.items()):
        page.put("driftd_statistics_left_out", count, model)


def _deliveries(page: Page, snapshot: Snapshot) -> None:
    """Tell what was delivered, what waits, and what was given up."""
    for (action, outcome), count in sorted(snapshot.deliveries.items()):
        page.put("driftd_deliveries_total", count, action, outcome)
    for action, count in sorted(snapshot.queue.items()):
        page.put("driftd_delivery_queue", count, action)
    oldest = "driftd_delivery_queue_oldest_timestamp_seconds"
    page.at(oldest, snapshot.oldest_queued)
    for action, count in sorted(snapshot.dead_letters.items()):
        page.put("driftd_dead_letters_total", count, action)


def _retrainings(page: Page, snapshot: Snapshot) -> None:
    """Tell how far retrainings have come; a refused one was never asked for."""
    asked: Counter[str] = Counter()
    for (model, state), count in sorted(snapshot.retrainings.items()):
        page.put("driftd_retrainings", count, model, state.value)
        asked[model] += count if state.asked else 0
    for model, count in sorted(asked.items()):
        page.put("driftd_retraining_requests_total", count, model)
