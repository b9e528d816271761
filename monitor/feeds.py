"""The opened sources of a model, and what is joined from them: labels to predictions.

Labels that cannot be read are a cause, and take nothing else along.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from checks.bins import Ints
from checks.errors import ChecksError
from checks.evidence import Evidence
from checks.outcomes import Outcomes
from checks.profile import Bins
from checks.registry import Task
from checks.sample import arrow, fair
from checks.samples import LOSS
from checks.schema import Role, Schema
from checks.weight import UNIT, WEIGHT, units_of
from monitor.baseline import Baseline, Performance, outcome_columns
from monitor.config import Model
from monitor.engines.base import Rows
from monitor.errors import SourceError
from monitor.labels import LabelJoin, join_outcomes, label_of, losses
from monitor.order import Order
from monitor.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """The opened sources of a model; None where none is configured.

    `history` is where earlier windows were read, None for the predictions themselves;
    `replay` what served rows are run through again.
    """

    predictions: Rows
    reference: Rows | None = None
    history: Rows | None = None
    labels: Rows | None = None
    recomputed: Rows | None = None
    replay: Order | None = None


def with_outcomes(  # noqa: PLR0913, PLR0917 - all that outcomes depend on
    evidence: Evidence,
    section: Model,
    window: Window | None,
    feeds: Feeds,
    baseline: Baseline,
    as_of: datetime,
    *,
    by_row: bool = False,
) -> Evidence:
    """Put outcomes beside what is known of a window, or why there are none.

    With `by_row`, the sampled rows of both sides are told what each of them cost.
    """
    if baseline.outcomes is None:
        return _without(evidence, baseline.outcomes_cause)
    bins = baseline.reference.bins
    try:
        found = labelled(section, window, feeds, as_of, bins)
    except (SourceError, ChecksError, pa.ArrowException) as error:
        return _without(evidence, f"labels: {error}")
    if found is None:
        return evidence
    evidence = judged_by(evidence, baseline, found)
    return _with_losses(evidence, section, baseline, found) if by_row else evidence


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
    effects = found.effects
    return replace(
        _part(evidence, baseline.performance, found.outcomes, effects.get(None, 1.0)),
        segments={
            name: _part(
                part,
                baseline.segments[name],
                found.segments[name],
                effects.get(name, 1.0),
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


def labelled(
    section: Model,
    window: Window | None,
    feeds: Feeds,
    as_of: datetime,
    bins: Bins | None = None,
) -> LabelJoin | None:
    """Summarise a window's predictions beside the labels known at `as_of`.

    With `bins`, those of their segments as well. None where no labels are configured.
    Raises SourceError, or ChecksError when the columns cannot be what the task takes.
    """
    if feeds.labels is None or section.labels is None:
        return None
    known = section.labels.timestamp
    columns = outcome_columns(section.table, known)
    segments = bins.segments if bins is not None else ()
    asked = [condition.column for s in segments for condition in s.conditions]
    wanted = [columns.id, columns.prediction, columns.score, *asked]
    bearing = [column.name for column in section.table if column.role.weighs]
    wanted += [*bearing, WEIGHT]
    predictions = whole(
        feeds.predictions, window, list(dict.fromkeys(n for n in wanted if n))
    )
    predictions = weighed(predictions, section.table)
    if WEIGHT in predictions.column_names:
        columns = replace(columns, weight=WEIGHT)
    # A label becomes known after its prediction was made, never before.
    since = window and Window(window.start, max(as_of, window.start) + _MOMENT)
    names = [columns.id, columns.label, *([known] if known else [])]
    labels = whole(feeds.labels, since if known else None, names)

    def divide(table: pa.Table) -> Iterator[tuple[str, Ints]]:
        if bins is not None:
            for segment, places in bins.members(table, segments):
                yield segment.name, places

    return join_outcomes(
        predictions,
        labels,
        columns=columns,
        task=section.task,
        as_of=as_of,
        classes=section.classes,
        divide=divide,
    )


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


def even(rows: pa.Table, table: Schema) -> pa.Table:
    """Return rows of which each stands for as many: fewer, where some stood for more.

    Raises Unmeasurable for weights that mean nothing.
    """
    units = units_of(table, rows.column_names, rows.column, rows.num_rows)
    return rows if units is None else fair(rows, units / UNIT, table.first(Role.ID))


_MOMENT = timedelta(microseconds=1)


def whole(rows: Rows, window: Window | None, columns: list[str]) -> pa.Table:
    """Read some columns of a window into memory; raises SourceError."""
    return pa.Table.from_batches(list(rows.read(window, columns)))
