"""Every metric there is: the collector, the docs and the dashboard read this list.

Names follow Prometheus' rules: base units, `_total` on counters and on nothing else,
points in time rather than ages. The one age here, a window's lag, is on the clock that
the daemon runs by, which in a replay is not Prometheus' own.
"""

from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """How a metric moves."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, under the name that a query uses."""

    name: str
    sort: Sort
    help: str
    labels: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The name without the ending that its sort adds to each sample."""
        ending = {Sort.COUNTER: "_total", Sort.INFO: "_info"}.get(self.sort, "")
        return self.name.removesuffix(ending)


def _gauge(name: str, told: str, *labels: str) -> Metric:
    """Return a metric that goes up and down."""
    return Metric(name=name, sort=Sort.GAUGE, help=told, labels=labels)


def _counter(name: str, told: str, *labels: str) -> Metric:
    """Return a metric that only goes up."""
    return Metric(name=name, sort=Sort.COUNTER, help=told, labels=labels)


def _info(name: str, told: str, *labels: str) -> Metric:
    """Return a metric that is 1, with what it says in its labels."""
    return Metric(name=name, sort=Sort.INFO, help=told, labels=labels)


METRICS: tuple[Metric, ...] = (
    # ── the daemon ──
    _info("driftd_build_info", "The driftd that is running.", "version", "python"),
    _info("driftd_config_info", "The digest of the configuration in use.", "hash"),
    _gauge(
        "driftd_config_last_reload_successful",
        "Whether the configuration was good when it was last read (1) or not (0).",
    ),
    _gauge(
        "driftd_config_last_reload_success_timestamp_seconds",
        "When the configuration in use was read.",
    ),
    _gauge(
        "driftd_scheduler_last_tick_timestamp_seconds",
        "When the scheduler last looked for due windows: the dead man's switch.",
    ),
    _gauge(
        "driftd_store_up",
        "Whether the store answered this scrape (1) or not (0); without it only the"
        " daemon's own metrics are here.",
    ),
    _gauge("driftd_scrape_seconds", "How long it took to answer this scrape."),
    # ── rows that are sent ──
    _counter(
        "driftd_ingest_rows_total",
        "Rows that were sent, taken and made durable, sent again or not.",
        *("model", "table"),
    ),
    _counter(
        "driftd_ingest_repeated_rows_total",
        "Rows that were sent again and landed once, counted when they land.",
        *("model", "table"),
    ),
    _counter(
        "driftd_ingest_not_kept_rows_total",
        "Rows that were taken and counted, and that sampling has left out.",
        *("model", "table"),
    ),
    _counter(
        "driftd_ingest_unanswered_calls_total",
        "Calls of an inference logger of which one half never came, by that half.",
        *("model", "missing"),
    ),
    _counter(
        "driftd_ingest_rejected_rows_total",
        "Rows that were sent and are in quarantine, by what is wrong with them.",
        *("model", "reason"),
    ),
    _gauge(
        "driftd_ingest_backlog_bytes",
        "Bytes of full logs that have not landed as Parquet yet.",
        *("model", "table"),
    ),
    # ── windows ──
    _counter(
        "driftd_windows_evaluated_total",
        "Windows evaluated, by the worst verdict in each.",
        *("model", "monitor", "status"),
    ),
    _gauge(
        "driftd_window_lag_seconds",
        "Time from the end of the last evaluated window until now.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_window_lag_limit_seconds",
        "The lag of a monitor that keeps up is below this: its schedule and its delay.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_last_success_timestamp_seconds",
        "When a window was last evaluated with an answer other than UNKNOWN.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_window_rows",
        "Rows in the last evaluated window.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_capture_completeness_ratio",
        "Share of the requests in the last evaluated window that reached the log.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_verdicts",
        "Verdicts on the last evaluated window; a status that none has is left out.",
        *("model", "monitor", "family", "status"),
    ),
    _gauge(
        "driftd_statistic",
        "What a check measured on the last window, for a model's worst columns only;"
        " the column is empty where a check looks at the whole table.",
        *("model", "monitor", "check", "column"),
    ),
    _gauge(
        "driftd_threshold",
        "What the statistic of the same labels is compared with.",
        *("model", "monitor", "check", "column"),
    ),
    _gauge(
        "driftd_statistics_left_out",
        "Statistics of the last windows that are in the store but not here.",
        "model",
    ),
    # ── incidents and their consequences ──
    _gauge(
        "driftd_incidents",
        "Open incidents; a state that none is in is left out.",
        *("model", "family", "state"),
    ),
    _counter(
        "driftd_deliveries_total",
        "Deliveries that have come to an end.",
        *("action", "outcome"),
    ),
    _gauge("driftd_delivery_queue", "Deliveries that are still to be made.", "action"),
    _gauge(
        "driftd_delivery_queue_oldest_timestamp_seconds",
        "When the oldest delivery that is still to be made was put into the queue.",
    ),
    _counter("driftd_dead_letters_total", "Deliveries given up.", "action"),
    _gauge(
        "driftd_incidents_judged",
        "Incidents that somebody has looked at, by what they were: real, noise, or "
        "expected.",
        *("model", "judgement"),
    ),
    _gauge(
        "driftd_retrainings",
        "Retrainings, by how far they have come.",
        *("model", "state"),
    ),
    _counter(
        "driftd_retraining_requests_total",
        "Retrainings that were asked for.",
        "model",
    ),
    # ── performance with labels ──
    _gauge(
        "driftd_label_coverage_ratio",
        "Share of the predictions of the last evaluation whose labels have come.",
        "model",
    ),
    _gauge(
        "driftd_label_maturity_ratio",
        "Share of the labels of the last evaluation that had come, of those that will.",
        "model",
    ),
    _gauge(
        "driftd_window_label_coverage_ratio",
        "Share of the last window's predictions whose labels had come by then.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_window_label_maturity_ratio",
        "Share of the last window's labels that had come by then, of those that will.",
        *("model", "monitor"),
    ),
    _gauge(
        "driftd_label_delay_seconds",
        "How long labels take, as it was learned last: by the share that has come.",
        *("model", "share"),
    ),
    _gauge(
        "driftd_label_newest_timestamp_seconds",
        "When the newest label came, as it was seen last.",
        "model",
    ),
    _gauge(
        "driftd_performance",
        "Performance in the last evaluation.",
        *("model", "metric"),
    ),
    _gauge(
        "driftd_performance_low",
        "Lower end of the 95 % interval of the performance.",
        *("model", "metric"),
    ),
    _gauge(
        "driftd_performance_high",
        "Upper end of the 95 % interval of the performance.",
        *("model", "metric"),
    ),
    # ── reports ──
    _counter(
        "driftd_reports_total",
        "Reports drawn or not, since the daemon started.",
        "outcome",
    ),
)
