"""What a config says of row-level skew: what served rows are compared with, and how."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from monitor.config.document import Substituted
from monitor.config.node import Node
from monitor.config.plugin import PluginSection, base_of
from monitor.config.scalars import Delay, Duration, Text, duration, web_address
from monitor.order import Kind, Order, Protocol
from monitor.problems import mistake

_ON = "write on: ID, or on: [ENTITY, TIME] with the names of two columns."
_TIMED = 2


class Compared(Node):
    """How far apart values are that count as equal, and which columns are compared."""

    tolerance: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    """The relative difference of two numbers up to which they are equal."""
    absolute_tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """The absolute one; either is enough."""
    columns: tuple[Text, ...] | None = None
    """What is compared: the features, where it is left out."""


class Recomputed(Compared):
    """Features as the training pipeline computes them, for row-level skew."""

    source: PluginSection
    on: tuple[Text, ...] | None = None
    """An id, or an entity and a time; the model's id where it is left out."""
    tolerance_time: Delay = duration("0s")
    """How much older the recomputed row of an entity may be."""
    entity: Text | None = None
    """The column that says whose row it is: tells values that came too late."""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, written: object) -> object:
        if isinstance(written, dict) and isinstance(written.get("on"), str):
            return {**written, "on": [written["on"]]}
        return written

    @model_validator(mode="after")
    def _one_or_two(self) -> "Recomputed":
        if self.on is not None and len(self.on) not in (1, _TIMED):
            message = f"rows cannot be joined on {len(self.on)} columns"
            raise mistake(message, _ON)
        if self.tolerance_time and not self.timed:
            message = "tolerance_time is for rows that are joined by entity and time"
            raise mistake(message, _ON)
        return self

    @property
    def timed(self) -> bool:
        """Whether rows are joined by entity and time."""
        return self.on is not None and len(self.on) == _TIMED


class HandedAs(StrEnum):
    """How a function is given the rows."""

    PANDAS = "pandas"
    ARROW = "arrow"
    ROWS = "rows"


class Replay(Compared):
    """What served rows are run through again; exactly one of four is named."""

    callable: Text | None = None
    """A function that can be imported: package.module:function."""
    path: tuple[Path, ...] = ()
    """Folders in which the function's package is looked for."""
    mlflow: Path | None = None
    onnx: Path | None = None
    url: Annotated[str, AfterValidator(web_address)] | None = None
    protocol: Protocol = Protocol.V2
    token: Text | None = Field(default=None, repr=False)
    """A bearer token for the endpoint."""
    tensor: Text | None = None
    """The one input that takes all columns side by side."""
    inputs: tuple[Text, ...] | None = None
    """The columns that are handed over, in this order."""
    outputs: dict[Text, Text] = Field(default_factory=dict)
    """Columns of ours by what is returned: a name, or name[1] of a matrix."""
    rows_as: HandedAs = HandedAs.PANDAS
    rows: int = Field(default=10_000, ge=1, le=1_000_000)
    """Rows of a window that are run again at most, chosen by the hash of their id."""
    timeout: Duration = duration("60s")
    memory_mib: int = Field(default=4_096, ge=256)

    @model_validator(mode="after")
    def _one_of_four(self, info: ValidationInfo) -> "Replay":
        named = [kind for kind in Kind if getattr(self, kind.value) is not None]
        if len(named) != 1:
            message = f"a replay runs one thing, not {len(named)}"
            raise mistake(message, "write one of callable, mlflow, onnx and url.")
        if self.callable is not None and not _IMPORTABLE.match(self.callable):
            message = f"{self.callable!r} names no function"
            raise mistake(message, "write package.module:function.")
        if self.token is not None and not isinstance(self.token, Substituted):
            message = "a secret stands in the file"
            raise mistake(message, "write token: ${NAME} for an environment variable.")
        base = base_of(info)
        for name in ("mlflow", "onnx"):
            if (there := getattr(self, name)) is not None:
                object.__setattr__(self, name, base / there)
        object.__setattr__(self, "path", tuple(base / each for each in self.path))
        return self

    @property
    def kind(self) -> Kind:
        """What computes the rows again."""
        return next(kind for kind in Kind if getattr(self, kind.value) is not None)

    def order(self, columns: tuple[str, ...], version: str) -> Order:
        """Say what is to be run; `{version}` in a path is the model's version."""
        target = str(getattr(self, self.kind.value))
        return Order(
            kind=self.kind,
            target=target.replace("{version}", version),
            path=tuple(str(p).replace("{version}", version) for p in self.path),
            protocol=self.protocol,
            token=self.token,
            tensor=self.tensor,
            outputs=self.outputs,
            columns=columns,
            rows_as=self.rows_as.value,
            seconds=self.timeout.total_seconds(),
            memory=self.memory_mib << 20,
        )


_IMPORTABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
