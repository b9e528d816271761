"""An order for a report, and the folder in which it goes to the process that draws.

A folder holds plain JSON and two Arrow files: nothing that runs code when it is read.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import ipc

from checks.schema import Column, Kind, Role, Schema
from checks.verdict import Verdict
from monitor.window import Window, parse_time, rfc3339

SIDES = ("reference", "current")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """What a report is of: two row samples, and what their columns are."""

    model: str
    monitor: str
    window: Window
    schema: Schema
    reference: pa.Table
    current: pa.Table
    model_version: str | None = None


def place(model: str, monitor: str, window: Window) -> PurePosixPath:
    """Return where a window's report lies, below the folder of reports.

    The name has no colon, which no Windows share and no `scp` takes for itself.
    """
    start = rfc3339(window.start).replace(":", "")
    return PurePosixPath(model, monitor, f"{start}.html")


def ahead(schema: Schema, verdicts: Iterable[Verdict]) -> Schema:
    """Put the columns that fail before the others: a report draws so many and no more.

    Each keeps its place among those that are judged as it is.
    """
    worst: dict[str | None, int] = {}
    for verdict in verdicts:
        gravity = verdict.status.severity
        worst[verdict.column] = max(worst.get(verdict.column, 0), gravity)
    return Schema.of(sorted(schema, key=lambda column: -worst.get(column.name, 0)))


def write(order: Order, folder: Path) -> None:
    """Write an order into a folder that is empty or not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for side in SIDES:
        table = getattr(order, side)
        with ipc.new_file(folder / f"{side}.arrow", table.schema) as writer:
            writer.write_table(table)
    told = {
        "model": order.model,
        "monitor": order.monitor,
        "model_version": order.model_version,
        "window": [rfc3339(order.window.start), rfc3339(order.window.end)],
        "columns": [[c.name, c.kind.value, c.role.value] for c in order.schema],
    }
    (folder / "order.json").write_text(json.dumps(told))


def read(folder: Path) -> Order:
    """Read back what `write` wrote."""
    told = json.loads((folder / "order.json").read_text())
    sides = {}
    for side in SIDES:
        with pa.memory_map(str(folder / f"{side}.arrow")) as file:
            sides[side] = ipc.open_file(file).read_all()
    return Order(
        model=told["model"],
        monitor=told["monitor"],
        model_version=told["model_version"],
        window=Window(*map(parse_time, told["window"])),
        schema=Schema.of(
            Column(name=name, kind=Kind(kind), role=Role(role))
            for name, kind, role in told["columns"]
        ),
        **sides,
    )
