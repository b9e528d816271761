"""How far the labels of some predictions have come, and how long labels take to come.

What is learned is learned from predictions of the last weeks, of which a bounded number
is kept by the hash of their id: the same ones whatever order they come in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Ints
from checks.delays import Arrived, Curve, Delays, cells
from checks.errors import ChecksError, Unmeasurable
from checks.evidence import Evidence
from checks.registry import Subject
from checks.suite import Entry
from checks.values import hashes
from monitor.baseline import outcome_columns
from monitor.config import Model
from monitor.engines.base import Rows, pieces
from monitor.feeds import Feeds
from monitor.ids import as_text, column, instant, instants, pick
from monitor.labels import LabelJoin
from monitor.recall import ALL, Firsts, Gathering, Recall, farthest
from monitor.store.records import LEARNED, Arrival, Run
from monitor.window import Window

MICRO = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How long labels take, learned at a moment, and when the last of them came."""

    delays: Delays
    window: Window
    as_of: datetime
    newest: datetime | None

    def arrival(self, model: str) -> Arrival:
        """Return the look as it is kept."""
        return Arrival(
            model=model,
            monitor=LEARNED,
            window=self.window,
            as_of=self.as_of,
            rows=self.delays.predictions,
            labelled=self.delays.labels,
            content=self.delays.to_bytes(),
            newest=self.newest,
        )


def curve_of(seen: Arrival | None) -> Curve | None:
    """Return what a kept look tells of how long labels take; None for nothing."""
    if seen is None:
        return None
    try:
        return Delays.from_bytes(seen.content).curve()
    except ChecksError:
        return None  # too few labels, or written by a newer driftd


def learn(  # noqa: PLR0913 - what is learned from, and what is known of it
    section: Model,
    feeds: Feeds,
    now: datetime,
    back: timedelta | None = None,
    *,
    recall: Recall | None = None,
    name: str = "",
) -> Learned | None:
    """Learn how long a model's labels take; None where they carry no times.

    From predictions as far `back` as is said, or as the config says; `recall` is what
    was read of the model `name` before. Raises SourceError, or ChecksError for ids that
    are none.
    """
    labels, made_at = section.labels, section.time_column
    if labels is None or labels.timestamp is None or made_at is None:
        return None
    if feeds.labels is None:
        return None
    recall, end = recall or Recall(0), instant(now)
    columns = outcome_columns(section.table, labels.timestamp)
    window = Window(now - (back or labels.looks_back), now)
    made = _made(recall, name, feeds.predictions, window, (columns.id, made_at))
    keys, most = made.keys, int(made.keys[-1]) if len(made.keys) else 0
    known = np.full(len(keys), np.iinfo(np.int64).max)
    newest = -1
    found = recall.walk(
        (name, "labels"),
        pieces(
            feeds.labels,
            Window(window.start, now + MICRO),
            [columns.id, columns.label, labels.timestamp],
        ),
        partial(_known, columns.id, columns.label, labels.timestamp, end),
        needed=most,
        most=partial(farthest, made),
    )
    for part in found:
        newest = max(newest, part.newest)
        some = part.upto(most)
        place = np.searchsorted(keys, some.keys)
        hit = keys[np.minimum(place, len(keys) - 1)] == some.keys if len(keys) else []
        np.minimum.at(known, place[hit], some.times[hit])
    labelled = known <= end
    return Learned(
        delays=Delays.of(made.times, np.where(labelled, known, 0), labelled, end),
        window=window,
        as_of=now,
        newest=EPOCH + newest * MICRO if newest >= 0 else None,
    )


def _made(
    recall: Recall, name: str, rows: Rows, window: Window, names: tuple[str, str]
) -> Firsts:
    """Return when predictions were made first, of those that are kept."""
    for needed in (0, ALL):
        gathered = Gathering()
        parts = recall.walk(
            (name, "predictions"),
            pieces(rows, window, names),
            partial(_predicted, *names),
            needed=needed,
            most=gathered.farthest,
        )
        for part in parts:
            gathered.add(part)
        found = gathered.done()
        if found.enough:
            break  # otherwise less is held than there is to be kept
    return found


def _predicted(key: str, time: str, batch: pa.RecordBatch) -> Firsts:
    """Return the ids of predictions, and when they were made."""
    table = pick(pa.Table.from_batches([batch]), "rows", key, time)
    ids = column(table, key)
    valid = np.asarray(pc.and_(pc.is_valid(ids), pc.is_valid(table[time])))
    when = instants(column(table, time), time)
    return Firsts(keys=hashes(as_text(ids))[valid], times=when[valid])


