"""What is on a disk after the power has failed: a model of what POSIX promises.

Of a file there is what was in it when it was last synced, of a folder the names that
stood in it when the folder was. Whatever else was done may be there as well, or not.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

STEPS = ("write", "fsync", "fdatasync", "ftruncate", "replace", "unlink", "mkdir")
"""The calls before each of which the power may fail."""


class Disk:
    """A folder that is watched, and what of it is durable."""

    def __init__(self, root: Path, aside: Path) -> None:
        """Watch an empty folder; `aside` takes a link to each file that was synced."""
        self.root = root
        self._aside = aside
        self._names: dict[int, dict[str, int]] = {}
        self._contents: dict[int, bytes] = {}
        aside.mkdir()
        self._sync_names(root)

    def synced(self, descriptor: int) -> None:
        """Take a file or folder as durable as it is now."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not path.is_relative_to(self.root):
            return
        if path.is_dir():
            self._sync_names(path)
            return
        number = path.stat().st_ino
        self._contents[number] = path.read_bytes()
        held = self._aside / str(number)
        if not held.exists():  # so that no other file gets its number
            held.hardlink_to(path)

    def _sync_names(self, folder: Path) -> None:
        number = folder.stat().st_ino
        self._names[number] = {one.name: one.stat().st_ino for one in folder.iterdir()}

    def fail(self, to: Path, chance: Random | None) -> None:
        """Write what is there after a failure: the least, or anything that may be."""
        to.mkdir()
        self._fail(self.root, self.root.stat().st_ino, to, chance)

    def _fail(self, folder: Path, number: int, to: Path, chance: Random | None) -> None:
        there = {one.stat().st_ino: one for one in self.root.rglob("*")}
        there |= {int(one.name): one for one in self._aside.iterdir()}
        names = self._names.get(number, {})
        if chance is not None and folder.is_dir() and chance.random() < 0.5:
            names = {one.name: one.stat().st_ino for one in folder.iterdir()}
        for name, inner in names.items():
            found = there.get(inner)
            if found is not None and found.is_dir():
                (to / name).mkdir()
                self._fail(found, inner, to / name, chance)
                continue
            durable = self._contents.get(inner, b"")
            now = found.read_bytes() if found is not None else durable
            (to / name).write_bytes(_some(durable, now, chance))


def _some(durable: bytes, now: bytes, chance: Random | None) -> bytes:
    """Choose how much of what was written since has reached the disk."""
    if chance is None or not now.startswith(durable):
        return durable
    if chance.random() < 0.3:
        return durable + bytes(len(now) - len(durable))  # its length, and nothing in it
    return now[: chance.randint(len(durable), len(now))]


@contextmanager
def watched(
    disk: Disk, patch: pytest.MonkeyPatch, before: Callable[[], None]
) -> Iterator[None]:
    """Call `before` ahead of every step that changes the disk, and see its syncs.

    What `before` does itself is not watched. No sync is done: the model is what counts.
    """
    looking = False

    def stepping(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal looking
            syncs = name in {"fsync", "fdatasync"}
            if not looking:
                looking = True
                try:
                    before()
                finally:
                    looking = False
                if syncs:
                    disk.synced(arguments[0])
            return None if syncs else real(*arguments, **named)

        return step

    with patch.context() as now:
        for name in STEPS:
            now.setattr(os, name, stepping(name, getattr(os, name)))
        yield


def cleared(path: Path) -> Path:
    """Return a path at which nothing is any more."""
    shutil.rmtree(path, ignore_errors=True)
    return path
