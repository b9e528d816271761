"""Grafana's dashboard, made from the table of metrics; `generate.py` writes it.

A panel's help text is that of the metrics in its queries, and where it stands follows
from the order and the widths.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docs.panels import ROWS, WIDE, Kind, Panel
from monitor.metrics import METRICS

HELP = {metric.name: metric.help for metric in METRICS}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "driftd-overview",
        "title": "driftd",
        "description": "Models watched by driftd, made from its metrics.",
        "tags": ["driftd", "model monitoring"],
        "schemaVersion": 41,
        "version": 1,
        "id": None,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "timezone": "utc",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": list(variables())},
        "panels": list(panels()),
    }


def variables() -> Iterator[dict[str, Any]]:
    """Return what a reader chooses at the top."""
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "refresh": 1,
    }
    every = {"text": "All", "value": "$__all"}
    for name, metric, many in (
        ("job", "driftd_build_info", True),
        ("model", 'driftd_windows_evaluated_total{job=~"$job"}', True),
        ("metric", 'driftd_performance{job=~"$job", model=~"$model"}', False),
    ):
        query = f"label_values({metric}, {name})"
        yield {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": SOURCE,
            "definition": query,
            "query": {"query": query, "refId": name},
            "multi": many,
            "includeAll": many,
            "allValue": ".*" if many else None,
            "current": every if many else {},
            "refresh": 2,
            "sort": 1,
            "hide": 0,
        }


def panels() -> Iterator[dict[str, Any]]:
    """Return the panels with their places, each row of them under its title."""
    number, top = 1, 0
    for title, row in ROWS:
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": WIDE, "x": 0, "y": top},
        }
        number, top = number + 1, top + 1
        left = tallest = 0
        for panel in row:
            if left + panel.width > WIDE:
                left, top, tallest = 0, top + tallest, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            yield drawn(panel, number, place)
            number, left = number + 1, left + panel.width
            tallest = max(tallest, panel.height)
        top += tallest


def drawn(panel: Panel, number: int, place: Mapping[str, int]) -> dict[str, Any]:
    """Return one panel as Grafana reads it."""
    return {
        "id": number,
        "type": panel.kind.value,
        "title": panel.title,
        "description": told(query.expr for query in panel.queries),
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": panel.kind is not Kind.LINES,
                "range": panel.kind is Kind.LINES,
                "format": "table" if panel.kind is Kind.TABLE else "time_series",
            }
            for n, query in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": defaults(panel),
            "overrides": [*panel.overrides, *units(panel)],
        },
        "options": OPTIONS[panel.kind],
        "transformations": merged(panel) if panel.columns else [],
    }


OPTIONS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.STAT: {
        "colorMode": "value",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    Kind.LINES: {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm"},
    Kind.BARS: {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
}


def defaults(panel: Panel) -> dict[str, Any]:
    """Return a panel's unit, limits and lines."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    for colour, limit in zip(("yellow", "red"), panel.limits, strict=True):
        if limit is not None:
            steps.append({"color": colour, "value": limit})
    chosen: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.unit == "percentunit":
        chosen |= {"min": 0, "max": 1}
    if panel.kind is Kind.LINES:
        limited = any(limit is not None for limit in panel.limits)
        chosen["custom"] = {
            "drawStyle": "line",
            "lineInterpolation": "stepAfter",
            "lineWidth": 2,
            "fillOpacity": 20 if panel.stacked else 0,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if limited else "off"},
        }
    return chosen


def units(panel: Panel) -> Iterator[dict[str, Any]]:
    """Return the units of a table's columns that have one."""
    for column in panel.columns.values():
        unit = {"lag": "s", "label coverage": "percentunit"}.get(column)
        if unit:
            yield {
                "matcher": {"id": "byName", "options": column},
                "properties": [{"id": "unit", "value": unit}],
            }


def merged(panel: Panel) -> list[dict[str, Any]]:
    """Return how the answers to a table's queries become its columns."""
    hidden = ("Time", "__name__", "instance", "job")
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(hidden, True),
                "renameByName": dict(panel.columns),
            },
        },
    ]


def told(expressions: Iterable[str]) -> str:
    """Return the help of every metric in some expressions, each once.

    >>> told(["driftd_window_rows", "max(driftd_window_rows)"])
    'Rows in the last evaluated window.'
    """
    named = re.findall(r"driftd_\w+", " ".join(expressions))
    return "\n\n".join(HELP[name] for name in dict.fromkeys(named))


def page() -> str:
    """Write the dashboard as the file that Grafana is given."""
    return json.dumps(dashboard(), indent=2) + "\n"
