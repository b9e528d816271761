"""Labels joined to predictions by id.

Everything here is a pure function of whole tables. In which order and in how many
pieces rows arrived leaves no trace in the answer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.classes import Bools, Classes, floats
from checks.delays import Delays
from checks.outcomes import CUT, Outcomes
from checks.registry import Task
from checks.sample import arrow, row_hashes
from checks.weighed import Weighed
from checks.weight import UNIT
from monitor.errors import SourceError
from monitor.ids import (
    column,
    instant,
    instants,
    last_of_each,
    numbered,
    pick,
    placed,
    ranked,
)

Divide = Callable[[pa.Table], Iterable[tuple[str, Ints]]]
"""Names parts of a table, each with the places of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeColumns:
    """The names of the columns that a join of labels reads.

    `labelled_at` says when a label became known, `predicted_at` when the prediction
    was made; without the first, all labels count as known at any time. `weight` says
    how many rows a prediction stands for, one where it is None.
    """

    id: str
    label: str
    prediction: str | None = None
    score: str | None = None
    labelled_at: str | None = None
    predicted_at: str | None = None
    weight: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestLabels:
    """One label for each id, the last that was known, and what was left out.

    `table` has the columns id and label, sorted by id, and where labels have times when
    the first one of each id was known. `late` labels came after the moment asked about,
    `undated` ones have no time, `superseded` ones were corrected or stand twice. Of
    `conflicting` ids two labels have the same time; the larger is kept. `no_numbers`
    are NaN, and are taken for none.
    """

    table: pa.Table
    late: int = 0
    undated: int = 0
    without_id: int = 0
    superseded: int = 0
    conflicting: int = 0
    no_numbers: int = 0

    def merge(self, other: "LatestLabels") -> "LatestLabels":
        """Return the labels of both sets of ids, of which none is in both."""
        counts = [part.name for part in fields(self) if part.name != "table"]
        return LatestLabels(
            table=pa.concat_tables([self.table, other.table]),
            **{name: getattr(self, name) + getattr(other, name) for name in counts},
        )

    @property
    def troubles(self) -> dict[str, int]:
        """What was left out or decided, in words, with how often; nothing that was not.

        Labels that came later, or again, are none.
        """
        counts = {
            "labels without a time": self.undated,
            "labels without an id": self.without_id,
            "labels that are no number (NaN)": self.no_numbers,
            "ids with two labels of one time, of which the larger is used": (
                self.conflicting
            ),
        }
        return {told: count for told, count in counts.items() if count}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelJoin:
    """Outcomes, and how labels and predictions found each other.

    `orphans` are labelled ids without a prediction among those given, `repeated` the
    rows of a prediction that was logged before, `without_id` those that no label can
    ever find; these stay in the outcomes, unlabelled. `found` holds what all rows come
    to, under None, and those of each segment that was asked for; `delays` how long
    labels took, where both sides have times.
    """

    found: Mapping[str | None, Weighed]
    labels: LatestLabels
    orphans: int
    repeated: int
    without_id: int
    delays: Delays = field(default_factory=Delays)

    def merge(self, other: "LabelJoin") -> "LabelJoin":
        """Return the join of both sets of ids, of which none is in both."""
        return LabelJoin(
            found={
                name: one.merge(other.found[name]) for name, one in self.found.items()
            },
            labels=self.labels.merge(other.labels),
            orphans=self.orphans + other.orphans,
            repeated=self.repeated + other.repeated,
            without_id=self.without_id + other.without_id,
            delays=self.delays.merge(other.delays),
        )

    @property
    def outcomes(self) -> Outcomes:
        """The outcomes of all rows."""
        return self.found[None].standing()

    @property
    def segments(self) -> dict[str, Outcomes]:
        """The outcomes of the rows of each segment."""
        return {n: one.standing() for n, one in self.found.items() if n is not None}

    def effect(self, segment: str | None = None) -> float:
        """By how much uneven weights make outcomes less certain."""
        return self.found[segment].effect

    @property
    def troubles(self) -> dict[str, int]:
        """What labels and predictions were left out for, in words, with how often."""
        return {**self.labels.troubles, **self.outcomes.refusals}

    @property
    def coverage(self) -> float:
        """The share of predictions whose label has come."""
        return self.outcomes.coverage


