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

from monitor.ingest.rejected import Rejected
from monitor.ingest.rows import Read, RowReader
from monitor.ingest.tally import ACCEPTED, REJECTED, Tally
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

    def __init__(  # noqa: PLR0913 - what a table needs, each once
        self,
        *,
        reader: RowReader,
        landing: Landing,
        rejected: Rejected,
        tally: Tally,
        clock: Callable[[], datetime],
        pool: Executor,
    ) -> None:
        """Keep the parts; nothing is waiting yet."""
        self.reader = reader
        self.landing = landing
        self.rejected = rejected
        self.tally = tally
        self.now = clock
        self._pool = pool
        self._waiting = _Waiting()
        self._committing: asyncio.Task[None] | None = None

    async def take(self, read: Read) -> None:
        """Keep what of a request can be kept, and put aside the rest.

        Returns when all of it is on the disk; raises LandingError when it is not.
        """
        if read.accepted:
            await self.keep(read.rows, read.batches)
        now = self.now()
        self.tally.add(now, ACCEPTED, read.accepted)
        if read.rejects:
            loop = asyncio.get_running_loop()
            add = self.rejected.add
            await loop.run_in_executor(self._pool, add, read.rejects, now)
            for one in read.rejects:
                self.tally.add(now, f"{REJECTED}:{one.why.value}", 1)
            # What is beyond those kept failed as the last of them did.
            self.tally.add(now, f"{REJECTED}:{read.rejects[-1].why.value}", read.more)

    def store(self, read: Read) -> None:
        """Keep what was read at once, in the caller's own thread.

        Returns when it is on the disk; raises LandingError when it is not.
        """
        now = self.now()
        if read.batches:
            self.landing.append(read.batches, now)
        self.tally.add(now, ACCEPTED, read.accepted)
        if read.rejects:
            self.rejected.add(read.rejects, now)
            for one in read.rejects:
                self.tally.add(now, f"{REJECTED}:{one.why.value}", 1)

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
                error: Exception | None = None
                try:
                    await loop.run_in_executor(self._pool, self._append, taken)
                except Exception as caught:  # noqa: BLE001 - each sender is told
                    error = caught
                _answer(taken.senders, error)
        finally:
            self._committing = None

    def _append(self, taken: _Waiting) -> None:
        batches = [*taken.batches]
        if taken.rows:
            batches.append(self.reader.batch(taken.rows))
        self.landing.append(batches, self.now())


def _answer(senders: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for sender in senders:
        if sender.done():
            continue  # whoever sent it has left
        if error is None:
            sender.set_result(None)
        else:
            sender.set_exception(error)
