"""Runs an order in a process of its own: rows go in and come out through pipes.

The process is started afresh by our own interpreter, in a session of its own, with an
environment of a few names and no secret among them, and no open file but its pipes. Its
crash, its silence or an answer that is no answer is a cause, and nobody else's trouble.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
from pyarrow import ipc

from monitor.errors import SourceError
from monitor.order import Order
from monitor.recompute import kernel
from monitor.worker import environment, last_line

MOST_ANSWERED = 1 << 30
"""Bytes that an answer may have in all."""
SELF_ENDED = 1.0
"""Seconds in which a process that has closed its answer is gone by itself."""
GRACE = 10.0
"""Seconds that what was ended takes to be gone."""
MOST_SAID = 64 << 10
"""Bytes of what the process writes to stderr that are kept, the last ones."""


def recompute(order: Order, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Have all rows computed again; what is returned is row by row what went in.

    Raises SourceError, with what the process said last, when it cannot be.
    """
    with tempfile.TemporaryDirectory(prefix="driftd-recompute-") as home:
        with _started(order, Path(home)) as running:
            feeding = threading.Thread(
                target=running.feed, args=(batches,), daemon=True
            )
            feeding.start()
            table = running.answer()
            feeding.join(GRACE)
        if running.failure is not None:
            raise running.failure
        if table is None:
            msg = f"{order.target}: {running.cause()}"
            raise SourceError(msg, permanent=True)
    if table.num_rows != running.rows:
        msg = f"{order.target}: {table.num_rows} rows came back of {running.rows}"
        raise SourceError(msg, permanent=True)
    return table


class _Running:
    """A process at work, with what it was given and what it said."""

    def __init__(self, order: Order, process: subprocess.Popen[bytes]) -> None:
        self._order = order
        self._process = process
        self._said = b""
        self._late = False
        self._wrong = ""
        self._ended = False
        self.rows = 0
        self.failure: Exception | None = None
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def feed(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write the order and the rows; a process that is gone has said why."""
        pipe = _pipe(self._process.stdin)
        # What is wrong with reading the rows is told by who asked for them.
        try:
            with suppress(BrokenPipeError, ConnectionResetError), pipe:
                pipe.write(self._order.to_json())
                writer = None
                for batch in batches:
                    writer = writer or ipc.new_stream(pipe, batch.schema)
                    writer.write_batch(batch)
                    self.rows += batch.num_rows
                if writer is not None:
                    writer.close()
        except pa.ArrowException as error:
            self._wrong = str(error)
        except Exception as error:  # noqa: BLE001 - raised again by who waits
            self.failure = error
            self.kill()

    def answer(self) -> pa.Table | None:
        """Read what comes back; None where that is no table."""
        try:
            with ipc.open_stream(_Bounded(_pipe(self._process.stdout))) as reader:
                table = reader.read_all()
        except (pa.ArrowException, OSError, EOFError, _TooMuch) as error:
            self._wrong = self._wrong or str(error)
            # It may have ended by itself: then it can say how.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(SELF_ENDED)
            self.kill()
            return None
        return table if self._process.wait() == 0 else None

    def late(self) -> None:
        """Stop it: its time is over."""
        self._late = True
        self.kill()

    def kill(self) -> None:
        """Stop the process and whatever it has started: its keeper knows it all."""
        if self._process.poll() is not None:
            return
        self._ended = True
        self._process.terminate()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def cause(self) -> str:
        """Say why there is no answer."""
        self._process.wait()
        self._listening.join(GRACE)
        code = self._process.returncode
        if self._late:
            return f"it took longer than {self._order.seconds:g} s"
        if code < 0 and not self._ended:
            return f"it was stopped by signal {signal.Signals(-code).name}"
        if code > 0 and (said := last_line(self._said)):
            return said
        if self._ended:
            return f"it gave no answer that can be read ({self._wrong})"
        return f"it ended without an answer (exit code {code})"

    def _listen(self) -> None:
        """Keep the end of what it writes, however much that is."""
        pipe = _pipe(self._process.stderr)
        with pipe:
            while said := os.read(pipe.fileno(), MOST_SAID):
                self._said = (self._said + said)[-MOST_SAID:]


@contextmanager
def _started(order: Order, home: Path) -> Iterator[_Running]:
    """Start the process, and see to its end whatever happens."""
    # What runs has our user: it could read our environment, and what we hold.
    kernel.closed()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, and a number
        [sys.executable, "-m", "monitor.recompute", str(order.seconds)],
        cwd=home,
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    running = _Running(order, process)
    alarm = threading.Timer(order.seconds, running.late)
    alarm.daemon = True
    alarm.start()
    try:
        yield running
    finally:
        alarm.cancel()
        running.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                _pipe(pipe).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        msg = "the process was started without its pipes"
        raise SourceError(msg, permanent=True)
    return pipe


class _TooMuch(Exception):  # noqa: N818 - it is caught a few lines above
    """More came back than is taken."""


class _Bounded:
    """A file that is read no further than it may be."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MOST_ANSWERED

    def read(self, size: int = -1) -> bytes:
        """Read, unless that is too much."""
        if size < 0 or size > self._left:
            msg = f"the answer is larger than {MOST_ANSWERED >> 20} MiB"
            raise _TooMuch(msg)
        data = self._file.read(size)
        self._left -= len(data)
        return data

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def close(self) -> None:
        """Leave the file to who opened it."""
