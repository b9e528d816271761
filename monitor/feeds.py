"""The opened sources of a model, and what is joined from them: labels to predictions.

Labels that cannot be read are a cause, and take nothing else along.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from checks.bins import Ints
from checks.errors import ChecksError
from checks.evidence import Evidence
from checks.outcomes import Outcomes
from checks.profile import Bins
from checks.registry import Task
from checks.sample import arrow
from checks.samples import LOSS
from checks.schema import Schema
from checks.weight import UNIT, WEIGHT, units_of
from monitor.baseline import Baseline, Performance, outcome_columns
from monitor.config import FED, Model
from monitor.engines.base import Rows
from monitor.errors import SourceError
from monitor.labels import LabelJoin, join_parts, label_of, losses
from monitor.landing import Counters, Folder
from monitor.order import Order
from monitor.spill import Side, parted
from monitor.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """The opened sources of a model; None where none is configured.

    `history` is where earlier windows were read, None for the predictions themselves;
    `replay` what served rows are run through again. `every` are all predictions, where
    `predictions` are but a sample of them, and `counters` counts of the full traffic;
    `door` those of the rows that were sent to the daemon.
    """

    predictions: Rows
    reference: Rows | None = None
    history: Rows | None = None
    labels: Rows | None = None
    recomputed: Rows | None = None
    replay: Order | None = None
    every: Rows | None = None
    counters: Rows | None = None
    door: Counters | None = None


def door(section: Model) -> Counters | None:
    """Return the counts that the daemon keeps of a model's rows; None of others."""
    source = section.source
    if source.type not in FED:
        return None
    return Counters(Folder(source.base / str(source.options["path"])).traffic)


def with_outcomes(  # noqa: PLR0913, PLR0917 - all that outcomes depend on
    evidence: Evidence,
    section: Model,
    window: Window | None,
    feeds: Feeds,
    baseline: Baseline,
    as_of: datetime,
    *,
    by_row: bool = False,
) -> tuple[Evidence, LabelJoin | None]:
    """Put outcomes beside what is known of a window, or why there are none.

    With `by_row`, the sampled rows of both sides are told what each of them cost. Also
    returns the join that told it, None where there is none.
    """
    if baseline.outcomes is None:
        return _without(evidence, baseline.outcomes_cause), None
    bins = baseline.reference.bins
    try:
        found = labelled(section, window, feeds, as_of, bins, sample=evidence.sample)
    except (SourceError, ChecksError, pa.ArrowException) as error:
        return _without(evidence, f"labels: {error}"), None
    if found is None:
        return evidence, None
    evidence = judged_by(evidence, baseline, found)
    if by_row:
        evidence = _with_losses(evidence, section, baseline, found)
    return evidence, found


def _with_losses(
    evidence: Evidence, section: Model, baseline: Baseline, found: LabelJoin
) -> Evidence:
    """Put what each prediction cost beside the sampled rows of both sides."""
    known, sample = evidence.known, evidence.sample
    columns = outcome_columns(section.table)
    if known is None or sample is None or columns.label not in known.rows.column_names:
        return evidence
    binary = section.task is Task.BINARY_CLASSIFICATION
    classes = section.classes if binary else None
    try:
        before = losses(known.rows, known.rows[columns.label], columns, classes)
        label = label_of(sample, found.labels, columns)
        after = losses(sample, label, columns, classes)
    except (SourceError, ChecksError, pa.ArrowException):
        return evidence  # outcomes of all rows have told why
    effect = baseline.outcome_effects.get("accuracy" if binary else "mae", 1.0)
    return replace(
        evidence,
        known=replace(
            known,
            rows=known.rows.append_column(LOSS, arrow(before)),
            clustering={**known.clustering, LOSS: baseline.clustering(effect)},
        ),
        sample=sample.append_column(LOSS, arrow(after)),
    )


def _without(evidence: Evidence, cause: str) -> Evidence:
    """Say why there are no outcomes, of all rows and of each segment."""
    return replace(
        evidence,
        outcomes_cause=cause,
        segments={
            name: replace(part, outcomes_cause=cause)
            for name, part in evidence.segments.items()
        },
    )


