"""The shelf: baselines kept between one-off checks, named after what they are made of.

It may be emptied at any time, and a file on it that is damaged is made again.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from checks import codec
from checks.errors import ProfileError
from monitor.baseline import Baseline, keeps_stretches
from monitor.config import Model
from monitor.logs import logger
from monitor.versions import driftd_version

log = logger(__name__)

ROOM = 64
"""Baselines that it holds at most; the ones that were made first go first."""


def folder(env: Mapping[str, str]) -> Path:
    """Return where the shelf stands for a user.

    >>> folder({"XDG_CACHE_HOME": "/var/cache"}).as_posix()
    '/var/cache/driftd'
    """
    given = Path(env.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given / "driftd"
    return Path(env.get("HOME") or tempfile.gettempdir()) / ".cache" / "driftd"


def name_of(model: Model, length: timedelta, identity: str) -> str:
    """Return the name of a baseline: a digest of all that it depends on.

    `identity` is what tells the reference's data from any other.
    """
    parts: list[Any] = [
        driftd_version(),
        codec.VERSION,
        [(c.name, c.kind.value, c.role.value) for c in model.table],
        [model.task.value, repr(model.positive)],
        length.total_seconds(),
        identity,
        *([model.declared.to_list()] if model.segments is not None else []),
        *(["stretches"] if keeps_stretches(model) else []),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A folder of baselines, which several processes may use at once."""

    folder: Path

    def get(self, name: str) -> Baseline | None:
        """Return a baseline, or None when it is not there or cannot be used."""
        path = self._path(name)
        try:
            return Baseline.from_bytes(path.read_bytes())
        except OSError:
            return None
        except (ProfileError, KeyError, TypeError, ValueError) as error:
            log.warning("cached_baseline_damaged", file=str(path), cause=str(error))
            return None

    def put(self, name: str, baseline: Baseline) -> None:
        """Keep a baseline in one step; where nothing can be written, do without."""
        path = self._path(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as fresh:
                fresh.write(baseline.content)
            Path(fresh.name).replace(path)
        except OSError as error:
            log.info("baseline_not_cached", file=str(path), cause=str(error))
        else:
            self._make_room()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.baseline"

    def _make_room(self) -> None:
        """Let the oldest go."""
        with contextlib.suppress(OSError):
            kept = sorted(
                os.scandir(self.folder), key=lambda e: e.stat().st_mtime, reverse=True
            )
            for entry in kept[ROOM:]:
                Path(entry.path).unlink()


def remembered(
    shelf: Shelf | None, name: str | None, make: Callable[[], Baseline]
) -> Baseline:
    """Take a baseline from the shelf, or make it and keep it there."""
    if shelf is None or name is None:
        return make()
    found = shelf.get(name)
    if found is None:
        found = make()
        shelf.put(name, found)
    return found
