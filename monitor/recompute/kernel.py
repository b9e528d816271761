"""What is asked of the Linux kernel about processes; elsewhere nothing is done."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_DEATH_SIGNAL, _DUMPABLE, _BOUNDING_DROP = 1, 4, 24
_SUBREAPER, _NO_NEW_PRIVILEGES = 36, 38
_KEPT = 0b110
"""Capabilities that code keeps where it has any: to read what others own (DAC)."""
_LAST = 63
_VERSION = 0x20080522


def _libc() -> ctypes.CDLL | None:
    with suppress(OSError):
        found = ctypes.CDLL(None, use_errno=True)
        return found if hasattr(found, "prctl") else None
    return None


_LIBC = _libc()


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        zeros = (ctypes.c_ulong(0) for _ in range(3))
        _LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *zeros)


def closed() -> None:
    """Let no other process of our user read our memory, environment or open files."""
    _prctl(_DUMPABLE, 0)


def adopts() -> None:
    """Become the parent of whatever our descendants leave behind."""
    _prctl(_SUBREAPER, 1)


def dies_with_parent(sent: signal.Signals) -> None:
    """Be sent a signal when the parent is gone, also by kill -9."""
    _prctl(_DEATH_SIGNAL, sent)


def unprivileged() -> None:
    """Give up every privilege but that to read files, and never get one back."""
    _prctl(_NO_NEW_PRIVILEGES, 1)
    if _LIBC is None or not hasattr(_LIBC, "capset"):
        return
    for capability in range(_LAST + 1):
        if not _KEPT >> capability & 1:
            _prctl(_BOUNDING_DROP, capability)
    head = (ctypes.c_uint32 * 2)(_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    if _LIBC.capget(head, sets) == 0:
        kept = [word & _KEPT for word in sets[:3]]
        _LIBC.capset(head, (ctypes.c_uint32 * 6)(*kept, 0, 0, 0))


def children(of: int) -> Iterator[int]:
    """Name the processes whose parent is the one asked for."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            # The name may hold blanks and brackets: what follows the last one counts.
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if int(parent) == of:
                yield int(stat.parent.name)


def end_children() -> None:
    """Kill every child, and what they leave to us, until none is left."""
    while True:
        for child in children(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
