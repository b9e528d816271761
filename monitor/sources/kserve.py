"""KServe's inference logger: requests and responses as CloudEvents, in JSON files."""

from pathlib import Path

from monitor.sources.base import SOURCES, Source
from monitor.sources.calls import CallOptions, CallRows


@SOURCES.register("kserve")
class KServeSource:
    """Rows that KServe's inference logger stored, or that its events were stored as."""

    class Options(CallOptions):
        """What a user may set."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        return CallRows(options, base=base, timestamp=timestamp)
