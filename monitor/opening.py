"""Opening what a config names: the config itself, and its sources."""

import os
from collections.abc import Mapping
from pathlib import Path

from monitor.actions.base import ACTIONS
from monitor.config import Config, Plugin, load, verify
from monitor.engines.base import Rows
from monitor.sources.base import SOURCES, open_source


def read_config(path: Path, env: Mapping[str, str] | None = None) -> Config:
    """Read a config and hold it to the plugins and checks there are.

    Raises ConfigErrors with everything that is wrong.
    """
    config = load(path, os.environ if env is None else env)
    verify(config, sources=SOURCES, actions=ACTIONS)
    return config


def source(section: Plugin, timestamp: str | None, version: str | None) -> Rows:
    """Open a source of the config; raises SourceError."""
    return open_source(section, timestamp=timestamp, version=version)
