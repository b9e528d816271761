"""The port of engines: what counting a window's rows gives."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa

from checks.profile import Bins, Profile
from checks.sample import Sample
from monitor.window import Window


class Rows(Protocol):
    """Something that rows are read from again and again, by stretch of time.

    Every source is one; an engine needs no more of it than this.
    """

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Walk over the rows of a window (None: all) in batches."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of a table in memory: all of them, whatever the time asked for."""

    table: pa.Table

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Walk over all rows in batches, at least one."""
        del window
        chosen = self.table if columns is None else self.table.select(columns)
        yield from chosen.combine_chunks().to_batches() or [
            pa.RecordBatch.from_pylist([], schema=chosen.schema)
        ]


class Fragment(Protocol):
    """A stretch of a window's rows, whose columns are read one after the other."""

    @property
    def rows(self) -> int:
        """How many rows it has; asked by one thread before any column is read."""
        ...

    def read(
        self, columns: Sequence[str], encoded: Container[str] = ()
    ) -> Iterator[tuple[str, pa.Array]]:
        """Yield each column's values, in pieces, beside its name; every row in order.

        Texts of the columns `encoded` may come as places in a dictionary.
        """
        ...


class Fragments(Protocol):
    """All the rows of a window, in one schema."""

    @property
    def schema(self) -> pa.Schema:
        """The columns that every fragment has, as `read` yields them."""
        ...

    @property
    def parts(self) -> Sequence[Fragment]:
        """The fragments, each to be read by any thread."""
        ...


@runtime_checkable
class Fragmented(Protocol):
    """Rows that can also be read column by column, which takes less memory and time."""

    def fragments(self, window: Window | None) -> Fragments | None:
        """Return what `read` would yield, uncut; None where it comes in batches alone.

        Raises SourceError.
        """
        ...


Piece = tuple[str | None, Iterator[pa.RecordBatch]]
"""Some of a window's rows, beside a name that tells them, and what they hold, from all
others: None where the window cuts through what they are stored in, or nobody can."""


@runtime_checkable
class Pieced(Protocol):
    """Rows that also come in pieces, each of which says when it is the same again."""

    def pieces(self, window: Window, columns: Sequence[str] | None) -> Iterator[Piece]:
        """Walk over what `read` would yield, piece by piece; raises SourceError."""
        ...


def pieces(
    rows: Rows, window: Window, columns: Sequence[str] | None
) -> Iterator[Piece]:
    """Walk over the pieces of some rows: one without a name where they have none.

    Raises SourceError.
    """
    if isinstance(rows, Pieced):
        yield from rows.pieces(window, columns)
    else:
        yield None, rows.read(window, columns)


@runtime_checkable
class Remarking(Protocol):
    """Rows of which some may have been left out, or told otherwise than meant."""

    def remarks(self) -> Sequence[str]:
        """Return what is to be told of the last reading that came to its end."""
        ...


def remarks(rows: object) -> tuple[str, ...]:
    """Return what is to be told of the last reading of some rows, if they tell."""
    return tuple(rows.remarks()) if isinstance(rows, Remarking) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A window's rows, reduced: the profile, and a bounded sample as evidence."""

    profile: Profile
    sample: Sample


class Engine(Protocol):
    """Something that reads a window's rows once and reduces them."""

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
        ...
