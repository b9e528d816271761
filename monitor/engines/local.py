"""The engine of one machine: batches as they come, counted and merged."""

from collections.abc import Iterator

import pyarrow as pa

from checks import sample
from checks.profile import Bins, merge_all
from checks.sample import Sample
from monitor.engines.base import Counted, Rows
from monitor.window import Window

CHUNK_ROWS = 1 << 17
"""Rows that are sorted together: a column of them fits the processor's cache."""


class LocalEngine:
    """Counts a window's batches one after the other, in bounded memory."""

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
        profiles = []
        samples: list[Sample] = []
        for table in chunks(rows.read(window, None)):
            profiles.append(bins.profile(table))
            samples.append(Sample.of(table, keep, by))
            if len(profiles) > _PENDING:
                profiles = [merge_all(profiles)]
                samples = [sample.merge(samples)]
        return Counted(profile=merge_all(profiles), sample=sample.merge(samples))


_PENDING = 16
"""Chunk profiles that are held before they are merged."""


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
