"""The baseline: a model version's reference data, reduced once and then frozen."""

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

from checks import codec
from checks.classes import Classes
from checks.dependence import Dependence
from checks.errors import ChecksError
from checks.interval import Z
from checks.metric import metrics
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes, merge_all
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Task
from checks.samples import Known
from checks.schema import Column, Role, Schema
from checks.segment import NONE_DECLARED, Declared
from monitor.engines.base import Rows
from monitor.engines.freezing import freeze
from monitor.engines.stretches import Stretches, opened
from monitor.errors import SourceError
from monitor.labels import OutcomeColumns, read_outcomes

KEPT_ROWS = 5_000
"""Rows of a reference, and of a window, that are kept as evidence."""


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
    how the features go together, None where fewer than two are numbers.
    """

    reference: Reference
    performance: Performance
    sample: pa.Table
    segments: Mapping[str, Performance] = field(default_factory=dict)
    dependence: Dependence | None = None

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
        if self.segments:
            header["segments"] = {n: part.fields for n, part in self.segments.items()}
        return codec.pack("baseline", header, {})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Baseline":
        """Read a stored baseline; raises ProfileError when it cannot be."""
        header, _ = codec.unpack("baseline", data)
        dependence = bytes.fromhex(header.get("dependence", ""))
        read = cls(
            reference=Reference.from_bytes(bytes.fromhex(header["reference"])),
            performance=Performance.read(header),
            sample=read_table(bytes.fromhex(header["sample"])),
            segments={
                name: Performance.read(part)
                for name, part in header.get("segments", {}).items()
            },
            dependence=Dependence.from_bytes(dependence) if dependence else None,
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
    if not frozen.reference.bins.columns:
        named = ", ".join(column.name for column in schema.profiled)
        msg = f"the reference has none of the watched columns ({named})"
        raise SourceError(msg, permanent=True)
    done = _performances(stretches, schema, task, classes or Classes())
    return Baseline(
        reference=frozen.reference,
        performance=done[None],
        sample=frozen.sample,
        segments={name: found for name, found in done.items() if name is not None},
        dependence=Dependence.of(
            frozen.stretches, schema.with_role(Role.FEATURE), schema.first(Role.ID)
        ),
    )


def _performances(
    stretches: Stretches, schema: Schema, task: Task, classes: Classes
) -> dict[str | None, Performance]:
    """Summarise the reference's own performance, in all and in each segment.

    Where it cannot be, say why. Its effects are by how much each metric varies more
    between stretches of time than its interval for independent rows allows: the mean
    square of the stretches' distances from the whole, in standard errors.
    """
    groups = stretches.groups
    if task is Task.NONE or schema.first(Role.LABEL) is None:
        none = Performance(outcomes=None, effects={}, cause="no labels are configured")
        return dict.fromkeys(groups, none)
    found: dict[str | None, dict[int, Outcomes] | str] = {name: {} for name in groups}

    def read(table: pa.Table) -> Outcomes:
        return read_outcomes(
            table, columns=outcome_columns(schema), task=task, classes=classes
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
                cause = f"the reference's performance cannot be measured: {error}"
                found[group.segment] = cause
    return {
        # A segment that has no rows at all has outcomes of no rows.
        name: _performance(parts or {0: read(table.slice(0, 0))})
        for name, parts in found.items()
    }


OUTCOME_ROLES = (Role.LABEL, Role.PREDICTION, Role.SCORE)
"""What a reference's own performance is measured from."""


def _outcome_names(stretches: Stretches, schema: Schema) -> list[str]:
    """Name the columns with the outcomes, of those that the reference has."""
    names = (schema.first(role) for role in OUTCOME_ROLES)
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
