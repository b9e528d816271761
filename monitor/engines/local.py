"""The engine of one machine: chunks of a window, counted side by side and merged."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from checks import sample
from checks.profile import Bins, Profile, merge_all
from checks.sample import Sample
from monitor.engines.base import Counted, Fragmented, Rows
from monitor.engines.columns import Columns
from monitor.window import Window

CHUNK_ROWS = 1 << 16
"""Rows that are counted together: a column of them fits the processor's cache."""
PENDING = 16
"""Counted chunks that are held before they are merged into one."""

Reduced = tuple[Profile, Sample]


def usual_threads() -> int:
    """Return as many threads as there are processors, up to 4."""
    return min(4, os.cpu_count() or 1)


class LocalEngine:
    """Counts a window's chunks on threads, in memory that its length does not change.

    NumPy and Arrow let go of the interpreter's lock where the time is spent. Which
    thread counted what makes no difference: merging is exact.
    """

    def __init__(self, threads: int | None = None) -> None:
        """Use that many threads; as many as there are processors, up to 4, for None."""
        self._threads = threads or usual_threads()

    def count(
        self,
        rows: Rows,
        window: Window | None,
        bins: Bins,
        *,
        keep: int,
        by: str | None,
    ) -> Counted:
        """Profile the rows of a window in the reference's bins.

        `keep` rows are sampled `by` the hash of a column. Raises SourceError.
        """
        fragments = rows.fragments(window) if isinstance(rows, Fragmented) else None
        if fragments is not None:
            with ThreadPoolExecutor(self._threads) as pool:
                return Columns(fragments, bins, keep, by).count(pool, self._threads)

        def reduced(table: pa.Table) -> Reduced:
            return bins.profile(table), Sample.of(table, keep, by)

        done: list[Reduced] = []
        waiting: deque[Future[Reduced]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            for table in chunks(rows.read(window, None)):
                waiting.append(pool.submit(reduced, table))
                # One chunk more than there are threads: enough to keep them busy.
                if len(waiting) > self._threads:
                    done.append(waiting.popleft().result())
                if len(done) > PENDING:
                    done = [_merged(done)]
            done.extend(future.result() for future in waiting)
        profile, kept = _merged(done)
        return Counted(profile=profile, sample=kept)


def _merged(parts: list[Reduced]) -> Reduced:
    return (
        merge_all(profile for profile, _ in parts),
        sample.merge(kept for _, kept in parts),
    )


def chunks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Gather batches into tables of about `CHUNK_ROWS` rows; at least one table."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= CHUNK_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
