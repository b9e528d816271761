"""What a config says of labels: where they come from, and how long they take."""

from datetime import timedelta

from monitor.config.node import Node
from monitor.config.plugin import PluginSection
from monitor.config.scalars import Delay, Duration, duration


class Labels(Node):
    """Where the labels come from, and how long they take."""

    source: PluginSection
    delay: Delay = duration("0s")
    timestamp: str | None = None
    """The column that says when a label became known."""
    horizon: Duration | None = None
    """How far back predictions are looked at to learn how long labels take."""

    @property
    def looks_back(self) -> timedelta:
        """How far back predictions are looked at to learn how long labels take."""
        return self.horizon or max(timedelta(days=30), 4 * self.delay)
