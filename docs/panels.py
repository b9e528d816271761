"""The panels of Grafana's dashboard: what each asks Prometheus, and how it shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

WIDE = 24
"""Columns of Grafana's grid."""

JOB = 'job=~"$job"'
MODEL = f'{JOB}, model=~"$model"'
METRIC = f'{MODEL}, metric="$metric"'


class Kind(StrEnum):
    """How a panel shows what it asks for."""

    STAT = "stat"
    LINES = "timeseries"
    TABLE = "table"
    BARS = "bargauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One expression and how its series are named."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel; `limits` are the values from which it turns yellow and red."""

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    height: int = 8
    limits: tuple[float | None, float | None] = (None, None)
    stacked: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[Mapping[str, Any], ...] = ()


def stat(title: str, expr: str, *, red: float | None = None, unit: str = "") -> Panel:
    """Return a panel of one number."""
    return Panel(
        title=title,
        kind=Kind.STAT,
        queries=(Query(expr=expr),),
        unit=unit or "short",
        width=4,
        height=4,
        limits=(None, red),
    )


def lines(
    title: str,
    *queries: tuple[str, str],
    **how: Any,  # noqa: ANN401 - a panel's own
) -> Panel:
    """Return a panel of lines over time."""
    asked = tuple(Query(expr=expr, legend=legend) for expr, legend in queries)
    return Panel(title=title, kind=Kind.LINES, queries=asked, **how)


def dashed(pattern: str) -> dict[str, Any]:
    """Return how the ends of an interval are drawn: thin and dashed."""
    style = {"fill": "dash", "dash": [4, 6]}
    return {
        "matcher": {"id": "byRegexp", "options": pattern},
        "properties": [
            {"id": "custom.lineStyle", "value": style},
            {"id": "custom.lineWidth", "value": 1},
        ],
    }


LATE = (
    f"driftd_window_lag_seconds{{{MODEL}}}"
    f" > driftd_window_lag_limit_seconds{{{MODEL}}} + 900"
)
EXCESS = f"driftd_statistic{{{MODEL}}} / (driftd_threshold{{{MODEL}}} > 0)"
FIRING = f'driftd_incidents{{{MODEL}, state="firing"}}'
WINDOWS = f"driftd_windows_evaluated_total{{{MODEL}}}"
DELIVERIES = f"driftd_deliveries_total{{{JOB}}}"
TICK = f"driftd_scheduler_last_tick_timestamp_seconds{{{JOB}}}"

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Fleet",
        (
            stat("Models watched", f"count(count by (model) ({WINDOWS}))"),
            stat(
                "Models in trouble",
                f"count(count by (model) ({FIRING})) or vector(0)",
                red=1,
            ),
            stat("Incidents firing", f"sum({FIRING}) or vector(0)", red=1),
            stat("Monitors late", f"count({LATE}) or vector(0)", red=1),
            stat(
                "Deliveries given up",
                f"sum(driftd_dead_letters_total{{{JOB}}}) or vector(0)",
                red=1,
            ),
            stat("Since the last tick", f"time() - min({TICK})", red=600, unit="s"),
            Panel(
                title="Models",
                kind=Kind.TABLE,
                queries=(
                    Query(expr=f"sum by (model) ({WINDOWS})"),
                    Query(expr=f"sum by (model) ({FIRING})"),
                    Query(expr=f"max by (model) ({EXCESS})"),
                    Query(
                        expr=f"max by (model) (driftd_window_lag_seconds{{{MODEL}}})"
                    ),
                    Query(
                        expr=f"max by (model) (driftd_label_coverage_ratio{{{MODEL}}})"
                    ),
                ),
                width=WIDE,
                columns={
                    "Value #A": "windows",
                    "Value #B": "incidents firing",
                    "Value #C": "worst statistic / threshold",
                    "Value #D": "lag",
                    "Value #E": "label coverage",
                },
            ),
        ),
    ),
    (
        "Incidents and verdicts",
        (
            lines(
                "Open incidents",
                (
                    f"sum by (family, state) (driftd_incidents{{{MODEL}}})",
                    "{{family}} {{state}}",
                ),
                stacked=True,
            ),
            lines(
                "Verdicts on the last windows",
                (f"sum by (status) (driftd_verdicts{{{MODEL}}})", "{{status}}"),
                stacked=True,
            ),
            lines(
                "Windows evaluated in a day",
                (f"sum by (status) (increase({WINDOWS}[1d]))", "{{status}}"),
            ),
        ),
    ),
    (
        "Windows",
        (
            lines(
                "Window lag",
                (f"driftd_window_lag_seconds{{{MODEL}}}", "{{model}} {{monitor}}"),
                unit="s",
                width=12,
            ),
            lines(
                "Rows in a window",
                (f"driftd_window_rows{{{MODEL}}}", "{{model}} {{monitor}}"),
                width=12,
            ),
        ),
    ),
    (
        "Columns",
        (
            lines(
                "Worst statistics, in multiples of their thresholds",
                (f"topk(10, {EXCESS})", "{{model}} {{column}} {{check}}"),
                limits=(None, 1),
                width=12,
                height=10,
            ),
            Panel(
                title="Statistic beside its threshold",
                kind=Kind.TABLE,
                queries=(
                    Query(expr=f"driftd_statistic{{{MODEL}}}"),
                    Query(expr=f"driftd_threshold{{{MODEL}}}"),
                ),
                width=12,
                height=10,
                columns={"Value #A": "statistic", "Value #B": "threshold"},
            ),
        ),
    ),
    (
        "Performance, where labels have come",
        (
            lines(
                "$metric with its 95 % interval",
                (f"driftd_performance{{{METRIC}}}", "{{model}}"),
                (f"driftd_performance_low{{{METRIC}}}", "{{model}} low"),
                (f"driftd_performance_high{{{METRIC}}}", "{{model}} high"),
                width=16,
                overrides=(dashed(".* (low|high)"),),
            ),
            Panel(
                title="Label coverage",
                kind=Kind.BARS,
                queries=(
                    Query(
                        expr=f"driftd_label_coverage_ratio{{{MODEL}}}",
                        legend="{{model}}",
                    ),
                ),
                unit="percentunit",
            ),
        ),
    ),
    (
        "What was done about it",
        (
            lines(
                "Deliveries in an hour",
                (
                    f"sum by (action, outcome) (increase({DELIVERIES}[1h]))",
                    "{{action}} {{outcome}}",
                ),
            ),
            lines(
                "Deliveries waiting",
                (f"driftd_delivery_queue{{{JOB}}}", "{{action}}"),
            ),
            lines(
                "Retrainings",
                (
                    f"sum by (model, state) (driftd_retrainings{{{MODEL}}})",
                    "{{model}} {{state}}",
                ),
                stacked=True,
            ),
        ),
    ),
    (
        "The daemon",
        (
            lines(
                "Time to answer a scrape",
                (f"driftd_scrape_seconds{{{JOB}}}", "{{instance}}"),
                unit="s",
            ),
            lines(
                "Memory",
                (f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),
                unit="bytes",
            ),
            lines(
                "Reports",
                (f"driftd_reports_total{{{JOB}}}", "{{outcome}}"),
            ),
        ),
    ),
)
