"""One table's way to the disk: what waits is gathered, and pays for one sync together.

All of it runs in the server's event loop but the appending, which waits for the disk in
a thread of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Any

import pyarrow as pa
from msgspec import Struct

from monitor.ingest.counting import Counting
from monitor.ingest.rejected import Rejected
from monitor.ingest.rows import Read, RowReader
from monitor.ingest.tally import ACCEPTED, NOT_KEPT, REJECTED, Tally
from monitor.landing import Landing, LandingError
from monitor.sampling import Decider

GATHERING = 0.002
"""Seconds that the first row waits for others."""


Append = Callable[[Sequence[Any]], None]
"""Makes what waits durable; raises LandingError."""


class Gatherer:
    """Appends what many senders bring, as few times as there are syncs."""

    def __init__(self, append: Append, pool: Executor) -> None:
        """Nothing is waiting yet."""
        self._append = append
        self._pool = pool
        self._senders: list[tuple[asyncio.Future[None], Sequence[Any]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def keep(self, items: Sequence[Any]) -> None:
        """Append items and return when they are on the disk; raises LandingError."""
        loop = asyncio.get_running_loop()
        sender = loop.create_future()
        self._senders.append((sender, items))
        if self._committing is None:
            self._committing = loop.create_task(self._commit())
        await sender

    async def _commit(self) -> None:
        """Append what waits, until nothing does."""
        try:
            while self._senders:
                await asyncio.sleep(GATHERING)
                senders, self._senders = self._senders, []
                error = await self._kept([item for _, its in senders for item in its])
                for sender, items in senders:
                    # What one of them has sent must not be the loss of the others.
                    alone = len(senders) > 1 and not isinstance(error, LandingError)
                    again = error is not None and alone
                    _answer(sender, await self._kept(items) if again else error)
        finally:
            self._committing = None

    async def _kept(self, items: Sequence[Any]) -> Exception | None:
        """Append items; return why they could not be."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._pool, self._append, items)
        except Exception as error:  # noqa: BLE001 - each sender is told
            return error
        return None


def _answer(sender: asyncio.Future[None], error: Exception | None) -> None:
    if sender.done():
        return  # whoever sent it has left
    if error is None:
        sender.set_result(None)
    else:
        sender.set_exception(error)


class Intake:
    """Takes rows of one table, and returns when they are durable."""

    def __init__(  # noqa: PLR0913 - what a table needs, each once
        self,
        *,
        reader: RowReader,
        landing: Landing,
        rejected: Rejected,
        tally: Tally,
        counting: Counting | None = None,
        decider: Decider | None = None,
        clock: Callable[[], datetime],
        pool: Executor,
    ) -> None:
        """Keep the parts; without a decider every row is kept."""
        self.reader = reader
        self.landing = landing
        self.rejected = rejected
        self.tally = tally
        self.counting = counting
        self._decider = decider
        self.now = clock
        self._pool = pool
        self._rows = Gatherer(self._append, pool)

    async def take(self, read: Read) -> None:
        """Keep what of a request can be kept, and put aside the rest.

        Returns when all of it is on the disk; raises LandingError when it is not.
        """
        items = [*read.rows, *read.batches]
        if items:
            await self._rows.keep(items)
        now = self.now()
        self.tally.add(now, ACCEPTED, read.accepted)
        if read.rejects:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pool, self.put_aside, read)

    def store(self, read: Read, *, unanswered: bool = False) -> None:
        """Do the same at once, in the caller's own thread.

        `unanswered` rows are those of calls whose other half never came.
        """
        items = [*read.rows, *read.batches]
        if items:
            self._append(items, unanswered=unanswered)
        self.tally.add(self.now(), ACCEPTED, read.accepted)
        self.put_aside(read)

    def write(self) -> None:
        """Write the counts down."""
        if self.counting is not None:
            self.counting.write()
        self.tally.write()

    def put_aside(self, read: Read) -> None:
        """Write down and count the rows that are not taken."""
        if not read.rejects:
            return
        now = self.now()
        self.rejected.add(read.rejects, now)
        if self.counting is not None:
            for refused in read.refused:
                self.counting.lose(refused.lost(self.reader.table))
        for one in read.rejects:
            self.tally.add(now, f"{REJECTED}:{one.why.value}", 1)
        # What is beyond those kept is counted as the last of them.
        self.tally.add(now, f"{REJECTED}:{read.rejects[-1].why.value}", read.more)

    def _append(self, items: Sequence[Any], *, unanswered: bool = False) -> None:
        """Make durable what sampling keeps of some rows, and count all of them."""
        now, batches = self.now(), self._batches(items)
        kept = self._sampled(batches)
        if kept:
            self.landing.append(kept, now)
        if self.counting is not None:
            self.counting.add(batches, now, unanswered=unanswered)
        rows = sum(batch.num_rows for batch in batches)
        self.tally.add(now, NOT_KEPT, rows - sum(batch.num_rows for batch in kept))

    def _sampled(self, batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
        if self._decider is None:
            return list(batches)
        found: list[pa.RecordBatch] = []
        for batch in batches:
            kept = self._decider.sampled(pa.Table.from_batches([batch]))
            found += kept.combine_chunks().to_batches() if kept.num_rows else []
        return found

    def _batches(self, items: Sequence[Any]) -> list[pa.RecordBatch]:
        """Gather rows into one batch, beside those that came as such."""
        rows = [item for item in items if isinstance(item, Struct)]
        batches = [item for item in items if not isinstance(item, Struct)]
        return [*batches, *([self.reader.batch(rows)] if rows else ())]
