"""What tables of versions share, Delta's and Iceberg's: libraries of their own."""

import importlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from monitor.errors import SourceError
from monitor.sources.unify import conformed, unified, within
from monitor.window import Window


def library(module: str, extra: str) -> Any:  # noqa: ANN401 - it may not be there
    """Return a library that is not always installed; raises SourceError."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        msg = f"{name} is not installed. Fix: pip install 'driftd[{extra}]'"
        raise SourceError(msg, permanent=True) from error


def wanted(
    name: str, schema: pa.Schema, columns: Sequence[str] | None
) -> tuple[pa.Schema, list[str] | None]:
    """Return the columns of a reading as the port tells them, and their names."""
    whole = unified([(name, schema)])
    if columns is None:
        return whole, None
    kept = [whole.field(one) for one in columns if one in whole.names]
    return pa.schema(kept), [field.name for field in kept]


def rows_of(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    window: Window | None,
    by: str | None,
    name: str,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a window in a schema, at least one batch."""
    empty = True
    for batch in batches:
        # Arrow filters no views of texts, which these libraries give: conformed first.
        rows = conformed(batch, schema, name, {})
        if window is not None and by is not None:
            times = batch.column(batch.schema.get_field_index(by))
            rows = within(rows, times, window, f"{name}: column {by!r}")
        if rows.num_rows:
            empty = False
            yield rows
    if empty:
        yield pa.RecordBatch.from_pylist([], schema=schema)


def refuse_without_time(
    name: str, schema: pa.Schema, window: Window | None, by: str | None
) -> None:
    """Refuse a window of rows that have no time; raises SourceError."""
    if window is None:
        return
    if by is None:
        msg = "no column says when a row was served. Fix: give one role: timestamp"
        raise SourceError(msg, permanent=True)
    if by not in schema.names:
        msg = f"{name}: column {by!r} is not there, so its rows have no time"
        raise SourceError(msg + ". Fix: write it", permanent=True)
