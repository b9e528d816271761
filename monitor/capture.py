"""What reached the log of a window's traffic: counters read, and numbers looked at."""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.errors import ChecksError, Unmeasurable
from checks.profile import Profile
from checks.schema import Kind, Role, Schema
from checks.segment import floats
from checks.traffic import REQUESTS, ROWS, UNANSWERED, Captured, Traffic
from checks.values import hashes
from checks.weight import UNIT, WEIGHT, Weight, units_of
from monitor.config import Model
from monitor.config.capture import Capture, Counters
from monitor.engines.base import Rows
from monitor.errors import SourceError
from monitor.feeds import Feeds
from monitor.landing import Counters as Counts
from monitor.window import Window

LARGEST = float(1 << 53)
"""A number up to which float64 keeps whole numbers apart."""


def captured(
    section: Model, window: Window | None, feeds: Feeds, profile: Profile
) -> Captured:
    """Find out what reached the log, or say why that cannot be told."""
    asked = section.capture
    if asked is None and feeds.door is None:
        return Captured()
    counted = asked is not None and asked.counters is not None
    biased = counted or section.sampling is not None
    told = asked is not None and (asked.sequence or asked.response)
    try:
        full = _full(asked, window, feeds) if biased or not told else None
        compared = biased and full is not None
        sample = _sample(section.table, window, feeds) if compared else None
        found = _counted(asked, full, window, feeds, profile)
    except (SourceError, ChecksError, pa.ArrowException) as error:
        return Captured(cause=f"capture: {error}")
    return Captured(full=full, sample=sample, **found)


def _counted(
    asked: Capture | None,
    full: Traffic | None,
    window: Window | None,
    feeds: Feeds,
    profile: Profile,
) -> dict[str, Any]:
    """Return how many rows there should have been, and how many there are."""
    if asked is not None and asked.sequence is not None:
        return _numbered(asked.sequence, asked.producer, window, feeds)
    if asked is not None and asked.response is not None:
        return _answered(asked.response, window, feeds)
    if full is None:
        return {}
    seen = profile.weight or Weight.plain(profile.rows)
    if REQUESTS in full.counts:
        requests, told = full.count(REQUESTS), "requests counted"
    else:
        requests, told = full.count(ROWS) + full.astray, "rows counted"
        told += f", {full.astray:,} of them refused or never sent" * (full.astray > 0)
    cause = "the counters of the full traffic have none in this window"
    if not requests:
        return {"cause": cause}
    answered = _less(seen, full.count(UNANSWERED))
    return {"requests": requests, "captured": answered, "told": told}


def _less(seen: Weight, unanswered: int) -> Weight:
    """Leave out the rows of calls known by halves; how many there are is certain."""
    total = max(0, seen.total - unanswered * UNIT)
    squares = max(0, seen.squares - unanswered * UNIT * UNIT)
    return replace(seen, total=total, squares=squares)


def _full(asked: Capture | None, window: Window | None, feeds: Feeds) -> Traffic | None:
    """Add up the counters of a window: those that are named, or the daemon's own.

    Raises SourceError, and Unmeasurable.
    """
    if asked is not None and asked.counters is not None and feeds.counters is not None:
        return _added_up(asked.counters, window, feeds.counters)
    return None if feeds.door is None else _at_the_door(feeds.door, window)


def _added_up(asked: Counters, window: Window | None, counters: Rows) -> Traffic:
    names = [asked.name, asked.count]
    totals: dict[str, int] = {}
    for batch in counters.read(window, names):
        for wanted in names:
            if wanted not in batch.schema.names:
                msg = f"the counters have no column {wanted!r}. Fix: name it in capture"
                raise SourceError(msg, permanent=True)
        counts = floats(pa.chunked_array([batch.column(asked.count)]), Kind.NUMERIC)
        for name, count in zip(
            batch.column(asked.name).to_pylist(), counts.tolist(), strict=True
        ):
            if not 0 <= count < LARGEST or count % 1:
                msg = f"the counter {name!r} is {count}. Fix: give a whole number"
                raise SourceError(msg, permanent=True)
            totals[str(name)] = totals.get(str(name), 0) + int(count)
    return Traffic.named(totals)


def _at_the_door(counts: Counts, window: Window | None) -> Traffic:
    """Read the daemon's own counts; raises SourceError, and Unmeasurable."""
    try:
        return counts.within(window)
    except (OSError, ValueError) as error:
        msg = f"{counts.path}: the counts cannot be read ({error})"
        raise SourceError(msg, permanent=False) from error


def _sample(table: Schema, window: Window | None, feeds: Feeds) -> Traffic:
    """Count the sampled rows by their weights, as the full traffic is counted."""
    wanted = [column.name for column in table if column.role is not Role.IGNORED]
    parts = []
    for batch in feeds.predictions.read(window, [*wanted, WEIGHT]):
        rows = pa.Table.from_batches([batch])
        units = units_of(table, rows.column_names, rows.column, rows.num_rows)
        parts.append(Traffic.of(rows, table, units))
    return reduce(Traffic.merge, parts)


def _every(
    window: Window | None, feeds: Feeds, *names: str
) -> Iterator[pa.RecordBatch]:
    """Walk over columns of all rows of a window, sampled ones or not."""
    rows = feeds.every or feeds.predictions
    for batch in rows.read(window, list(names)):
        for name in names:
            if name not in batch.schema.names:
                cause = f"the log has no column {name!r}"
                raise Unmeasurable(cause)
        yield batch


def _answered(name: str, window: Window | None, feeds: Feeds) -> dict[str, Any]:
    """Count the rows that have a response."""
    rows = held = 0
    for batch in _every(window, feeds, name):
        column = batch.column(name)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        rows, held = rows + len(column), held + len(column) - column.null_count
    return {
        "requests": rows,
        "captured": Weight.plain(held),
        "told": "requests, by their responses",
    }


def _numbered(
    name: str, producer: str | None, window: Window | None, feeds: Feeds
) -> dict[str, Any]:
    """Count numbers that rise by one: those there are, and those there should be."""
    numbers, makers = [np.empty(0)], [np.empty(0, np.uint64)]
    for batch in _every(window, feeds, name, *([producer] if producer else [])):
        found = floats(pa.chunked_array([batch.column(name)]), Kind.NUMERIC)
        known = np.isfinite(found)
        numbers.append(found[known])
        maker = np.zeros(len(found), np.uint64)
        if producer is not None:
            maker = hashes(pa.chunked_array([batch.column(producer)]))
        makers.append(maker[known])
    number, maker = np.concatenate(numbers), np.concatenate(makers)
    if len(number) and (np.abs(number).max() >= LARGEST or (number % 1).any()):
        cause = f"{name!r} holds what is no whole number that rises by one"
        raise Unmeasurable(cause)
    order = np.lexsort((number, maker))
    number, maker = number[order], maker[order]
    starts = np.flatnonzero(maker[1:] != maker[:-1]) + 1
    expected = seen = 0
    for part in np.split(number, starts):
        if len(part):
            expected += int(part[-1] - part[0]) + 1
            seen += 1 + int(np.count_nonzero(np.diff(part)))
    return {
        "requests": expected,
        "captured": Weight.plain(seen),
        "told": "requests, by their numbers",
    }
