"""Row-level skew of one window: served rows beside what they should have been."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from checks.equality import Tolerance
from checks.errors import ChecksError
from checks.pairs import PairingCounts, Pairs
from checks.sample import Sample, arrow, merge
from checks.schema import Column, Role
from monitor.config import Model, Recomputed, Replay
from monitor.config.skew import Compared
from monitor.engines.base import Rows
from monitor.errors import SourceError
from monitor.feeds import Feeds
from monitor.ids import pick
from monitor.order import Kind, Order
from monitor.pairing import Joining, join_pairs
from monitor.recompute import recompute
from monitor.remedies import remedy
from monitor.spill import Side, parted
from monitor.window import Window

FEW_JOINED = 0.99
"""The share of the served rows that are joined below which it is told."""


MOST_SHOWN = 5
"""Features that differ of which rows are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """The pairs of each compared column, or why there are none; how rows met.

    `rows` are those of the window, where only some of them were run again.
    """

    pairs: Mapping[str, Pairs] | None = None
    cause: str = ""
    counts: PairingCounts | None = None
    rows: int = 0

    @property
    def evidence(self) -> dict[str, Any]:
        """What checks are told of it."""
        if self.pairs is None:
            return {}
        return {"pairs": self.pairs, "pairs_cause": self.cause}

    @property
    def notes(self) -> Iterator[str]:
        """What people should know of the join before they believe its figures."""
        yield from self._meeting
        yield from self._examples

    @property
    def _meeting(self) -> Iterator[str]:
        """Say which rows were not compared."""
        counts = self.counts
        if counts is None:
            return
        served = counts.ids - counts.only_recomputed
        if served < self.rows:
            yield f"{served:,} of {self.rows:,} rows were run again for row-level skew"
        if counts.joined_share < FEW_JOINED and served:
            yield (
                f"row-level skew saw {counts.joined:,} of {served:,} served rows "
                f"({counts.joined_share:.1%}): {counts.only_served:,} were not "
                f"recomputed, {counts.duplicated:,} are not told apart"
            )
        if counts.served_without_id:
            yield f"{counts.served_without_id:,} served rows have no id to be joined by"

    @property
    def _examples(self) -> Iterator[str]:
        """Show rows of the features that differ most."""
        differing = [one for one in (self.pairs or {}).values() if one.examples]
        worst = sorted(differing, key=lambda one: (-one.differing, one.column))
        for one in worst[:MOST_SHOWN]:
            said = f"{one.column}, for example {'; '.join(map(str, one.examples))}"
            cause = one.cause
            advice = remedy(cause.law.sentence) if cause else None
            yield f"{said}. To do: {advice}" if advice else said

    def to_dict(self) -> dict[str, Any] | None:
        """Return the counters in the JSON form that scripts rely on; None for none."""
        if self.pairs is None:
            return None
        return {
            "cause": self.cause if not self.pairs else None,
            "pairing": self.counts.to_dict() if self.counts else None,
            "features": {name: one.to_dict() for name, one in self.pairs.items()},
        }


NO_SKEW = Skew()


def compared(section: Model) -> tuple[Column, ...]:
    """Return the columns that are compared row by row; none where nothing is."""
    asked, table = section.replay or section.recomputed, section.table
    if asked is None:
        return ()
    if asked.columns is not None:
        return tuple(column for column in table if column.name in asked.columns)
    if isinstance(asked, Replay):
        if asked.outputs:
            return tuple(column for column in table if column.name in asked.outputs)
        if asked.kind is not Kind.CALLABLE:
            return (*table.with_role(Role.SCORE), *table.with_role(Role.PREDICTION))[:1]
    return table.with_role(Role.FEATURE)


def compared_names(section: Model) -> tuple[str, ...]:
    """Name the columns that are compared row by row."""
    return tuple(column.name for column in compared(section))


def row_skew(section: Model, window: Window | None, feeds: Feeds) -> Skew:
    """Join served rows with recomputed ones, or say why that cannot be."""
    if feeds.replay is not None and section.replay is not None:
        return _replayed(section, section.replay, feeds.replay, window, feeds)
    asked = section.recomputed
    if feeds.recomputed is None or asked is None:
        return NO_SKEW
    joining = _joining(section, asked)
    columns = compared(section)
    names = [*joining.names, *(column.name for column in columns)]
    dated = [joining.at] if joining.at else []
    try:
        sides = [
            _side(feeds.predictions, window, [*names, *dated], joining),
            _side(feeds.recomputed, _reaching(window, joining), names, joining),
        ]
        with closing(parted(*sides)) as parts:
            found = join_pairs(parts, joining=joining, features=columns)
    except (SourceError, ChecksError, pa.ArrowException) as error:
        return Skew(pairs={}, cause=f"recomputed features: {error}")
    return Skew(
        pairs=found.features,
        counts=found.counts,
        cause="no recomputed rows for this window",
    )


