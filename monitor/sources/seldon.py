"""Seldon Core's request logger: requests and responses as CloudEvents, in JSON files.

Each half has an id of its own; what they share is the id of the request.
"""

from pathlib import Path

from monitor.sources.base import SOURCES, Source
from monitor.sources.calls import CallOptions, CallRows


@SOURCES.register("seldon")
class SeldonSource:
    """Rows that the events of Seldon's request logger were stored as."""

    class Options(CallOptions):
        """What a user may set."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        return CallRows(options, base=base, timestamp=timestamp)
