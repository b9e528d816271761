"""The process that Parquet files are unfolded in, started when the first one comes.

It ends with a file that breaks it, or takes too long; the next one has another.
"""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from monitor.ingest import unfolding
from monitor.worker import environment

PATIENCE = 60.0
"""Seconds that a file may take."""


class TooLarge(Exception):  # noqa: N818 - it is an answer
    """A file unfolds to more than is taken."""


class Apart:
    """A process apart; one thread at a time asks it."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """Start nothing yet."""
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._end()

    def stream(self, body: bytes, names: Sequence[str], rows: int, size: int) -> bytes:
        """Return the columns of a file that have one of the names, as an Arrow stream.

        Raises ValueError for what is no such file, and TooLarge for one that unfolds to
        more rows or bytes than these.
        """
        kind, answer = self._asked(body, "\0".join(names).encode(), rows, size)
        if kind == unfolding.DONE:
            return answer
        said = answer.decode("utf-8", "replace")
        if kind == unfolding.TOO_LARGE:
            raise TooLarge(said)
        raise ValueError(said)

    def _asked(
        self, body: bytes, names: bytes, rows: int, size: int
    ) -> tuple[int, bytes]:
        process = self._running()
        alarm = threading.Timer(self._patience, process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            head = unfolding.QUESTION.pack(len(names), len(body), rows, size)
            asked, told = process.stdin, process.stdout
            if asked is not None and told is not None:
                asked.write(head + names)
                asked.write(body)
                asked.flush()
                head = told.read(unfolding.ANSWER.size)
                if len(head) == unfolding.ANSWER.size:
                    kind, length = unfolding.ANSWER.unpack(head)
                    answer = told.read(length)
                    if len(answer) == length:
                        return kind, answer
        except OSError:
            pass  # it has ended meanwhile, as below
        finally:
            alarm.cancel()
        self._end()
        return unfolding.BROKEN, b"reading it ended its reader, or took too long"

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, a new one where there is none (any more)."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, by its path
                [sys.executable, "-I", unfolding.__file__],
                env=environment(Path(tempfile.gettempdir())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
