"""The steps that a process takes on the disk: to stop at one of them, or to look on."""

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

STEPS = ("replace", "unlink", "mkdir", "fsync")


class Killed(BaseException):
    """The process ends here: nothing that it does from now on reaches the disk."""


@contextmanager
def watched(before: Callable[[int, str], None]) -> Iterator[None]:
    """Call something before each step; what it raises takes the step's place.

    It is told how many steps were taken before, and what this one is.
    """
    taken = 0
    looking = False

    def stepped(what: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            nonlocal taken, looking
            writes = what != "open" or "w" in str(args[1:2])
            if writes and not looking:
                looking = True
                try:
                    before(taken, what)
                finally:
                    looking = False
                taken += 1
            return act(*args, **options)

        return step

    with pytest.MonkeyPatch.context() as patch:
        for what in STEPS:
            patch.setattr(os, what, stepped(what, getattr(os, what)))
        patch.setattr(io, "open", stepped("open", io.open))
        yield


def killed_at(step: int) -> Callable[[int, str], None]:
    """End the process before a step."""

    def before(taken: int, what: str) -> None:
        if taken >= step:
            raise Killed(what)

    return before


def full_at(step: int) -> Callable[[int, str], None]:
    """Let the disk be full at a step; what is deleted needs no room."""

    def before(taken: int, what: str) -> None:
        if taken == step and what != "unlink":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return before
