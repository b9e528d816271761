"""A reference read column by column, and cut into stretches of time as it passes.

Portions of rows are looked at one after the other: a few columns of one portion are in
memory for each thread, never the whole reference, in whatever order its rows stand.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.sample import arrow
from checks.segment import Segment, members
from monitor.engines.base import Fragment, Fragmented, Fragments, Rows

PORTION = 1 << 19
"""Values that a thread holds at once, of all the columns that it looks at together."""

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.unsignedinteger[Any]]
"""The stretch of time that each row lies in, by number, in as few bytes as will do."""


@dataclass(frozen=True, slots=True)
class Batched:
    """Rows that come in batches alone, as the one fragment that they are."""

    source: Rows
    schema: pa.Schema
    rows: int

    @classmethod
    def of(cls, source: Rows) -> "Batched":
        """Look at the first batch, and count all the others; raises SourceError."""
        schema = next(iter(source.read(None, None))).schema
        some = schema.names[:1]
        rows = sum(batch.num_rows for batch in source.read(None, some))
        return cls(source, schema, rows)

    @property
    def parts(self) -> Sequence[Fragment]:
        """The fragment itself."""
        return (self,)

    def read(
        self, columns: Sequence[str], encoded: Container[str] = ()
    ) -> Iterator[tuple[str, pa.Array]]:
        """Yield the columns of one batch after the other."""
        del encoded
        if columns:
            for batch in self.source.read(None, list(columns)):
                for name in columns:
                    yield name, batch.column(name)


def opened(source: Rows) -> Fragments:
    """Return all rows of a source as fragments; raises SourceError."""
    found = source.fragments(None) if isinstance(source, Fragmented) else None
    return found or Batched.of(source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of a portion that lie in a segment (None: all), stretch by stretch.

    `order` puts them in order of stretches; None where they are in it already. Each of
    the `cuts` is a stretch's number, and where its rows begin and end in that order.
    """

    segment: str | None
    order: pa.Array | None
    cuts: Sequence[tuple[int, int, int]]

    @classmethod
    def of(cls, segment: str | None, codes: Codes, places: Ints | None) -> "Group":
        """Group rows by stretches; `places` are those of a segment's rows."""
        if places is not None:
            codes = codes[places]
        if (codes[1:] < codes[:-1]).any():
            order = np.argsort(codes, kind="stable")
            codes = codes[order]
            places = order if places is None else places[order]
        edges = np.flatnonzero(codes[1:] != codes[:-1]) + 1
        ends = [0, *edges.tolist(), len(codes)] if len(codes) else [0]
        return cls(
            segment=segment,
            order=None if places is None else arrow(places),
            cuts=[(int(codes[a]), a, b) for a, b in pairwise(ends)],
        )

    def split(
        self, rows: pa.ChunkedArray | pa.Table
    ) -> Iterator[tuple[int, pa.ChunkedArray | pa.Table]]:
        """Walk over the stretches with their share of a portion's rows."""
        ordered = rows if self.order is None else rows.take(self.order)
        for stretch, start, end in self.cuts:
            yield stretch, ordered.slice(start, end - start)


