"""The decision on rows as they come: for whoever takes them in."""

import threading
from typing import Self

import numpy as np
import pyarrow as pa

from checks.bins import Floats
from checks.classes import Bools
from checks.sample import arrow
from checks.schema import Schema
from checks.weight import WEIGHT
from monitor.config import Sampling
from monitor.sampling.limits import Stream, chosen
from monitor.sampling.rule import Rule


class Decider:
    """Decides which rows of a stream are kept; may be shared by threads.

    At a rate the answer depends on the row alone: a row that is sent again, or to
    another replica, gets the same one. With a limit it also depends on how many rows of
    its stretch came before, to this process.
    """

    def __init__(self, rule: Rule) -> None:
        """Keep nothing yet."""
        self._rule = rule
        self._lock = threading.Lock()
        self._stream = Stream(rule.limit) if rule.limit else None

    @classmethod
    def of(cls, section: Sampling, table: Schema) -> Self:
        """Read a section that fits the model's columns."""
        return cls(Rule.of(section, table))

    def decide(self, table: pa.Table) -> tuple[Bools, Floats]:
        """Return which rows are kept, and how many rows each of these stands for."""

        def read(name: str) -> pa.ChunkedArray | None:
            return table.column(name) if name in table.column_names else None

        looked = self._rule.look(read, table.num_rows)
        if self._stream is None:
            rate = np.ones(0) if looked.rate is None else looked.rate
            mask, weights = chosen(looked, rate)
            return mask, weights[mask]
        with self._lock:
            mask, rate = self._stream.keep(looked)
        return mask, 1 / rate[mask]

    def sampled(self, table: pa.Table) -> pa.Table:
        """Return the rows that are kept, each beside what it stands for."""
        mask, weights = self.decide(table)
        kept = table.take(arrow(np.flatnonzero(mask)))
        return kept.append_column(WEIGHT, arrow(weights))
