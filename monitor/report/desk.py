"""The desk that takes orders for reports and has them drawn, one process at a time.

The process is started afresh (no fork of a daemon that has threads), by its own
interpreter, with an environment of a few names and no secret among them. What becomes
of it is counted and logged; nothing that goes wrong here is anybody else's exception.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path, PurePosixPath

from monitor.logs import logger
from monitor.report.order import Order, place, write
from monitor.worker import environment, last_line

_log = logger(__name__)

SECONDS = 120.0
"""How long one report may take; the first of a process pays for its imports."""
WAITING = 64
"""Orders that wait at most; a burst beyond that is refused, not piled up."""
BATCH = 8
"""Reports drawn by one process: importing evidently costs as much as drawing one."""
DONE = "drawn"
"""The file that says, in an order's folder, that its report is in place."""


class Outcome(StrEnum):
    """What became of an order."""

    DRAWN = "drawn"
    FAILED = "failed"
    REFUSED = "refused"


class ReportDesk:
    """A queue of orders and the thread that works it off.

    `folder` is where reports are put: `MODEL/MONITOR/WINDOW.html`, complete or not
    there at all.
    """

    def __init__(
        self, folder: Path, *, seconds: float = SECONDS, waiting: int = WAITING
    ) -> None:
        """Keep the folder; the thread starts with the first order."""
        self.folder = folder
        self._seconds = seconds
        self._waiting = waiting
        self._orders: deque[Order] = deque()
        self._changed = threading.Condition()
        self._counts: Counter[Outcome] = Counter()
        self._at_work = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def submit(self, order: Order) -> PurePosixPath | None:
        """Take an order and return at once where its report will be, below the folder.

        None when it is refused: the desk is closed, or too many wait.
        """
        where = place(order.model, order.monitor, order.window)
        with self._changed:
            if self._closed or len(self._orders) >= self._waiting:
                self._counts[Outcome.REFUSED] += 1
                _log.warning("report_refused", report=str(where))
                return None
            self._orders.append(order)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="reports", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()
        return where

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until every order has come to its end; False when time is up."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout)

    def counts(self) -> Mapping[str, int]:
        """Count what became of the orders so far."""
        with self._changed:
            return {outcome.value: self._counts[outcome] for outcome in Outcome}

    def close(self) -> None:
        """Drop what waits, stop the process that draws, and end the thread."""
        with self._changed:
            self._closed = True
            self._orders.clear()
            process, thread = self._process, self._thread
            self._changed.notify_all()
        if process is not None:
            process.kill()
        if thread is not None:
            thread.join()

    def _idle(self) -> bool:
        """Tell whether nothing waits and nothing is at work."""
        return not self._orders and not self._at_work

    def _work(self) -> None:
        """Take batches of orders until the desk is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._orders or self._closed)
                if self._closed:
                    return
                batch = [
                    self._orders.popleft() for _ in range(min(BATCH, len(self._orders)))
                ]
                self._at_work = len(batch)
            drawn: list[bool] = []
            try:
                drawn = self._draw(batch)
            except OSError as error:
                _log.warning("reports_failed", reports=len(batch), cause=str(error))
            with self._changed:
                self._counts[Outcome.DRAWN] += sum(drawn)
                self._counts[Outcome.FAILED] += len(batch) - sum(drawn)
                self._at_work = 0
                self._changed.notify_all()

    def _draw(self, batch: list[Order]) -> list[bool]:
        """Have one process draw a batch, and put what it drew in place."""
        with tempfile.TemporaryDirectory(prefix="driftd-report-") as name:
            home = Path(name)
            folders = [home / str(number) for number in range(len(batch))]
            for order, folder in zip(batch, folders, strict=True):
                write(order, folder)
            cause = self._run(home, folders)
            return [
                self._keep(order, folder, cause)
                for order, folder in zip(batch, folders, strict=True)
            ]

    def _run(self, home: Path, folders: list[Path]) -> str:
        """Run the process that draws; return what it had to say of its failure."""
        with (home / "stderr").open("w+b") as said:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "monitor.report", *map(str, folders)],
                cwd=home,
                env=environment(home),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
            with self._changed:
                self._process = process
                if self._closed:
                    process.kill()
            try:
                process.wait(self._seconds * len(folders))
            except subprocess.TimeoutExpired:
                return f"took longer than {self._seconds:g} s"
            finally:
                process.kill()
                process.wait()
                with self._changed:
                    self._process = None
            said.seek(0)
            return last_line(said.read()) or f"exit code {process.returncode}"

    def _keep(self, order: Order, folder: Path, cause: str) -> bool:
        """Move a drawn report to its place in one step; log one that is not there."""
        where = place(order.model, order.monitor, order.window)
        told = {"model": order.model, "monitor": order.monitor, "report": str(where)}
        if not (folder / DONE).is_file():
            _log.warning("report_failed", **told, cause=cause)
            return False
        target = self.folder / where
        fresh = target.with_name(f".{target.name}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / DONE, fresh)
            fresh.replace(target)
        except OSError as error:
            _log.warning("report_failed", **told, cause=str(error))
            return False
        _log.info("report_drawn", **told)
        return True