def latest_labels(
    labels: pa.Table, *, columns: OutcomeColumns, as_of: datetime | None = None
) -> LatestLabels:
    """Keep of each id the label that was known last at `as_of` (None: by now).

    A correction supersedes; one that takes the label back (null) leaves none. Raises
    SourceError for a column that is not there, or holds no times.
    """
    table = pick(labels, "labels", columns.id, columns.label, columns.labelled_at)
    (ids,) = numbered(column(table, columns.id))
    when = np.zeros(len(ids), np.int64)
    undated = after = np.zeros(len(ids), np.bool_)
    if columns.labelled_at is not None:
        times = column(table, columns.labelled_at)
        undated = np.asarray(pc.is_null(times))
        when = instants(times, columns.labelled_at)
        if as_of is not None:
            after = ~undated & (when > instant(as_of))
    ranks = ranked(column(table, columns.label))
    rows = np.flatnonzero((ids >= 0) & ~undated & ~after)
    last, conflicting = last_of_each(ids[rows], when[rows], ranks[rows])
    kept = table.select([columns.id, columns.label]).take(pa.array(rows[last]))
    if columns.labelled_at is not None:
        first = _first(ids[rows], when[rows], ranks[rows] > 0)[ids[rows[last]]]
        kept = kept.append_column(FIRST, arrow(first))
    return LatestLabels(
        table=kept.take(pc.sort_indices(kept[columns.id])),
        late=int(np.count_nonzero(after & (ids >= 0))),
        undated=int(np.count_nonzero(undated & (ids >= 0))),
        without_id=int(np.count_nonzero(ids < 0)),
        superseded=len(rows) - len(last),
        conflicting=conflicting,
        no_numbers=_no_numbers(table[columns.label]),
    )


FIRST = "driftd_first"
"""The column that says when the first label of an id was known."""


