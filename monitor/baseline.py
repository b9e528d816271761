"""The baseline: a model version's reference data, reduced once and then frozen."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from checks import codec
from checks.bins import Ints
from checks.classes import Classes
from checks.dependence import Dependence
from checks.errors import ChecksError
from checks.interval import Z
from checks.metric import metrics
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes, merge_all
from checks.profile import Bins, Profile
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Task
from checks.sample import Sample, arrow
from checks.samples import Known
from checks.schema import Column, Role, Schema
from checks.segment import NONE_DECLARED, Declared, Segment
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
        rows = max(2.0, float(np.median(self.reference.block_rows or (2,))))
        return Known(
            features=features,
            rows=self.sample,
            dependence=self.dependence,
            clustering={
                name: (effect - 1) / (rows - 1)
                for name, effect in self.reference.design_effects.items()
            },
        )

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
    table: pa.Table,
    schema: Schema,
    task: Task,
    *,
    length: timedelta,
    classes: Classes | None = None,
    segments: Declared = NONE_DECLARED,
) -> Baseline:
    """Reduce the reference's rows, in stretches of a window's `length`.

    Raises SourceError when there are no rows, or none of the watched columns.
    """
    if table.num_rows == 0:
        msg = "the reference has no rows. Fix: point `reference` at the training data"
        raise SourceError(msg, permanent=True)
    bins = Bins.fit(schema, table).divided(segments)
    if not bins.columns:
        named = ", ".join(column.name for column in schema.profiled)
        msg = f"the reference has none of the watched columns ({named})"
        raise SourceError(msg, permanent=True)
    stretches = _stretches(table, schema.first(Role.TIMESTAMP), length)
    times = _times(stretches, schema.first(Role.TIMESTAMP), length)

    def reference(profiles: Iterable[Profile]) -> Reference:
        return Reference.of(bins, list(profiles), **times)

    def performance(of: Sequence[pa.Table]) -> Performance:
        return _performance(of, schema, task, classes or Classes())

    parts: dict[str, Reference] = {}
    done: dict[str, Performance] = {}
    for segment in bins.segments:
        # One segment after the other: its stretches' profiles are many.
        inside = [_inside(rows, segment, bins) for rows in stretches]
        parts[segment.name] = reference(map(bins.counts, inside))
        done[segment.name] = performance([r for r in inside if r.num_rows] or inside)
    return Baseline(
        reference=replace(reference(map(bins.whole, stretches)), segments=parts),
        performance=performance(stretches),
        sample=Sample.of(table, KEPT_ROWS, schema.first(Role.ID)).table,
        segments=done,
        dependence=Dependence.of(
            stretches, schema.with_role(Role.FEATURE), schema.first(Role.ID)
        ),
    )


def _inside(rows: pa.Table, segment: Segment, bins: Bins) -> pa.Table:
    """Return the rows that lie in a segment."""
    ((_, places),) = bins.members(rows, [segment])
    return rows.take(arrow(places))


def _stretches(
    table: pa.Table, timestamp: str | None, length: timedelta
) -> list[pa.Table]:
    """Cut a table into stretches of time; whole where no column tells the time."""
    if timestamp is None or timestamp not in table.column_names:
        return [table]
    column = table.column(timestamp)
    if not pa.types.is_timestamp(column.type) or column.null_count:
        return [table]
    moments = _moments(column)
    block = moments // (length // timedelta(microseconds=1))
    order: npt.NDArray[np.int64] = np.argsort(block, kind="stable")
    cuts = np.flatnonzero(np.diff(block[order])) + 1
    ordered = table.take(pa.array(order))
    edges = [0, *cuts.tolist(), table.num_rows]
    return [
        ordered.slice(start, end - start) for start, end in itertools.pairwise(edges)
    ]


def _moments(column: pa.ChunkedArray) -> Ints:
    """Return timestamps in microseconds since 1970."""
    exact = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    return np.asarray(pc.cast(exact, "int64"))


def _times(
    stretches: Sequence[pa.Table], timestamp: str | None, length: timedelta
) -> dict[str, Any]:
    """Tell when the stretches were: their middles and their length in microseconds."""
    if len(stretches) < 2:  # noqa: PLR2004 - the whole, which nothing cut
        return {"timed": False}
    unit = length // timedelta(microseconds=1)
    starts = [_moments(rows.column(timestamp).slice(0, 1))[0] for rows in stretches]
    centres = [int(start) // unit * unit + unit // 2 for start in starts]
    return {"timed": True, "centres": centres, "length": unit}


def _performance(
    stretches: Sequence[pa.Table], schema: Schema, task: Task, classes: Classes
) -> Performance:
    """Summarise the reference's own performance, or say why it cannot be.

    Its effects are by how much each metric varies more between stretches of time than
    its interval for independent rows allows: the mean square of the stretches'
    distances from the whole, in standard errors.
    """
    label = schema.first(Role.LABEL)
    if task is Task.NONE or label is None:
        return Performance(outcomes=None, effects={}, cause="no labels are configured")
    try:
        found = [
            read_outcomes(
                stretch, columns=outcome_columns(schema), task=task, classes=classes
            )
            for stretch in stretches
        ]
    except (SourceError, ChecksError) as error:
        cause = f"the reference's performance cannot be measured: {error}"
        return Performance(outcomes=None, effects={}, cause=cause)
    total = merge_all(found)
    effects = _metric_effects(total, found)
    return Performance(outcomes=total, effects=effects, cause="")


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
