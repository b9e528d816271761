"""Runs code in a child, and ends all that it started, however it ends.

The keeper adopts what its child leaves behind, in whatever session that hides; it ends
when it is told to, when its time is over, and when the daemon is gone.
"""

import os
import signal
from collections.abc import Callable

from monitor.recompute import kernel

GRACE = 5
"""Seconds after its time in which the daemon is expected to have ended the code."""


def keep(work: Callable[[], int], *, seconds: float) -> int:
    """Run something in a child, and return its exit code when nothing of it is left.

    Where a signal ended it, the same one ends us.
    """
    daemon = os.getppid()
    kernel.adopts()
    kernel.dies_with_parent(signal.SIGTERM)
    child = os.fork()
    if child == 0:
        kernel.dies_with_parent(signal.SIGKILL)
        kernel.unprivileged()
        os._exit(work())

    def stop(*_: object) -> None:
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(int(seconds) + GRACE)
    if os.getppid() != daemon:
        stop()
    for ours in (0, 1, 2):
        # Whoever reads there waits for the last one that has it open.
        os.dup2(os.open(os.devnull, os.O_RDWR), ours)
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    kernel.end_children()
    if os.WIFSIGNALED(status):
        ended = os.WTERMSIG(status)
        if ended != signal.SIGKILL:
            signal.signal(ended, signal.SIG_DFL)
        os.kill(os.getpid(), ended)
    return os.waitstatus_to_exitcode(status)