def replayed(section: Model, version: str) -> Order | None:
    """Return what a model's served rows are run through again; None for nothing."""
    if section.replay is None:
        return None
    return section.replay.order(compared_names(section), version)


ROW = "driftd_row"
"""The column that numbers rows which are run again."""
AT_ONCE = 4_096
"""Rows that are handed over together."""


def _replayed(
    section: Model, asked: Replay, order: Order, window: Window | None, feeds: Feeds
) -> Skew:
    """Run some of a window's rows again, and compare what comes back."""
    columns = compared(section)
    try:
        served, rows = _some(section, asked, window, feeds.predictions)
        if served.num_rows == 0:
            return Skew(pairs={}, cause="the window has no rows to be run again")
        given = _given(section, asked, served)
        answer = recompute(order, given.to_batches(max_chunksize=AT_ONCE))
        number = arrow(np.arange(served.num_rows))
        parts = [tuple(side.append_column(ROW, number) for side in (served, answer))]
        found = join_pairs(
            [(ours, theirs) for ours, theirs in parts],
            joining=Joining(
                id=ROW,
                at=section.time_column,
                named=section.table.first(Role.ID),
                hidden=section.personal,
                tolerance=_tolerance(asked),
            ),
            features=columns,
        )
    except (SourceError, ChecksError, pa.ArrowException) as error:
        return Skew(pairs={}, cause=f"replay: {error}")
    return Skew(pairs=found.features, counts=found.counts, rows=rows)


def _some(
    section: Model, asked: Replay, window: Window | None, rows: Rows
) -> tuple[pa.Table, int]:
    """Return the rows that are run again, by the hash of their id, and of how many."""
    names = None
    if asked.inputs is not None or asked.kind is not Kind.CALLABLE:
        wanted = [*_inputs(section, asked), *compared_names(section)]
        told = (section.table.first(Role.ID), section.time_column)
        names = list(dict.fromkeys([*wanted, *(name for name in told if name)]))
    sample, seen = None, 0
    for batch in rows.read(window, names):
        table = pa.Table.from_batches([batch])
        seen += table.num_rows
        some = Sample.of(table, asked.rows, section.table.first(Role.ID))
        sample = some if sample is None else merge([sample, some])
    if sample is None:
        return pa.table({}), 0
    return sample.table, seen


def _inputs(section: Model, asked: Replay) -> tuple[str, ...]:
    """Name the columns that are handed over, in their order."""
    if asked.inputs is not None:
        return asked.inputs
    return tuple(column.name for column in section.table.with_role(Role.FEATURE))


def _given(section: Model, asked: Replay, served: pa.Table) -> pa.Table:
    """Return what is handed over: all columns to a function, features to a model."""
    if asked.inputs is None and asked.kind is Kind.CALLABLE:
        return served
    return pick(served, "predictions", *_inputs(section, asked))


def _tolerance(asked: Compared) -> Tolerance:
    return Tolerance(relative=asked.tolerance, absolute=asked.absolute_tolerance)


def _joining(section: Model, asked: Recomputed) -> Joining:
    """Say by what rows are joined."""
    tolerance = _tolerance(asked)
    if asked.on is not None and asked.timed:
        entity, time = asked.on
        return Joining(
            entity=entity,
            time=time,
            hidden=section.personal,
            reach=asked.tolerance_time,
            tolerance=tolerance,
        )
    key = asked.on[0] if asked.on else section.table.first(Role.ID)
    return Joining(
        id=key,
        entity=asked.entity,
        time=section.time_column if asked.entity else None,
        at=section.time_column,
        hidden=section.personal,
        tolerance=tolerance,
    )


def _reaching(window: Window | None, joining: Joining) -> Window | None:
    """Return the window of the recomputed rows that served ones may find."""
    if window is None or joining.id is not None:
        return window
    return Window(window.start - joining.reach, window.end)


def _side(
    rows: Rows, window: Window | None, names: list[str], joining: Joining
) -> Side:
    wanted = list(dict.fromkeys(names))
    return Side(batches=rows.read(window, wanted), key=joining.key)
