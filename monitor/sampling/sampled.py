"""A source of which a sample is read: the same rows, however they are asked for."""

import threading
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np
import pyarrow as pa

from checks.bins import Floats, Ints
from checks.sample import arrow
from checks.schema import Schema
from checks.weight import WEIGHT
from monitor.config import Sampling
from monitor.engines.base import Fragment, Fragmented, Fragments, Rows, remarks
from monitor.sampling.limits import Thresholds, chosen
from monitor.sampling.rule import Read, Rule
from monitor.window import Window, around

_FIELD = pa.field(WEIGHT, pa.float64())


def sampled(rows: Rows, section: Sampling | None, table: Schema) -> Rows:
    """Return the rows of which only a sample is to be read; all where none is asked."""
    return rows if section is None else Sampled(rows, Rule.of(section, table))


class Sampled:
    """The sampled rows of a source, each beside what it stands for.

    May be shared by threads. Rows that were sampled when they were taken in, and say
    so by their weights, are left as they are. Of a stretch of time that is limited all
    rows are looked at, also those outside a window that cuts it: any window then finds
    the same ones of them.
    """

    def __init__(self, rows: Rows, rule: Rule) -> None:
        """Read nothing yet."""
        self._rows = rows
        self._rule = rule
        self._lock = threading.Lock()
        self._known: dict[Window | None, Thresholds] = {}

    def remarks(self) -> Sequence[str]:
        """Return what is to be told of the last reading that came to its end."""
        return remarks(self._rows)

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Walk over the sampled rows of a window (None: all) in batches."""
        asked = None
        if columns is not None:
            asked = list(dict.fromkeys([*columns, *self._rule.columns, WEIGHT]))
        some, empty = False, None
        for batch in self._rows.read(window, asked):
            found = batch
            if WEIGHT not in batch.schema.names:
                found = self._taken(batch, self._thresholds(window))
            if columns is not None:
                found = found.select([n for n in columns if n in found.schema.names])
            empty, some = found.slice(0, 0), some or found.num_rows > 0
            if found.num_rows:
                yield found
        if not some and empty is not None:
            yield empty

    def fragments(self, window: Window | None) -> Fragments | None:
        """Return the sampled rows as fragments; None where they come in batches alone.

        Raises SourceError.
        """
        rows = self._rows
        found = rows.fragments(window) if isinstance(rows, Fragmented) else None
        if found is None or WEIGHT in found.schema.names:
            return found
        limits = self._thresholds(window)
        parts = [_Part(part, self._rule, limits, found.schema) for part in found.parts]
        return _Parts(found.schema.append(_FIELD), parts)

    def _taken(self, batch: pa.RecordBatch, limits: Thresholds) -> pa.RecordBatch:
        """Return the rows of a batch that are kept."""
        read = partial(_column, pa.Table.from_batches([batch]))
        places, weights = _choice(self._rule, limits, read, batch.num_rows)
        arrays = [column.take(arrow(places)) for column in batch.columns]
        schema = batch.schema.append(_FIELD)
        return pa.record_batch([*arrays, arrow(weights)], schema=schema)

    def _thresholds(self, window: Window | None) -> Thresholds:
        """Look at the whole of every stretch that a window has a part of, once."""
        rule = self._rule
        with self._lock:
            found = self._known.get(window)
            if found is None:
                found = Thresholds(rule.limit)
                if rule.limit:
                    self._look(window, found)
                self._known[window] = found
            return found

    def _look(self, window: Window | None, into: Thresholds) -> None:
        """Look at the rows of whole stretches; raises SourceError."""
        length = timedelta(microseconds=self._rule.per)
        wide = window and around(window, length)
        for batch in self._rows.read(wide, list(self._rule.columns)):
            read = partial(_column, pa.Table.from_batches([batch]))
            into.add(self._rule.look(read, batch.num_rows))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    return table.column(name) if name in table.column_names else None


def _choice(
    rule: Rule, limits: Thresholds, read: Read, rows: int
) -> tuple[Ints, Floats]:
    """Return the places of the rows that are kept, and what each stands for."""
    looked = rule.look(read, rows)
    rate = limits.rates(looked) if looked.rate is None else looked.rate
    mask, weights = chosen(looked, rate)
    places = np.flatnonzero(mask)
    return places, weights[places]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The sampled rows of a window, fragment by fragment."""

    schema: pa.Schema
    parts: Sequence[Fragment]


class _Part:
    """The sampled rows of a fragment, which are chosen when they are asked for."""

    def __init__(
        self, part: Fragment, rule: Rule, limits: Thresholds, schema: pa.Schema
    ) -> None:
        """Read nothing yet."""
        self._part = part
        self._rule = rule
        self._limits = limits
        self._names = frozenset(schema.names)
        self._lock = threading.Lock()
        self._found: tuple[Ints, Floats] | None = None

    @property
    def rows(self) -> int:
        """How many rows are kept; the columns that decide are read for it."""
        return len(self._chosen[0])

    def read(
        self, columns: Sequence[str], encoded: Container[str] = ()
    ) -> Iterator[tuple[str, pa.Array]]:
        """Yield each column's values, in pieces, beside its name; rows in order."""
        places, weights = self._chosen
        if WEIGHT in columns:
            yield WEIGHT, arrow(weights)
        stored = [name for name in columns if name != WEIGHT]
        if not len(places):
            return
        seen = dict.fromkeys(stored, 0)
        for name, piece in self._part.read(stored, encoded):
            start, end = seen[name], seen[name] + len(piece)
            seen[name] = end
            first, last = np.searchsorted(places, [start, end])
            yield name, piece.take(arrow(places[first:last] - start))

    @property
    def _chosen(self) -> tuple[Ints, Floats]:
        with self._lock:
            if self._found is None:
                rows = self._part.rows
                self._found = _choice(self._rule, self._limits, self._read, rows)
            return self._found

    def _read(self, name: str) -> pa.ChunkedArray | None:
        if name not in self._names or not self._part.rows:
            return None
        return pa.chunked_array([piece for _, piece in self._part.read([name])])