def judged_by(evidence: Evidence, baseline: Baseline, found: LabelJoin) -> Evidence:
    """Put what labels say of all rows, and of each segment, beside the reference's."""
    segments = found.segments
    return replace(
        _part(evidence, baseline.performance, found.outcomes, found.effect()),
        segments={
            name: _part(
                part, baseline.segments[name], segments[name], found.effect(name)
            )
            for name, part in evidence.segments.items()
        },
    )


def _part(
    evidence: Evidence, known: Performance, found: Outcomes, weights: float
) -> Evidence:
    """Put the outcomes of some rows beside what else is known of them."""
    if known.outcomes is None or found.labelled == 0:
        return replace(evidence, outcomes_cause=known.cause or evidence.outcomes_cause)
    return replace(
        evidence,
        reference_outcomes=known.outcomes,
        outcomes=found,
        outcome_effects=known.effects,
        outcome_weights=weights,
    )


def labelled(  # noqa: PLR0913 - whose labels, of when, known when, and for what
    section: Model,
    window: Window | None,
    feeds: Feeds,
    as_of: datetime,
    bins: Bins | None = None,
    *,
    sample: pa.Table | None = None,
) -> LabelJoin | None:
    """Summarise a window's predictions beside the labels known at `as_of`.

    With `bins`, those of their segments as well; the labels of the rows in `sample` are
    kept. None where no labels are configured.
    Raises SourceError, or ChecksError when the columns cannot be what the task takes.
    """
    if feeds.labels is None or section.labels is None:
        return None
    known = section.labels.timestamp
    columns = outcome_columns(section.table, known)
    segments = bins.segments if bins is not None else ()
    asked = [condition.column for s in segments for condition in s.conditions]
    moment = section.time_column if known else None
    columns = replace(columns, predicted_at=moment, weight=WEIGHT)
    bearing = [column.name for column in section.table if column.role.weighs]
    wanted = [columns.id, columns.prediction, columns.score, moment, *asked]
    wanted += [*bearing, WEIGHT]
    since = window and Window(window.start - DATED, max(as_of, window.start) + _MOMENT)
    names = [columns.id, columns.label, *([known] if known else [])]
    made = feeds.predictions.read(window, list(dict.fromkeys(filter(None, wanted))))
    told = feeds.labels.read(since if known else None, names)
    sides = (
        Side(batches=each, key=[columns.id])
        for each in (_weighed(made, section.table), told)
    )

    def divide(table: pa.Table) -> Iterator[tuple[str, Ints]]:
        if bins is not None:
            for segment, places in bins.members(table, segments):
                yield segment.name, places

    with closing(parted(*sides)) as parts:
        return join_parts(
            parts,
            columns=columns,
            task=section.task,
            as_of=as_of,
            classes=section.classes,
            divide=divide,
            sample=sample,
        )


def _weighed(
    batches: Iterator[pa.RecordBatch], table: Schema
) -> Iterator[pa.RecordBatch]:
    """Walk over batches with what each row stands for beside it."""
    for batch in batches:
        rows = weighed(pa.Table.from_batches([batch]), table).combine_chunks()
        none = [pa.RecordBatch.from_pylist([], schema=rows.schema)]
        yield from rows.to_batches() or none


def weighed(rows: pa.Table, table: Schema) -> pa.Table:
    """Return rows with what each stands for in one column, whatever columns tell it.

    Raises Unmeasurable for weights that mean nothing.
    """
    units = units_of(table, rows.column_names, rows.column, rows.num_rows)
    if units is None:
        return rows
    if WEIGHT in rows.column_names:
        rows = rows.drop_columns([WEIGHT])
    return rows.append_column(WEIGHT, arrow(units / UNIT))


DATED = timedelta(days=1)
"""A label that is dated by the day may stand before its prediction, not by more."""
_MOMENT = timedelta(microseconds=1)
