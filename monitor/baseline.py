"""The baseline: a model version's reference data, reduced once and then frozen."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from checks import codec, registry
from checks.classes import Classes
from checks.dependence import FEWEST_STRETCHES, Dependence, spread_out
from checks.errors import ChecksError, Unmeasurable
from checks.interval import Z
from checks.metric import metrics
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes, merge_all
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Task
from checks.sample import Sample, arrow, fair
from checks.samples import Known
from checks.schema import Column, Role, Schema
from checks.segment import NONE_DECLARED, Declared
from checks.weight import Weight, columns_of
from monitor.config import Model
from monitor.engines.base import Rows
from monitor.engines.freezing import freeze
from monitor.engines.stretches import Stretches, opened
from monitor.errors import SourceError
from monitor.labels import OutcomeColumns, read_outcomes

KEPT_ROWS = 5_000
"""Rows of a reference, and of a window, that are kept as evidence."""
MOST_STRETCHES = 40
"""Stretches of a reference of which rows are kept, where a check looks at them."""
ROWS_OF_STRETCH = 250
"""Rows of each of them that are kept."""
STRETCH = "driftd_stretch"
"""The column in which kept rows of stretches say which one they are of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Performance:
    """How a model does on some rows of its reference: outcomes, or why there are none.

    `effects` says by which factor serial correlation inflates the variance of each
    metric, measured between the reference's own stretches of time.
    """

    outcomes: Outcomes | None
    effects: Mapping[str, float]
    cause: str

    @property
    def fields(self) -> dict[str, Any]:
        """The performance as JSON types; `read` reads it."""
        outcomes = self.outcomes.to_bytes() if self.outcomes is not None else b""
        binary = isinstance(self.outcomes, BinaryOutcomes)
        return {
            "outcomes": outcomes.hex(),
            "task": "binary" if binary else "regression",
            "outcome_effects": dict(self.effects),
            "outcomes_cause": self.cause,
        }

    @classmethod
    def read(cls, header: Mapping[str, Any]) -> "Performance":
        """Read what `fields` gave."""
        outcomes = bytes.fromhex(header["outcomes"])
        kind = BinaryOutcomes if header["task"] == "binary" else RegressionOutcomes
        return cls(
            outcomes=kind.from_bytes(outcomes) if outcomes else None,
            effects=header["outcome_effects"],
            cause=header["outcomes_cause"],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """A frozen reference with the model's performance on it, and a row sample.

    `segments` holds the performance on the rows of each declared segment; `dependence`
    how the features go together, None where fewer than two are numbers; `stretches`
    rows of the reference's own stretches, None where no check looks at them.
    """

    reference: Reference
    performance: Performance
    sample: pa.Table
    segments: Mapping[str, Performance] = field(default_factory=dict)
    dependence: Dependence | None = None
    stretches: pa.Table | None = None

    @property
    def outcomes(self) -> Outcomes | None:
        """The reference's outcomes; None without labels."""
        return self.performance.outcomes

    @property
    def outcome_effects(self) -> Mapping[str, float]:
        """The design effects of the metrics."""
        return self.performance.effects

    @property
    def outcomes_cause(self) -> str:
        """Why there are no outcomes."""
        return self.performance.cause

    @property
    def id(self) -> str:
        """The name that the content gives it."""
        return codec.digest(self.content)

    def known(self, features: tuple[Column, ...]) -> Known:
        """Return what checks on rows compare a window's rows with."""
        return Known(
            features=features,
            rows=self.sample,
            dependence=self.dependence,
            stretches=cut_apart(self.stretches),
            clustering={
                name: self.clustering(effect)
                for name, effect in self.reference.design_effects.items()
            },
        )

    def clustering(self, effect: float) -> float:
        """Return how correlated rows of one stretch are that have a design effect."""
        rows = max(2.0, float(np.median(self.reference.block_rows or (2,))))
        return (effect - 1) / (rows - 1)

    @cached_property
    def content(self) -> bytes:
        """The baseline in its stored form, which `from_bytes` reads."""
        header = {
            "reference": self.reference.to_bytes().hex(),
            **self.performance.fields,
            "sample": write_table(self.sample).hex(),
            "dependence": self.dependence.to_bytes().hex() if self.dependence else "",
        }
        if self.stretches is not None:
            header["stretches"] = write_table(self.stretches).hex()
        if self.segments:
            header["segments"] = {n: part.fields for n, part in self.segments.items()}
        return codec.pack("baseline", header, {})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Baseline":
        """Read a stored baseline; raises ProfileError when it cannot be."""
        header, _ = codec.unpack("baseline", data)
        dependence = bytes.fromhex(header.get("dependence", ""))
        stretches = bytes.fromhex(header.get("stretches", ""))
        read = cls(
            reference=Reference.from_bytes(bytes.fromhex(header["reference"])),
            performance=Performance.read(header),
            sample=read_table(bytes.fromhex(header["sample"])),
            segments={
                name: Performance.read(part)
                for name, part in header.get("segments", {}).items()
            },
            dependence=Dependence.from_bytes(dependence) if dependence else None,
            stretches=read_table(stretches) if stretches else None,
        )
        # What was read is what it would write: its name need not be made again.
        read.__dict__["content"] = data
        return read


def build(  # noqa: PLR0913 - all that a baseline depends on
    rows: Rows,
    schema: Schema,
    task: Task,
    *,
    length: timedelta,
    classes: Classes | None = None,
    segments: Declared = NONE_DECLARED,
    keep_stretches: bool = False,
) -> Baseline:
    """Reduce the reference's rows, in stretches of a window's `length`.

    They are read column by column, and never are all of them in memory. Raises
    SourceError when there are no rows, or none of the watched columns.
    """
    stretches = Stretches(
        opened(rows), schema.first(Role.TIMESTAMP), length // timedelta(microseconds=1)
    )
    if stretches.rows == 0:
        msg = "the reference has no rows. Fix: point `reference` at the training data"
        raise SourceError(msg, permanent=True)
    by = schema.first(Role.ID)
    frozen = freeze(stretches, schema, segments=segments, keep=KEPT_ROWS, by=by)
    # What the columns were held in is given back before more is asked for.
    pa.default_memory_pool().release_unused()
    if not frozen.reference.bins.columns:
        named = ", ".join(column.name for column in schema.profiled)
        msg = f"the reference has none of the watched columns ({named})"
        raise SourceError(msg, permanent=True)
    done = _performances(
        stretches, schema, task, classes or Classes(), frozen.reference.profile.weight
    )
    together = [_fair(rows, schema) for rows in frozen.stretches]
    return Baseline(
        reference=frozen.reference,
        performance=done[None],
        sample=_fair(frozen.sample, schema),
        segments={name: found for name, found in done.items() if name is not None},
        dependence=Dependence.of(
            together, schema.with_role(Role.FEATURE), schema.first(Role.ID)
        ),
        stretches=_kept(together, schema) if keep_stretches else None,
    )


def _fair(rows: pa.Table, schema: Schema) -> pa.Table:
    """Return rows none of which stands for more; all where weights mean nothing."""
    try:
        return fair(rows, schema)
    except Unmeasurable:
        return rows  # every column has told why it cannot be compared


def _kept(stretches: Sequence[pa.Table], schema: Schema) -> pa.Table | None:
    """Keep some rows of some stretches, of the features alone; None for too few."""
    if len(stretches) < FEWEST_STRETCHES:
        return None
    names = {column.name for column in schema.with_role(Role.FEATURE)}
    kept = []
    for number, rows in enumerate(spread_out(stretches, MOST_STRETCHES)):
        some = Sample.of(rows, ROWS_OF_STRETCH, schema.first(Role.ID)).table
        some = some.select([name for name in some.column_names if name in names])
        place = arrow(np.full(some.num_rows, number, np.int64))
        kept.append(some.append_column(STRETCH, place))
    return pa.concat_tables(kept)


def cut_apart(rows: pa.Table | None) -> tuple[pa.Table, ...]:
    """Return the stretches that kept rows belong to, in order of time."""
    if rows is None:
        return ()
    number = np.asarray(rows.column(STRETCH))
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), rows.num_rows]
    plain = rows.drop_columns([STRETCH])
    return tuple(plain.slice(a, b - a) for a, b in itertools.pairwise(edges))


