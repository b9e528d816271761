"""What Prometheus reads: one table of metrics, filled from the last committed state."""

from monitor.metrics.collector import Collector, registry
from monitor.metrics.snapshot import (
    Daemon,
    Figure,
    LabelFigure,
    Sent,
    Snapshot,
    Standing,
)
from monitor.metrics.table import METRICS, Metric, Sort

__all__ = [
    "METRICS",
    "Collector",
    "Daemon",
    "Figure",
    "LabelFigure",
    "Metric",
    "Sent",
    "Snapshot",
    "Sort",
    "Standing",
    "registry",
]
