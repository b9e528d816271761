"""The quarantine of a table: rows that were sent and not taken, each with the reason.

One file of JSON lines a day, of bounded size; what no longer fits is counted. What must
not be told of a row is hidden in it as well, and a row that cannot be taken apart is
left out where anything of it might have to be hidden.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from monitor.ingest.rows import Reject
from monitor.logs import logger
from monitor.window import rfc3339

log = logger(__name__)

LARGEST = 64 << 20
"""Bytes of a day's file at most."""
LONGEST = 4096
"""Bytes of a row that are kept."""

Shown = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns of a row what may be kept."""


class Rejected:
    """A folder of rejected rows; any thread may add to it."""

    def __init__(self, folder: Path, shown: Shown | None) -> None:
        """Keep rows as they came where `shown` is None."""
        self._folder = folder
        self._shown = shown
        self._lock = threading.Lock()

    def add(self, rejects: Iterable[Reject], received: datetime) -> None:
        """Write rejects down; where the disk is full they are counted only."""
        lines = b"".join(self._line(one, received) for one in rejects)
        path = self._folder / f"{received:%Y-%m-%d}.jsonl"
        try:
            with self._lock:
                self._folder.mkdir(parents=True, exist_ok=True)
                with path.open("ab") as file:
                    if file.tell() + len(lines) <= LARGEST:
                        file.write(lines)
        except OSError as error:
            log.warning("rejects_not_written", folder=str(path), cause=str(error))

    def last(self, count: int) -> list[dict[str, Any]]:
        """Return the newest rejects, the newest first; raises OSError."""
        found: deque[dict[str, Any]] = deque(maxlen=count)
        for path in sorted(self._folder.glob("*.jsonl"), reverse=True):
            with path.open("rb") as file:
                lines = deque(file, maxlen=count - len(found))
            for line in reversed(lines):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue  # a crash tore the line
            if len(found) >= count:
                break
        return list(found)

    def _line(self, one: Reject, received: datetime) -> bytes:
        told = {
            "received": rfc3339(received),
            "row": one.place,
            "why": one.why.value,
            "reason": one.reason,
            "value": self._value(one.row),
            "bytes": len(one.row),
        }
        return msgspec.json.encode(told) + b"\n"

    def _value(self, row: bytes) -> Any:  # noqa: ANN401 - any JSON value
        if self._shown is None:
            return row[:LONGEST].decode("utf-8", "replace")
        try:
            value = msgspec.json.decode(row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        shown = msgspec.json.encode(self._shown(value))
        return shown[:LONGEST].decode("utf-8", "replace")
