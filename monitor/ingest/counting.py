"""All rows that are taken, counted by the stretch of time in which they were served.

Sampled or not, each is counted once: what is sent again soon is known by its key. The
counting waits for whoever looks after the tables, so that no sender does.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.sample import arrow
from checks.schema import Schema
from checks.traffic import MENDED, UNANSWERED, Traffic
from monitor.ingest.lost import Lost
from monitor.ingest.moments import since_1970
from monitor.ingest.recent import Recent
from monitor.ingest.table import EMPTY, MOMENT, Table
from monitor.landing import Counters, Folder, Stretch
from monitor.landing.compaction import joined
from monitor.landing.keys import keys_of
from monitor.landing.segment import read_segment
from monitor.logs import logger
from monitor.window import EPOCH

log = logger(__name__)

MOST_WAITING = 200_000
"""Rows that wait to be counted, before a sender counts them itself."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A batch that is to be counted, with when it was received."""

    rows: pa.RecordBatch
    received: int
    unanswered: bool


class Counting:
    """Counts the rows of one table; any thread may add to them."""

    def __init__(
        self, table: Table, schema: Schema, stretch: timedelta, folder: Folder
    ) -> None:
        """Know the rows that are in the log: they were counted when they came."""
        self._table = table
        self._schema = schema
        self._stretch = stretch
        self._counters = Counters(folder.traffic)
        self._recent, self._refused = Recent(), Recent()
        self._pending: list[_Waiting] = []
        self._lost: list[Lost] = []
        self._rows = 0
        self._adding = threading.Lock()
        self._counting = threading.Lock()
        self._counted: dict[Stretch, Traffic] = {}
        for number in folder.segments():
            self._remember(folder, number)

    def add(
        self,
        batches: Sequence[pa.RecordBatch],
        received: datetime,
        *,
        unanswered: bool = False,
    ) -> None:
        """Let rows be counted that are durable, or were not kept.

        `unanswered` are those of calls whose other half never came.
        """
        at = since_1970(received)
        with self._adding:
            for batch in batches:
                self._rows += batch.num_rows
                self._pending.append(
                    _Waiting(rows=batch, received=at, unanswered=unanswered)
                )
        self._held_to()

    def lose(self, lost: Lost) -> None:
        """Let rows be counted that will not be in the log."""
        with self._adding:
            self._lost.append(lost)
            self._rows += len(lost.keys)
        self._held_to()

    def _held_to(self) -> None:
        """Count at once where too much waits."""
        if self._rows > MOST_WAITING:
            with self._counting:
                self._count()

    def write(self) -> None:
        """Count what waits, and write it down; a full disk is tried again."""
        with self._counting:
            self._count()
            for day in sorted({stretch.start.date() for stretch in self._counted}):
                mine = {s: t for s, t in self._counted.items() if s.start.date() == day}
                try:
                    self._counters.add(day, mine)
                except OSError as error:
                    place = str(self._counters.path)
                    log.warning("counts_not_written", path=place, cause=str(error))
                    return
                for stretch in mine:
                    del self._counted[stretch]

    def _count(self) -> None:
        with self._adding:
            pending, self._pending, self._rows = self._pending, [], 0
            losses, self._lost = self._lost, []
        for lost in losses:
            self._astray(lost)
        for unanswered in (False, True):
            found = [one for one in pending if one.unanswered is unanswered]
            try:
                if found:
                    self._add(found, unanswered=unanswered)
            except Exception:
                # The rows are durable: whoever sent them must not hear of this.
                log.exception("rows_not_counted", table=self._table.model)

    def _add(self, pending: Sequence[_Waiting], *, unanswered: bool) -> None:
        rows = joined([one.rows for one in pending])
        came = np.repeat(
            [one.received for one in pending], [one.rows.num_rows for one in pending]
        )
        keys, known = keys_of(rows, self._table.shape.key)
        places = np.flatnonzero(self._recent.fresh(keys, known))
        if not len(places):
            return
        mended = self._refused.among(keys, known)[places]
        rows = self._whole(rows.take(arrow(places)))
        number = _times(rows, self._table.time, came[places]) // self._micros
        for k in np.unique(number).tolist():
            mine = rows.take(arrow(np.flatnonzero(number == k)))
            also = {MENDED: int(np.count_nonzero(mended & (number == k)))}
            if unanswered:
                also[UNANSWERED] = mine.num_rows
            told = Traffic.named({name: n for name, n in also.items() if n})
            self._note(k, Traffic.of(mine, self._schema).merge(told))

    def _astray(self, lost: Lost) -> None:
        """Count rows that will not be in the log, once however often they came."""
        taken = self._recent.among(lost.keys, lost.known)
        fresh = self._refused.fresh(lost.keys, lost.known) & ~taken
        number = lost.times // self._micros
        for k in np.unique(number[fresh]).tolist():
            count = int(lost.counts[fresh & (number == k)].sum())
            self._note(k, Traffic.named({lost.name: count}))

    def _note(self, k: int, traffic: Traffic) -> None:
        """Add to the counts of a stretch, by its number since 1970."""
        start = EPOCH + timedelta(microseconds=k * self._micros)
        stretch = Stretch(start, self._stretch)
        self._counted[stretch] = self._counted.get(stretch, Traffic()).merge(traffic)

    @property
    def _micros(self) -> int:
        return self._stretch // _MICROSECOND

    def _whole(self, rows: pa.Table) -> pa.Table:
        """Put in the columns that no row has: readers find them empty as well."""
        for one in self._table.fields:
            if one.name not in rows.column_names:
                nothing = pa.nulls(rows.num_rows, EMPTY[one.kind])
                rows = rows.append_column(one.name, nothing)
        return rows

    def _remember(self, folder: Folder, number: int) -> None:
        try:
            for logged in read_segment(folder.segment(number)).batches:
                table = pa.Table.from_batches([logged.rows])
                self._recent.fresh(*keys_of(table, self._table.shape.key))
        except (OSError, pa.ArrowException) as error:
            log.warning("log_not_looked_at", segment=number, cause=str(error))


def _times(rows: pa.Table, name: str | None, came: np.ndarray) -> np.ndarray:
    """Return when each row was served, or else received, in microseconds."""
    if name is None:
        return came
    micros = pc.cast(pc.cast(rows.column(name), MOMENT, safe=False), pa.int64())
    known = np.asarray(pc.is_valid(micros))
    return np.where(known, np.asarray(pc.fill_null(micros, 0)), came)
