"""The user's configuration: read, checked, and told with every mistake in it."""

from monitor.config.crossref import unscheduled
from monitor.config.load import load
from monitor.config.model import (
    CheckChoice,
    Checks,
    ColumnSection,
    Config,
    Evaluation,
    Labels,
    Model,
    Monitor,
    MonitorReference,
    Period,
    Recomputed,
    Replay,
    Sampling,
    Segments,
    Sequence,
    Server,
    Version,
)
from monitor.config.plugin import FED, Plugin, options_of
from monitor.config.scalars import Budget
from monitor.config.schema import json_schema
from monitor.config.verify import verify

__all__ = [
    "FED",
    "Budget",
    "CheckChoice",
    "Checks",
    "ColumnSection",
    "Config",
    "Evaluation",
    "Labels",
    "Model",
    "Monitor",
    "MonitorReference",
    "Period",
    "Plugin",
    "Recomputed",
    "Replay",
    "Sampling",
    "Segments",
    "Sequence",
    "Server",
    "Version",
    "json_schema",
    "load",
    "options_of",
    "unscheduled",
    "verify",
]