def keeps_stretches(model: Model) -> bool:
    """Tell whether any check of a model's monitors looks at rows of stretches."""
    return any(
        registry.get(name).stretches
        for monitor in model.monitors.values()
        for name in monitor.checks.chosen
        if name in registry.names()
    )


def _performances(
    stretches: Stretches,
    schema: Schema,
    task: Task,
    classes: Classes,
    weight: Weight | None,
) -> dict[str | None, Performance]:
    """Summarise the reference's own performance, in all and in each segment.

    Where it cannot be, say why. Its effects are by how much each metric varies more
    between stretches of time than its interval for independent rows allows: the mean
    square of the stretches' distances from the whole, in standard errors. Of rows with
    weights those are looked at that make a sample of one weight.
    """
    groups = stretches.groups
    if task is Task.NONE or schema.first(Role.LABEL) is None:
        none = Performance(outcomes=None, effects={}, cause="no labels are configured")
        return dict.fromkeys(groups, none)
    found: dict[str | None, dict[int, Outcomes] | str] = {name: {} for name in groups}

    def read(table: pa.Table) -> Outcomes:
        some = fair(table, schema, weight.most if weight and weight.rows else None)
        return read_outcomes(
            some, columns=outcome_columns(schema), task=task, classes=classes
        )

    for portion in stretches.portions(len(OUTCOME_ROLES)):
        table = stretches.table(portion, _outcome_names(stretches, schema))
        for group in stretches.grouped(portion):
            parts = found[group.segment]
            if isinstance(parts, str):
                continue
            try:
                for stretch, rows in group.split(table):
                    seen = read(rows)
                    known = parts.get(stretch)
                    parts[stretch] = merge_all([known, seen]) if known else seen
            except (SourceError, ChecksError) as error:
                found[group.segment] = UNREADABLE.format(error)

    def nothing() -> dict[int, Outcomes] | str:
        """Return what a segment that has no rows at all comes to."""
        try:
            return {0: read(table.slice(0, 0))}
        except (SourceError, ChecksError) as error:
            return UNREADABLE.format(error)

    return {name: _performance(parts or nothing()) for name, parts in found.items()}