def _first(ids: Ints, when: Ints, there: Bools) -> Ints:
    """Return when each id had its first label, by its number."""
    first = np.full(int(ids.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, ids[there], when[there])
    return first


def _no_numbers(labels: pa.ChunkedArray) -> int:
    if not pa.types.is_floating(labels.type):
        return 0
    return int(pc.sum(pc.is_nan(labels)).as_py() or 0)


def join_parts(  # noqa: PLR0913 - two tables, and all that reads them
    parts: Iterable[tuple[pa.Table, ...]],
    *,
    columns: OutcomeColumns,
    task: Task,
    as_of: datetime | None = None,
    classes: Classes | None = None,
    divide: Divide | None = None,
    sample: pa.Table | None = None,
) -> LabelJoin:
    """Join (predictions, labels) part by part, where no id is in two of them.

    Of the labels themselves those of a `sample` of the predictions are kept. Raises
    as `join_outcomes` does.
    """
    found: LabelJoin | None = None
    for predictions, labels in parts:
        one = join_outcomes(
            predictions,
            labels,
            columns=columns,
            task=task,
            as_of=as_of,
            classes=classes,
            divide=divide,
        )
        kept = _of(sample, one.labels, columns)
        one = replace(one, labels=replace(one.labels, table=kept))
        found = one if found is None else found.merge(one)
    if found is None:
        msg = "there is nothing to join labels to"
        raise SourceError(msg, permanent=True)
    return found


def _of(
    sample: pa.Table | None, latest: LatestLabels, columns: OutcomeColumns
) -> pa.Table:
    """Return the labels of sampled rows alone."""
    if sample is None or columns.id not in sample.column_names:
        return latest.table.slice(0, 0)
    _, at = _found(column(sample, columns.id), latest, columns)
    return latest.table.take(pa.array(np.unique(at[at >= 0])))


def join_outcomes(  # noqa: PLR0913 - two tables, and the four things that read them
    predictions: pa.Table,
    labels: pa.Table,
    *,
    columns: OutcomeColumns,
    task: Task,
    as_of: datetime | None = None,
    classes: Classes | None = None,
    divide: Divide | None = None,
) -> LabelJoin:
    """Put each prediction's last known label beside it, and summarise.

    A prediction that was logged more than once counts once, as it was made last.
    `divide` names parts of the predictions that are summarised by themselves as well.
    Raises SourceError for a column that is not there, ProfileError for labels or
    predictions that the task cannot read.
    """
    there = predictions.column_names
    columns = replace(
        columns,
        predicted_at=columns.predicted_at if columns.predicted_at in there else None,
        weight=columns.weight if columns.weight in there else None,
    )
    latest = latest_labels(labels, columns=columns, as_of=as_of)
    names = (columns.prediction, columns.score, columns.predicted_at, columns.weight)
    table = pick(predictions, "predictions", columns.id, *names)
    rows = pa.array(_once(predictions, table, columns))
    ours, at = _found(column(table, columns.id).take(rows), latest, columns)
    label = column(latest.table, columns.label).take(pa.array(at, mask=at < 0))
    made = table.take(rows)
    found: dict[str | None, Weighed] = {
        None: _summarise(made, label, columns, task, classes)
    }
    for name, places in divide(predictions.take(rows)) if divide is not None else ():
        of = arrow(places)
        found[name] = _summarise(made.take(of), label.take(of), columns, task, classes)
    return LabelJoin(
        found=found,
        labels=latest,
        orphans=len(latest.table) - int(np.count_nonzero(at >= 0)),
        repeated=len(table) - len(rows),
        without_id=int(np.count_nonzero(ours < 0)),
        delays=_delays(made, latest, at, columns, as_of),
    )


def _delays(
    made: pa.Table,
    latest: LatestLabels,
    at: Ints,
    columns: OutcomeColumns,
    as_of: datetime | None,
) -> Delays:
    """Count how long labels took, of predictions that say when they were made."""
    name = columns.predicted_at
    if name is None or columns.labelled_at is None or as_of is None:
        return Delays()
    times = column(made, name)
    if not pa.types.is_timestamp(times.type):
        return Delays()
    dated = np.flatnonzero(np.asarray(pc.is_valid(times)))
    label = column(latest.table, columns.label)
    labelled = np.zeros(len(at), np.bool_)
    labelled[at >= 0] = np.asarray(pc.is_valid(label.take(pa.array(at[at >= 0]))))
    first = np.zeros(len(at), np.int64)
    first[at >= 0] = np.asarray(column(latest.table, FIRST))[at[at >= 0]]
    when = instants(times, name)
    return Delays.of(when[dated], first[dated], labelled[dated], instant(as_of))


def _found(
    ids: pa.Array, latest: LatestLabels, columns: OutcomeColumns
) -> tuple[Ints, Ints]:
    """Number ids, -1 for none, and find the row of each one's label, -1 for none."""
    ours, theirs = numbered(ids, column(latest.table, columns.id))
    where = np.full(int(max(ours.max(initial=-1), theirs.max(initial=-1))) + 2, -1)
    where[theirs] = np.arange(len(theirs))
    return ours, where[ours]  # no id is numbered -1: the last cell, with no label in it


def label_of(rows: pa.Table, latest: LatestLabels, columns: OutcomeColumns) -> pa.Array:
    """Return the label of each row, null where none is known; raises SourceError."""
    _, at = _found(column(pick(rows, "rows", columns.id), columns.id), latest, columns)
    return column(latest.table, columns.label).take(pa.array(at, mask=at < 0))


def losses(
    rows: pa.Table, label: pa.Array, columns: OutcomeColumns, classes: Classes | None
) -> Floats:
    """Return what each prediction cost: 1 for a wrong class, or the absolute error.

    `classes` are None for a regression. NaN where a label or a prediction is missing.
    Raises SourceError, or ProfileError for what cannot be read.
    """
    names = [name for name in (columns.prediction, columns.score) if name is not None]
    table = pick(rows, "rows", *names)
    guess = column(table, names[0])
    if classes is None:
        return np.asarray(np.abs(floats(guess) - floats(label)))
    truth = classes.read(label)
    if columns.prediction is not None:
        made = classes.read(guess)
        known, positive = made.known, made.positive
    else:
        score = floats(guess)
        known, positive = (score >= 0) & (score <= 1), score >= CUT
    wrong = (positive != truth.positive).astype(np.float64)
    return np.where(truth.known & known, wrong, np.nan)


def read_outcomes(
    table: pa.Table,
    *,
    columns: OutcomeColumns,
    task: Task,
    classes: Classes | None = None,
) -> Outcomes:
    """Summarise a table that has labels and predictions side by side: a reference.

    Raises SourceError for a column that is not there, ProfileError for labels or
    predictions that the task cannot read.
    """
    names = (columns.prediction, columns.score)
    table = pick(table, "rows of the reference", columns.label, *names)
    label = column(table, columns.label)
    return _summarise(table, label, columns, task, classes).outcomes


def _summarise(
    table: pa.Table,
    label: pa.Array,
    columns: OutcomeColumns,
    task: Task,
    classes: Classes | None,
) -> Weighed:
    prediction = column(table, columns.prediction) if columns.prediction else None
    score = column(table, columns.score) if columns.score else None
    units = None
    if columns.weight:
        weights = floats(column(table, columns.weight))
        units = np.rint(weights * UNIT).astype(np.int64)
    if task is Task.BINARY_CLASSIFICATION:
        return Weighed.binary(label, prediction, score, classes=classes, units=units)
    if task is Task.REGRESSION and prediction is not None:
        return Weighed.regression(label, prediction, units=units)
    msg = f"task {task.value} with these columns has no outcomes to measure"
    raise SourceError(msg, permanent=True)


def _once(predictions: pa.Table, table: pa.Table, columns: OutcomeColumns) -> Ints:
    """Return the rows to keep, so that no prediction id stands twice.

    Of several the one made last is kept, and of equal times the one with the larger
    score, prediction and weight; what else tells them apart decides by its hash, so
    that the order of arrival never does.
    """
    (ids,) = numbered(column(table, columns.id))
    counts = np.bincount(ids[ids >= 0], minlength=1)
    again = np.flatnonzero((ids >= 0) & (counts[ids] > 1))
    if not len(again):
        return np.arange(len(ids))
    some = arrow(again)
    when = np.zeros(len(again), np.int64)
    if columns.predicted_at is not None:
        times = column(table, columns.predicted_at).take(some)
        when = instants(times, columns.predicted_at)
    names = (columns.score, columns.prediction, columns.weight)
    ranks = [ranked(column(table, name).take(some)) for name in names if name]
    others = predictions.take(some)
    key = row_hashes(others.column, others.schema, len(again))
    last, _ = last_of_each(ids[again], when, placed(*ranks, key))
    alone = np.flatnonzero((ids < 0) | (counts[ids] == 1))
    return np.sort(np.concatenate([again[last], alone]))
