"""The baseline: a model version's reference data, reduced once and then frozen."""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from checks import codec
from checks.bins import Ints
from checks.classes import Classes
from checks.errors import ProfileError, Unmeasurable
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Task
from checks.sample import Sample
from checks.schema import Role, Schema
from monitor.errors import SourceError

KEPT_ROWS = 5_000
"""Rows of a reference, and of a window, that are kept as evidence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """A frozen reference with its outcomes (None without labels) and a row sample."""

    reference: Reference
    outcomes: Outcomes | None
    outcomes_cause: str
    sample: pa.Table

    @property
    def id(self) -> str:
        """The name that the content gives it."""
        return codec.digest(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Write the baseline; `from_bytes` reads it."""
        outcomes = self.outcomes.to_bytes() if self.outcomes is not None else b""
        binary = isinstance(self.outcomes, BinaryOutcomes)
        header = {
            "reference": self.reference.to_bytes().hex(),
            "outcomes": outcomes.hex(),
            "task": "binary" if binary else "regression",
            "outcomes_cause": self.outcomes_cause,
            "sample": write_table(self.sample).hex(),
        }
        return codec.pack("baseline", header, {})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Baseline":
        """Read a stored baseline; raises ProfileError when it cannot be."""
        header, _ = codec.unpack("baseline", data)
        outcomes = bytes.fromhex(header["outcomes"])
        kind = BinaryOutcomes if header["task"] == "binary" else RegressionOutcomes
        return cls(
            reference=Reference.from_bytes(bytes.fromhex(header["reference"])),
            outcomes=kind.from_bytes(outcomes) if outcomes else None,
            outcomes_cause=header["outcomes_cause"],
            sample=read_table(bytes.fromhex(header["sample"])),
        )


def build(table: pa.Table, schema: Schema, task: Task, length: timedelta) -> Baseline:
    """Reduce the reference's rows, in stretches of a window's `length`.

    Raises SourceError when there are no rows, or none of the watched columns.
    """
    if table.num_rows == 0:
        msg = "the reference has no rows. Fix: point `reference` at the training data"
        raise SourceError(msg, permanent=True)
    bins = Bins.fit(schema, table)
    if not bins.columns:
        named = ", ".join(column.name for column in schema.profiled)
        msg = f"the reference has none of the watched columns ({named})"
        raise SourceError(msg, permanent=True)
    stretches = _stretches(table, schema.first(Role.TIMESTAMP), length)
    outcomes, cause = _outcomes(table, schema, task)
    return Baseline(
        reference=Reference.of(
            bins,
            [bins.profile(stretch) for stretch in stretches],
            timed=len(stretches) > 1,
        ),
        outcomes=outcomes,
        outcomes_cause=cause,
        sample=Sample.of(table, KEPT_ROWS, schema.first(Role.ID)).table,
    )


def _stretches(
    table: pa.Table, timestamp: str | None, length: timedelta
) -> list[pa.Table]:
    """Cut a table into stretches of time; whole where no column tells the time."""
    if timestamp is None or timestamp not in table.column_names:
        return [table]
    column = table.column(timestamp)
    if not pa.types.is_timestamp(column.type) or column.null_count:
        return [table]
    moments: Ints = np.asarray(
        pc.cast(
            pc.cast(column, pa.timestamp("us", column.type.tz), safe=False), "int64"
        )
    )
    block = moments // (length // timedelta(microseconds=1))
    order: npt.NDArray[np.int64] = np.argsort(block, kind="stable")
    cuts = np.flatnonzero(np.diff(block[order])) + 1
    ordered = table.take(pa.array(order))
    edges = [0, *cuts.tolist(), table.num_rows]
    return [
        ordered.slice(start, end - start) for start, end in itertools.pairwise(edges)
    ]


def _outcomes(
    table: pa.Table, schema: Schema, task: Task
) -> tuple[Outcomes | None, str]:
    """Summarise the reference's own performance, or say why it cannot be."""
    label = schema.first(Role.LABEL)
    if task is Task.NONE or label is None:
        return None, "no labels are configured"
    if label not in table.column_names:
        return None, f"the reference has no label column {label!r}"
    try:
        return outcomes_of(table, schema, task), ""
    except (Unmeasurable, ProfileError) as error:
        return None, f"the reference's performance cannot be measured: {error}"


def outcomes_of(table: pa.Table, schema: Schema, task: Task) -> Outcomes:
    """Summarise predictions beside their labels, both columns of one table.

    Raises ProfileError when a column is no class, score or number.
    """
    found = {
        role: table.column(name)
        for role in (Role.LABEL, Role.PREDICTION, Role.SCORE)
        if (name := schema.first(role)) is not None and name in table.column_names
    }
    if task is Task.REGRESSION:
        if Role.PREDICTION not in found:
            msg = "there is no prediction column"
            raise ProfileError(msg)
        return RegressionOutcomes.of(found[Role.LABEL], found[Role.PREDICTION])
    return BinaryOutcomes.of(
        found[Role.LABEL],
        found.get(Role.PREDICTION),
        found.get(Role.SCORE),
        classes=Classes(),
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
