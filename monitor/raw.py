"""The rows of a column, read again for the checks that are asked to look at them.

One column of both sides is in memory for each thread, and no more. What is read must be
what was counted: a reference that was written over since its baseline was frozen is
told, never compared with.
"""

import threading
from collections.abc import Container, Iterator, Sequence

import pyarrow as pa

from checks.bins import Floats
from checks.errors import Unmeasurable
from checks.profile import Profile
from checks.rows import Values, in_rows
from checks.schema import Column, Role, Schema
from monitor.engines.base import Fragmented, Fragments, Rows
from monitor.errors import SourceError
from monitor.window import Window

CHANGED_REFERENCE = "the reference's rows are not those of the baseline"
CHANGED_PAST = "the earlier windows' rows are not those that were counted"
CHANGED_WINDOW = "the window's rows changed while they were read"


class Side:
    """Some stretches of a source's rows, of which one column at a time is read.

    May be shared by threads. `counted` is the profile of these rows.
    """

    def __init__(
        self,
        rows: Rows,
        spans: Sequence[Window | None],
        counted: Profile,
        changed: str,
    ) -> None:
        """Read nothing yet; `changed` is what to tell when the rows are others."""
        self._rows = rows
        self._spans = spans
        self._counted = counted
        self._changed = changed
        self._lock = threading.Lock()
        self._stretches: list[tuple[Window | None, Fragments | None]] | None = None

    def ordered(self, column: Column, time: Column | None) -> Values:
        """Read the values of one column and keep their rows as they came, timed."""
        values = self.values(column)
        pieces = list(self._pieces(column))
        return values.in_order(*pieces, times=self._times(time, values.rows))

    def _times(self, time: Column | None, rows: int) -> Floats | None:
        """Return when each row was; None where the rows do not tell."""
        if time is None:
            return None
        try:
            found = in_rows(time.kind, *self._pieces(time))
        except Unmeasurable:
            return None
        return found if len(found) == rows else None

    def values(self, column: Column) -> Values:
        """Read the values of one column; raises Unmeasurable where they cannot be."""
        try:
            values = Values.of(column, *self._pieces(column))
        except (SourceError, pa.ArrowException) as error:
            raise Unmeasurable(str(error)) from error
        profile = self._counted.columns.get(column.name)
        if profile is None or not values.are_those_of(profile):
            raise Unmeasurable(self._changed)
        return values

    def _pieces(self, column: Column) -> Iterator[pa.ChunkedArray]:
        name = column.name
        encoded = () if column.kind.ordered else (name,)
        for span, fragments in self._opened():
            if fragments is None:
                for batch in self._rows.read(span, [name]):
                    if name in batch.schema.names:
                        yield pa.chunked_array([batch.column(name)])
            elif name in fragments.schema.names:
                for part in fragments.parts:
                    for _, piece in part.read([name], encoded) if part.rows else ():
                        yield pa.chunked_array([piece])

    def _opened(self) -> list[tuple[Window | None, Fragments | None]]:
        """Open each stretch once, whose times are then looked at but once."""
        rows = self._rows
        with self._lock:
            if self._stretches is None:
                self._stretches = [
                    (
                        span,
                        rows.fragments(span) if isinstance(rows, Fragmented) else None,
                    )
                    for span in self._spans
                ]
                for _, fragments in self._stretches:
                    # By one thread, before others may share them.
                    _ = [part.rows for part in fragments.parts] if fragments else []
            return self._stretches


class RawRows:
    """Both sides of a comparison, column by column, for `Evidence.values`."""

    def __init__(self, schema: Schema, reference: Side | None, current: Side) -> None:
        """Read nothing yet."""
        self._ordered: Container[str | None] = ()
        self._schema = schema
        self._reference = reference
        self._current = current

    def keeping_order(self, columns: Container[str | None]) -> "RawRows":
        """Return the same, which keeps the order of the reference in some columns."""
        same = RawRows(self._schema, self._reference, self._current)
        same._ordered = columns
        return same

    def __call__(self, name: str) -> tuple[Values, Values]:
        """Return a column's rows of the reference and of the window.

        Raises Unmeasurable where they cannot be had, or are not those counted.
        """
        column = self._schema.get(name)
        if column is None or self._reference is None:
            cause = "the rows of the reference are not at hand"
            raise Unmeasurable(cause)
        if name in self._ordered:
            time = self._schema.first(Role.TIMESTAMP)
            known = self._reference.ordered(column, self._schema.get(time or ""))
        else:
            known = self._reference.values(column)
        return known, self._current.values(column)