def _known(key: str, label: str, time: str, end: int, batch: pa.RecordBatch) -> Firsts:
    """Return the ids of labels, and when they came; one that was taken back is none."""
    table = pick(pa.Table.from_batches([batch]), "rows", key, label, time)
    table = table.filter(pc.is_valid(column(table, label)))
    when = instants(column(table, time), time)
    seen = (when <= end) & (when > 0)
    keys, times = hashes(as_text(column(table, key)))[seen], when[seen]
    return Firsts(keys=keys, times=times, newest=int(times.max(initial=-1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far labels have come: what there is, what should be, and what is wrong.

    `maturity` is the share of the labels that will ever come which has come, None where
    nobody knows; `learned` says whether a curve tells it, or the configured delay.
    """

    join: LabelJoin
    maturity: float | None
    learned: str | None
    curve: Curve | None = None
    usual: tuple[float, ...] = field(default_factory=tuple)

    @classmethod
    def of(cls, join: LabelJoin, section: Model, curve: Curve | None) -> "Standing":
        """Say how far the labels of some predictions have come.

        Where nothing was learned, the predictions themselves may tell. A curve whose
        labels still come at its end knows too little: then the configured delay tells.
        """
        if curve is None:
            try:
                curve = join.delays.curve()
            except Unmeasurable:
                curve = None
        made = join.delays.made
        if not made.any():
            return cls(join=join, maturity=None, learned=None, curve=curve)
        if curve is not None and curve.settled:
            found = curve.maturity(made)
            return cls(join=join, maturity=found, learned="labels", curve=curve)
        delay = section.labels.delay if section.labels else timedelta(0)
        if not delay:
            return cls(join=join, maturity=None, learned=None, curve=curve)
        old = _old_enough(made, delay)
        return cls(join=join, maturity=old, learned="delay", curve=curve)

    @property
    def coverage(self) -> float:
        """The share of the predictions that have a label."""
        return self.join.coverage

    @property
    def ripeness(self) -> float:
        """The share of the labels worth waiting for that has come."""
        return self.coverage if self.maturity is None else self.maturity

    @property
    def expected(self) -> float | None:
        """The share of the predictions that should have a label by now."""
        if self.curve is None or not self.curve.settled:
            return None
        return self.curve.expected(self.join.delays.made)

    @property
    def arrived(self) -> Arrived:
        """What the check of coverage looks at."""
        found = self.join.outcomes
        return Arrived(rows=found.rows, labelled=found.labelled, usual=self.usual)

    def arrival(self, run: Run) -> Arrival:
        """Return what a run has seen of its window's labels, as it is kept."""
        return Arrival(
            model=run.model,
            monitor=run.monitor,
            window=run.window,
            as_of=run.evaluated,
            rows=self.join.outcomes.rows,
            labelled=self.join.outcomes.labelled,
            maturity=self.maturity,
            content=self.join.delays.to_bytes(),
        )

    @property
    def notes(self) -> Iterator[str]:
        """What was left out of labels and predictions, and why."""
        for told, count in self.join.troubles.items():
            yield f"outcomes: {count:,} {told}"

    def to_dict(self) -> dict[str, Any]:
        """Return it in the JSON form that scripts rely on."""
        join = self.join
        return {
            "predictions": join.outcomes.rows,
            "labelled": join.outcomes.labelled,
            "coverage": join.coverage,
            "maturity": self.maturity,
            "maturity_from": self.learned,
            "expected_coverage": self.expected,
            "usual_coverage": float(np.median(self.usual)) if self.usual else None,
            "delays": self.curve.to_dict() if self.curve else None,
            "orphans": join.orphans,
            "repeated": join.repeated,
            "superseded": join.labels.superseded,
            "late": join.labels.late,
            "early": join.delays.early,
            "left_out": join.troubles,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was seen of a model's labels before: how long they take, what is usual."""

    curve: Curve | None = None
    usual: tuple[float, ...] = ()

    def asked(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Leave out the check of coverage while nobody knows what is usual."""
        known = Arrived(rows=0, labelled=0, usual=self.usual).known
        return tuple(
            entry
            for entry in entries
            if known or entry.check.subject is not Subject.LABELS
        )

    def beside(
        self, evidence: Evidence, join: LabelJoin | None, section: Model
    ) -> tuple[Evidence, Standing | None]:
        """Put how far labels have come beside what else is known of a window."""
        if join is None:
            return evidence, None
        standing = replace(Standing.of(join, section, self.curve), usual=self.usual)
        return replace(evidence, arrived=standing.arrived), standing


NOTHING_SEEN = Past()


def _cell(stretch: timedelta) -> int:
    return int(cells(np.array([stretch // MICRO]))[0])


def _old_enough(made: Ints, delay: timedelta) -> float:
    """Return the share of predictions whose label should have come after a delay."""
    return float(made[_cell(delay) :].sum() / made.sum())


def usual(
    earlier: Iterable[Arrival], window: Window, as_of: datetime
) -> tuple[float, ...]:
    """Return the coverage of earlier windows that were looked at when as old."""
    age = as_of - window.end
    length = window.end - window.start
    return tuple(
        seen.coverage
        for seen in earlier
        if seen.rows
        and abs((seen.as_of - seen.window.end) - age) <= max(length, age) / 2
    )
