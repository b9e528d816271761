"""One table's way to the disk: what waits is gathered, and pays for one sync together.

All of it runs in the server's event loop but the appending, which waits for the disk in
a thread of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from msgspec import Struct

from monitor.ingest.rows import RowReader
from monitor.landing import Landing

GATHERING = 0.002
"""Seconds that the first row waits for others."""


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """What the next sync is for."""

    rows: list[Struct] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    senders: list[asyncio.Future[None]] = field(default_factory=list)


class Intake:
    """Takes rows of one table, and returns when they are durable."""

    def __init__(
        self,
        reader: RowReader,
        landing: Landing,
        clock: Callable[[], datetime],
        pool: Executor,
    ) -> None:
        """Keep the landing; nothing is waiting yet."""
        self.reader = reader
        self.landing = landing
        self._clock = clock
        self._pool = pool
        self._waiting = _Waiting()
        self._committing: asyncio.Task[None] | None = None

    async def keep(
        self, rows: Sequence[Struct], batches: Sequence[pa.RecordBatch] = ()
    ) -> None:
        """Append rows and return when they are on the disk; raises LandingError."""
        loop = asyncio.get_running_loop()
        sender = loop.create_future()
        self._waiting.rows += rows
        self._waiting.batches += batches
        self._waiting.senders.append(sender)
        if self._committing is None:
            self._committing = loop.create_task(self._commit())
        await sender

    async def _commit(self) -> None:
        """Append what waits, until nothing does."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting.senders:
                await asyncio.sleep(GATHERING)
                taken, self._waiting = self._waiting, _Waiting()
                error: BaseException | None = None
                try:
                    await loop.run_in_executor(self._pool, self._append, taken)
                except Exception as caught:  # noqa: BLE001 - each sender is told
                    error = caught
                for sender in taken.senders:
                    if sender.done():
                        continue  # the sender left
                    if error is None:
                        sender.set_result(None)
                    else:
                        sender.set_exception(error)
        finally:
            self._committing = None

    def _append(self, taken: _Waiting) -> None:
        batches = [*taken.batches]
        if taken.rows:
            batches.append(self.reader.batch(taken.rows))
        self.landing.append(batches, self._clock())
