"""Rows gathered one by one into a table, as columns of the types that they show."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from monitor.payloads import Row
from monitor.quarantine import Quarantine
from monitor.sources.json_lines import batches_of
from monitor.sources.tables import typed
from monitor.sources.texts import ARROW, Kind
from monitor.sources.unify import conformed, unified

_CHUNK = 8_192
"""Rows that are made into columns at once."""


class Gathering:
    """Rows that are kept as columns, about eight bytes a value."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._batches: list[pa.RecordBatch] = []
        self._waiting: list[Row] = []

    def add(self, rows: Sequence[Row], name: str) -> None:
        """Keep some rows; `name` is told where they cannot be columns (SourceError)."""
        self._waiting.extend(rows)
        if len(self._waiting) >= _CHUNK:
            self._close(name)

    def table(
        self, name: str, kinds: Mapping[str, Kind], zone: str, left_out: Quarantine
    ) -> pa.Table:
        """Return all rows in one schema: the declared types, or the narrowest.

        Rows with a value that is not of its declared type are left out.
        """
        self._close(name)
        found = unified((name, batch.schema) for batch in self._batches)
        schema = pa.schema(
            [
                (one.name, ARROW[kinds[one.name]] if one.name in kinds else one.type)
                for one in found
            ]
        )
        rows = []
        for batch in self._batches:
            places = range(batch.num_rows)
            fitting = typed(batch, places, schema, kinds, zone, name, left_out)
            rows.append(conformed(fitting, schema, name, {}))
        return pa.Table.from_batches(rows, schema=schema)

    def _close(self, name: str) -> None:
        """Make columns of what is waiting."""
        places = range(len(self._waiting))
        self._batches += [b for b, _ in batches_of(self._waiting, places, None, name)]
        self._waiting.clear()