UNREADABLE = "the reference's performance cannot be measured: {}"


OUTCOME_ROLES = (Role.LABEL, Role.PREDICTION, Role.SCORE)
"""What a reference's own performance is measured from."""


def _outcome_names(stretches: Stretches, schema: Schema) -> list[str]:
    """Name the columns with the outcomes, of those that the reference has."""
    names = [schema.first(role) for role in OUTCOME_ROLES]
    bearing = columns_of(schema, stretches.schema.names)
    if bearing:
        names += [schema.first(Role.ID), *bearing]
    return [name for name in names if name and name in stretches.schema.names]


def _performance(parts: Mapping[int, Outcomes] | str) -> Performance:
    """Put the outcomes of stretches of time together, in their order."""
    if isinstance(parts, str):
        return Performance(outcomes=None, effects={}, cause=parts)
    found = [parts[stretch] for stretch in sorted(parts)]
    total = merge_all(found)
    return Performance(outcomes=total, effects=_metric_effects(total, found), cause="")


def _metric_effects(total: Outcomes, parts: Sequence[Outcomes]) -> dict[str, float]:
    whole = metrics(total)
    squares: dict[str, list[float]] = {name: [] for name in whole}
    for part in parts:
        for name, found in metrics(part).items():
            error = (found.high - found.low) / (2 * Z)
            if name in whole and error > 0:
                squares[name].append(((found.value - whole[name].value) / error) ** 2)
    return {
        name: max(1.0, math.fsum(found) / (len(found) - 1))
        for name, found in squares.items()
        if len(found) >= MIN_BLOCKS
    }


def outcome_columns(schema: Schema, labelled_at: str | None = None) -> OutcomeColumns:
    """Name the columns that a join of labels reads; an id of "" where none is."""
    return OutcomeColumns(
        id=schema.first(Role.ID) or "",
        label=schema.first(Role.LABEL) or "",
        prediction=schema.first(Role.PREDICTION),
        score=schema.first(Role.SCORE),
        labelled_at=labelled_at,
    )


def write_table(table: pa.Table) -> bytes:
    """Write a small table as an Arrow IPC stream, compressed."""
    sink = BytesIO()
    options = ipc.IpcWriteOptions(compression="zstd")
    with ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read_table(data: bytes) -> pa.Table:
    """Read what `write_table` wrote."""
    return ipc.open_stream(data).read_all()
