"""Which rows of a reference are kept as evidence, and which are looked at together.

Of all rows, and of some stretches of time, the ones with the smallest hashes: whatever
looks at rows of a stretch then finds the same ones as if it had all of them.
"""

from concurrent.futures import Executor

import numpy as np
import pyarrow as pa

from checks import sample
from checks.dependence import (
    FEWEST_STRETCHES,
    MOST_STRETCHES,
    ROWS_OF_STRETCH,
    spread_out,
)
from checks.ranks import FEWEST_ROWS
from checks.sample import Sample
from monitor.engines.base import Fragment
from monitor.engines.columns import CROWD, Chosen, Keys, Places, in_order
from monitor.engines.stretches import Stretches

CELLS = 4_000_000
"""Values that are looked at together, where rows have no time: few of a wide table."""


class Gleaning:
    """The rows that are taken from a reference as its columns pass."""

    def __init__(self, rows: Stretches, *, keep: int, by: str | None) -> None:
        """Choose nothing yet; `keep` rows are sampled `by` the hash of a column."""
        self._rows = rows
        self._keep = keep
        self._by = by
        told = [s for s in range(rows.count) if rows.stretch_rows[s] >= FEWEST_ROWS]
        asked = set(spread_out(range(rows.count), MOST_STRETCHES))
        self._stretches = [stretch for stretch in told if stretch in asked]
        self.places: list[Places] = []
        """The places of the chosen rows in each fragment, in order."""
        self._keys: list[Keys] = []

    @property
    def _apart(self) -> bool:
        """Whether stretches are looked at one by one, and not all rows together."""
        return len(self._stretches) >= FEWEST_STRETCHES

    def choose(self, pool: Executor, threads: int) -> None:
        """Choose the rows; raises SourceError."""
        most = ROWS_OF_STRETCH * MOST_STRETCHES
        most = max(self._keep, min(most, CELLS // max(1, len(self._rows.schema))))
        sets: dict[int | None, Chosen] = {
            None: Chosen(self._keep if self._apart else most)
        }
        if self._apart:
            sets |= {stretch: Chosen(ROWS_OF_STRETCH) for stretch in self._stretches}
        numbers = [(number,) for number in range(len(self._rows.parts))]
        for number, keys in enumerate(in_order(pool, threads, self._row_keys, numbers)):
            codes = self._rows.codes(number)
            for stretch, chosen in sets.items():
                every = stretch is None
                places = (
                    np.arange(len(keys)) if every else np.flatnonzero(codes == stretch)
                )
                near = self._least(self._rows.parts[number], keys, places, chosen.size)
                chosen.add(near, keys[near])
        found = [chosen.places for chosen in sets.values()]
        for parts in zip(*found, strict=True):
            places = np.concatenate([places for places, _ in parts])
            keys = np.concatenate([keys for _, keys in parts])
            places, first = np.unique(places, return_index=True)
            self.places.append(places)
            self._keys.append(keys[first])

    def sampled(self, rows: pa.Table) -> pa.Table:
        """Return the row sample, of all chosen rows in their order."""
        return Sample.keyed(rows, np.concatenate(self._keys), self._keep).table

    def stretches(self, rows: pa.Table) -> list[pa.Table]:
        """Return the chosen rows of the stretches that are looked at, in order."""
        if not self._apart:
            return [rows]
        numbers = range(len(self.places))
        codes = np.concatenate([self._rows.codes(n)[self.places[n]] for n in numbers])
        return [
            rows.take(sample.arrow(np.flatnonzero(codes == stretch)))
            for stretch in self._stretches
        ]

    def _row_keys(self, number: int) -> Keys:
        part, schema = self._rows.parts[number], self._rows.schema
        if not part.rows:
            return np.empty(0, np.uint64)
        return sample.row_keys(
            lambda name: self._rows.whole(part, name), schema, part.rows, self._by
        )

    def _least(self, part: Fragment, keys: Keys, places: Places, size: int) -> Places:
        """Return the rows with the smallest keys among those at some places."""
        near = places[sample.smallest(keys[places], size)]
        if len(near) <= CROWD * size:
            return near
        # Very many rows have the same key: all that they hold tells them apart.
        there = sample.arrow(near)
        ties = sample.row_hashes(
            lambda name: self._rows.whole(part, name).take(there),
            self._rows.schema,
            len(near),
        )
        return np.sort(near[np.lexsort((ties, keys[near]))[:size]])
