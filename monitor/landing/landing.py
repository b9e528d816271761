"""A landing at work: a log that is appended to, and its segments landed as Parquet."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.errors import DriftdError
from monitor.landing.compaction import (
    Part,
    Shape,
    compacted,
    landed_keys,
)
from monitor.landing.days import keys_path, standing
from monitor.landing.folder import Folder
from monitor.landing.keys import Keys, write_keys
from monitor.landing.merged import GROUP_ROWS
from monitor.landing.merging import Merging
from monitor.landing.segment import (
    Segment,
    make_folder,
    read_segment,
    sync_folder,
)
from monitor.logs import logger
from monitor.window import EPOCH

log = logger(__name__)

SEGMENT_BYTES = 32 << 20
"""The size at which a segment is landed: in memory, for a moment."""
SEGMENT_AGE = timedelta(minutes=10)
"""The age at which a segment is landed, however small: readers see its rows before."""


class LandingError(DriftdError):
    """Rows could not be made durable: acknowledge none of them, and send them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """How many rows have landed, and how many were there already."""

    rows: int = 0
    repeated: int = 0

    def __add__(self, other: "Landed") -> "Landed":
        return Landed(
            rows=self.rows + other.rows, repeated=self.repeated + other.repeated
        )


class Landing:
    """A folder that rows are appended to, by one process at a time."""

    def __init__(self, folder: Folder, shape: Shape, lock: int) -> None:
        """Use `open`."""
        self.folder = folder
        self.shape = shape
        self._owned = lock
        self._next = folder.newest() + 1
        self._merging = Merging(folder.path, shape)
        self._recovered = set(folder.segments())
        self._sealed = sum(_size(folder.segment(n)) for n in folder.segments())
        self._seen: dict[int, datetime] = {}
        self._active: Segment | None = None
        self._began: datetime | None = None
        self._appending = threading.Lock()
        self._landing = threading.Lock()
        self.trouble: str | None = None

    @classmethod
    def open(cls, path: Path, shape: Shape) -> Self:
        """Make the folder if need be, and take it for this process alone.

        Raises LandingError where another has it, or where it cannot be written to.
        """
        folder = Folder(path)
        try:
            if folder.shape() is None:
                make_folder(folder.log)
            folder.log.mkdir(exist_ok=True)
            lock = os.open(folder.log / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                folder.keep_shape(shape)
                return cls(folder, shape, lock)
            except BaseException:
                os.close(lock)
                raise
        except BlockingIOError as error:
            msg = f"{path}: another process takes rows in here. Fix: stop it"
            raise LandingError(msg) from error
        except (OSError, ValueError) as error:
            raise LandingError(_told(path, error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; what is in the log stays, to be read and landed."""
        with self._landing, self._appending:
            self._seal()
            os.close(self._owned)

    def append(self, batches: Iterable[pa.RecordBatch], received: datetime) -> None:
        """Append rows and return when they are durable; raises LandingError."""
        with self._appending:
            try:
                segment = self._segment(received)
                segment.append(batches, (received - EPOCH) // timedelta(microseconds=1))
            except OSError as error:
                self._abandon()
                self.trouble = _told(self.folder.path, error)
                raise LandingError(self.trouble) from error
            self.trouble = None
            if segment.size >= SEGMENT_BYTES:
                self._seal()

    def backlog(self) -> int:
        """Return how many bytes of the log are full segments that have not landed."""
        return self._sealed

    def probe(self, now: datetime) -> None:
        """Try whether rows can be written again, where they could not."""
        with self._appending:
            try:
                self._segment(now).probe()
            except OSError as error:
                self._abandon()
                self.trouble = _told(self.folder.path, error)
            else:
                self.trouble = None

    def land(self, now: datetime, *, everything: bool = False) -> Landed:
        """Land the segments that are full or old, and return what became of the rows.

        With `everything`, the one that is appended to as well. Raises LandingError;
        what could not be landed is still in the log.
        """
        with self._landing:
            with self._appending:
                old = self._began is not None and now - self._began >= SEGMENT_AGE
                if old or everything:
                    self._seal()
                active = self._active and self._active.path
            landed = Landed()
            try:
                for number in self.folder.segments():
                    if self.folder.segment(number) != active:
                        landed += self._land(number)
            except (OSError, pa.ArrowException) as error:
                raise LandingError(_told(self.folder.path, error)) from error
            finally:
                # What a segment took for a moment is not kept until the next one.
                pa.default_memory_pool().release_unused()
            return landed

    def merge(self, now: datetime, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Merge small files of one day; return how many, 0 where there are none.

        It is given up, to be tried again, as soon as it is not to go on. Raises
        LandingError; what is there is still read once.
        """
        with self._landing:
            below = min(self.folder.segments(), default=self._next)
            try:
                return self._merging.turn(now, below, goes_on)
            except (OSError, pa.ArrowException) as error:
                why = getattr(error, "strerror", None) or str(error)
                msg = f"{self.folder.path}: files cannot be merged ({why})"
                raise LandingError(msg) from error

    def forget(self, now: datetime, age: timedelta) -> None:
        """Delete the segments that were full or old so long ago; raises LandingError.

        For rows that are wanted in the log alone. After a restart the age of those that
        are there begins anew.
        """
        with self._landing:
            with self._appending:
                if self._began is not None and now - self._began >= age:
                    self._seal()
                active = self._active and self._active.path
            try:
                for number in self.folder.segments():
                    path = self.folder.segment(number)
                    seen = self._seen.setdefault(number, now)
                    if path != active and now - seen >= 2 * age:
                        self._sealed -= _size(path)
                        path.unlink()
                        del self._seen[number]
            except OSError as error:
                raise LandingError(_told(self.folder.path, error)) from error

    # ── the log ──────────────────────────────────────────────────────────────────

    def _segment(self, received: datetime) -> Segment:
        if self._active is None:
            path = self.folder.segment(self._next)
            self._next += 1
            self._active = Segment(path)
            self._began = received
        return self._active

    def _seal(self) -> None:
        """Close the segment that is appended to; it is ready to be landed."""
        if self._active is not None:
            self._active.close()
            self._sealed += self._active.size
        self._active, self._began = None, None

    def _abandon(self) -> None:
        """Close a segment of which nobody knows what is on the disk.

        After a failed sync the system may have forgotten what it could not write: the
        next rows begin a new file.
        """
        if self._active is not None:
            with contextlib.suppress(OSError):
                self._active.cut()
        self._seal()

    # ── landing ──────────────────────────────────────────────────────────────────

    def _land(self, number: int) -> Landed:
        """Land one segment; done again after a crash, it gives the same files."""
        path = self.folder.segment(number)
        size, contents = _size(path), read_segment(path)
        written = set()
        rows = repeated = 0
        for part in compacted(
            contents, self.shape, lambda day: self._known(day, number)
        ):
            repeated += part.repeated
            if part.table.num_rows:
                written.add(self._write(part, number))
                rows += part.table.num_rows
        if number in self._recovered:
            self._remove_stale(number, written)
        if contents.damaged:
            log.error("log_damaged", segment=str(path), landed=rows)
            path.replace(path.with_suffix(".damaged"))
        else:
            path.unlink()
        sync_folder(self.folder.log)
        self._sealed -= size
        if rows or repeated:
            log.info(
                "rows_landed",
                folder=str(self.folder.path),
                rows=rows,
                repeated=repeated,
            )
        return Landed(rows=rows, repeated=repeated)

    def _known(self, day: str, but: int) -> Iterator[Keys]:
        """Walk over the keys of what other segments landed on a day."""
        for file in standing(self.folder.path / f"date={day}"):
            if file.merged or file.first != but:
                yield landed_keys(file.path, self.shape)

    def _write(self, part: Part, number: int) -> Path:
        """Write a day's rows whole or not at all, durably."""
        day = self.folder.path / f"date={part.day}"
        if not day.is_dir():
            day.mkdir()
            sync_folder(self.folder.path)
        path = day / f"{number:08d}.parquet"
        partial = day / f".{number:08d}.partial"
        pq.write_table(part.table, partial, row_group_size=GROUP_ROWS)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        write_keys(keys_path(path), part.keys)
        partial.replace(path)
        sync_folder(day)
        self._merging.landed(day)
        return path

    def _remove_stale(self, number: int, written: set[Path]) -> None:
        """Remove what an earlier process landed of a segment in another shape."""
        self._recovered.discard(number)
        for path in self.folder.path.glob(f"date=*/{number:08d}.parquet"):
            if path not in written:
                keys_path(path).unlink(missing_ok=True)
                path.unlink()
                sync_folder(path.parent)


def _size(path: Path) -> int:
    return path.stat().st_size


def _told(path: Path, error: Exception) -> str:
    why = getattr(error, "strerror", None) or str(error)
    return f"{path}: rows cannot be written ({why}). Fix: make room, let driftd write"