class Stretches:
    """All rows of a reference, whose stretches of time and segments are known."""

    def __init__(self, rows: Fragments, timestamp: str | None, length: int) -> None:
        """Read the times, where a column tells them all; `length` is in microseconds.

        Raises SourceError.
        """
        self.schema = rows.schema
        self.parts = rows.parts
        self.sizes = [part.rows for part in self.parts]
        self._codes: list[Codes | int] = [0] * len(self.parts)
        self.centres: tuple[int, ...] = ()
        self.length = length
        self._segments: tuple[Segment, ...] = ()
        self._inside: list[dict[str, npt.NDArray[np.uint8]]] = [{} for _ in self.parts]
        if timestamp in self.schema.names and pa.types.is_timestamp(
            self.schema.field(timestamp).type
        ):
            self._cut(timestamp or "", length)

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.sizes)

    @property
    def count(self) -> int:
        """How many stretches there are; one where nothing cuts the rows."""
        return max(1, len(self.centres))

    @property
    def times(self) -> dict[str, Any]:
        """When the stretches were: their middles and their length in microseconds."""
        if self.count == 1:
            return {"timed": False}
        return {"timed": True, "centres": self.centres, "length": self.length}

    @cached_property
    def stretch_rows(self) -> Ints:
        """How many rows each stretch has."""
        total = np.zeros(self.count, np.int64)
        for number in range(len(self.parts)):
            total += np.bincount(self.codes(number), minlength=self.count)
        return total

    def codes(self, number: int) -> Codes:
        """Return which stretch each row of a fragment lies in."""
        return np.broadcast_to(np.asarray(self._codes[number]), self.sizes[number])

    @property
    def groups(self) -> tuple[str | None, ...]:
        """What is counted by itself: all rows, and those of each segment."""
        return (None, *(segment.name for segment in self._segments))

    def divide(self, segments: tuple[Segment, ...]) -> None:
        """Find out which rows lie in which segment, a bit for each."""
        self._segments = segments
        if not segments:
            return
        for number, part in enumerate(self.parts):
            read = partial(self._column, part)
            for segment, places in members(segments, read, part.rows):
                inside = np.zeros(part.rows, np.bool_)
                inside[places] = True
                self._inside[number][segment.name] = np.packbits(inside)

    def portions(self, columns: int) -> list[range]:
        """Gather neighbouring fragments, by number, for so many columns at once."""
        most = max(1, PORTION // max(1, columns))
        found, start, rows = [], 0, 0
        for number, size in enumerate(self.sizes):
            if rows and rows + size > most:
                found.append(range(start, number))
                start, rows = number, 0
            rows += size
        return [*found, range(start, len(self.sizes))]

    def grouped(self, portion: range) -> list[Group]:
        """Group the rows of a portion, all of them and those of each segment."""
        codes = np.concatenate([self.codes(n) for n in portion])
        found = [Group.of(None, codes, None)]
        for segment in self._segments:
            inside = [
                np.unpackbits(self._inside[n][segment.name], count=self.sizes[n])
                for n in portion
            ]
            places = np.flatnonzero(np.concatenate(inside))
            found.append(Group.of(segment.name, codes, places))
        return found

    def places(self, portion: range, chosen: Sequence[Ints]) -> Ints:
        """Return the chosen places of each fragment as places in a portion."""
        starts = np.cumsum([0, *(self.sizes[n] for n in portion)])
        found = [chosen[n] + starts[i] for i, n in enumerate(portion)]
        return np.concatenate(found)

    def column(
        self, portion: range, names: Sequence[str], encoded: Container[str] = ()
    ) -> dict[str, pa.ChunkedArray]:
        """Read some columns of a portion, whole."""
        pieces: dict[str, list[pa.Array]] = {name: [] for name in names}
        for number in portion:
            if self.sizes[number]:
                for name, piece in self.parts[number].read(names, encoded):
                    pieces[name].append(piece)
        return {name: self.joined(name, found) for name, found in pieces.items()}

    def table(self, portion: range, names: Sequence[str]) -> pa.Table:
        """Read some columns of a portion as a table."""
        return pa.table(self.column(portion, names))

    def joined(self, name: str, pieces: list[pa.Array]) -> pa.ChunkedArray:
        """Put pieces of one column together."""
        if not pieces:
            return pa.chunked_array([], self.schema.field(name).type)
        if len({piece.type for piece in pieces}) > 1:
            # Some fragments had no dictionary to encode with.
            pieces = [
                p.dictionary_decode() if pa.types.is_dictionary(p.type) else p
                for p in pieces
            ]
        joined = pa.chunked_array(pieces)
        coded = pa.types.is_dictionary(joined.type)
        return joined.unify_dictionaries() if coded else joined

    def whole(self, part: Fragment, name: str) -> pa.ChunkedArray:
        """Read one column of a fragment."""
        return self.joined(name, [piece for _, piece in part.read([name])])

    def _column(self, part: Fragment, name: str) -> pa.ChunkedArray | None:
        if name not in self.schema.names or not part.rows:
            return None
        return self.whole(part, name)

    def _cut(self, timestamp: str, length: int) -> None:
        """Number the stretches, and note for each row which one it lies in."""
        found: list[tuple[Ints, Ints]] = []
        for part in self.parts:
            column = self._column(part, timestamp)
            if column is not None and column.null_count:
                return  # some rows have no time: nothing is learned from any
            blocks = (
                np.empty(0, np.int64) if column is None else _blocks(column, length)
            )
            stretches, codes = np.unique(blocks, return_inverse=True)
            # One byte, or a few, for each row: there may be many.
            found.append((stretches, codes.astype(np.min_scalar_type(len(stretches)))))
        known = np.unique(np.concatenate([stretches for stretches, _ in found]))
        if not len(known):
            return
        self.centres = tuple((known * length + length // 2).tolist())
        for number, (stretches, codes) in enumerate(found):
            places: Codes = np.searchsorted(known, stretches).astype(
                np.min_scalar_type(len(known))
            )
            one = len(places) == 1
            self._codes[number] = int(places[0]) if one else places[codes]


def _blocks(column: pa.ChunkedArray, length: int) -> Ints:
    """Return the number of each row's stretch since the epoch."""
    times = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    moments = np.asarray(pc.cast(times, pa.int64()))
    return np.asarray(moments // length)
