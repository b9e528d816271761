"""What is to be run again, and how much it may take: what its process reads first."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """What computes the rows again."""

    CALLABLE = "callable"
    MLFLOW = "mlflow"
    ONNX = "onnx"
    URL = "url"


class Protocol(StrEnum):
    """How an endpoint is spoken to."""

    V2 = "v2"
    """The Open Inference Protocol: named tensors."""
    V1 = "v1"
    """Instances and predictions, the first protocol of KServe and others."""
    JSON = "json"
    """A list of rows, answered by a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing to run.

    `target` is an importable `module:function`, a model's path or an address; `path` is
    where a function's module is found. `outputs` name our columns by what is returned:
    a name, or `name[1]` for one column of a matrix. `tensor` names the one input that
    takes all columns side by side. `seconds` is for all rows, `memory` is bytes.
    """

    kind: Kind
    target: str
    path: tuple[str, ...] = ()
    protocol: Protocol = Protocol.V2
    token: str | None = field(default=None, repr=False)
    tensor: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    rows_as: str = "pandas"
    seconds: float = 60.0
    memory: int = 4 << 30

    def to_json(self) -> bytes:
        """Write the order as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Self:
        """Read what `to_json` wrote."""
        told: dict[str, Any] = json.loads(line)
        return cls(
            **{
                **told,
                "kind": Kind(told["kind"]),
                "protocol": Protocol(told["protocol"]),
                "path": tuple(told["path"]),
                "columns": tuple(told["columns"]),
            }
        )
