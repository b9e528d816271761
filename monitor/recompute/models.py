"""What computes rows again: a function, an MLflow model, an ONNX model, an endpoint.

These run in the process apart, and import what that asks for there. Each takes a batch
of served rows and returns a table of the same rows.
"""

import importlib
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor.order import Kind, Order, Protocol

Model = Callable[[pa.RecordBatch], pa.Table]
MOST_ANSWERED = 256 << 20
"""Bytes that an endpoint's answer to one batch may have."""
_PLACE = re.compile(r"(?P<name>.+?)\[(?:\s*:\s*,\s*)?(?P<place>-?\d+)\]\Z")


def opened(order: Order) -> Model:
    """Import or open what an order names; raises whatever that raises."""
    opening = {
        Kind.CALLABLE: _callable,
        Kind.MLFLOW: _mlflow,
        Kind.ONNX: _onnx,
        Kind.URL: _endpoint,
    }
    sys.path[:0] = order.path
    answer = opening[order.kind](order)
    return lambda batch: table_of(answer(batch), order)


def _callable(order: Order) -> Callable[[pa.RecordBatch], Any]:
    module, _, name = order.target.partition(":")
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    return lambda batch: _in_order(function(_handed(batch, order.rows_as)))


def _in_order(answer: Any) -> Any:  # noqa: ANN401 - whatever comes back
    """Return a frame whose rows were moved in the order they were handed over in."""
    index = getattr(answer, "index", None)
    if not hasattr(answer, "sort_index") or index is None or not index.is_unique:
        return answer
    places = np.asarray(index)
    moved = places.dtype.kind == "i" and not np.array_equal(places, np.sort(places))
    same = moved and np.array_equal(np.sort(places), np.arange(len(places)))
    return answer.sort_index() if same else answer


def _handed(batch: pa.RecordBatch, rows_as: str) -> Any:  # noqa: ANN401 - as is asked for
    table = pa.Table.from_batches([batch])
    if rows_as == "arrow":
        return table
    return table.to_pylist() if rows_as == "rows" else table.to_pandas()


def _mlflow(order: Order) -> Callable[[pa.RecordBatch], Any]:
    pyfunc: Any = importlib.import_module("mlflow.pyfunc")
    model = pyfunc.load_model(order.target)
    return lambda batch: model.predict(_handed(batch, "pandas"))


def _onnx(order: Order) -> Callable[[pa.RecordBatch], Any]:
    runtime: Any = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(order.target, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    names = [one.name for one in session.get_outputs()]

    def answer(batch: pa.RecordBatch) -> dict[str, Any]:
        if len(inputs) == 1 and inputs[0].name not in batch.schema.names:
            fed = {inputs[0].name: _matrix(batch, _onnx_type(inputs[0].type))}
        else:
            fed = {
                one.name: _vector(batch, one.name, one.type, len(one.shape or (0,)))
                for one in inputs
            }
        return dict(zip(names, session.run(None, fed), strict=True))

    return answer


def _onnx_type(told: str) -> Any:  # noqa: ANN401 - a NumPy type
    kinds = {
        "tensor(float)": np.float32,
        "tensor(double)": np.float64,
        "tensor(float16)": np.float16,
        "tensor(int64)": np.int64,
        "tensor(int32)": np.int32,
        "tensor(bool)": np.bool_,
        "tensor(string)": np.object_,
    }
    if told not in kinds:
        msg = f"the model takes {told}, which rows do not have"
        raise TypeError(msg)
    return kinds[told]


def _matrix(batch: pa.RecordBatch, kind: Any) -> Any:  # noqa: ANN401
    columns = [
        np.asarray(column.to_numpy(zero_copy_only=False)) for column in batch.columns
    ]
    return np.stack(columns, axis=1).astype(kind)


def _vector(batch: pa.RecordBatch, name: str, told: str, dimensions: int) -> Any:  # noqa: ANN401
    if name not in batch.schema.names:
        has = ", ".join(batch.schema.names)
        msg = f"the model takes {name!r}, and the rows have {has}"
        raise KeyError(msg)
    values = batch.column(name).to_numpy(zero_copy_only=False)
    values = np.asarray(values).astype(_onnx_type(told))
    return values if dimensions == 1 else values.reshape(-1, 1)


def _endpoint(order: Order) -> Callable[[pa.RecordBatch], Any]:
    asking: dict[Protocol, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
        Protocol.V2: (_v2_asked, _v2_answered),
        Protocol.V1: (lambda batch, _: {"instances": _plain(batch)}, _v1_answered),
        Protocol.JSON: (lambda batch, _: _plain(batch), lambda told: told),
    }
    ask, read = asking[order.protocol]
    return lambda batch: read(_post(order, ask(batch, order.tensor)))


def _plain(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows as JSON has them: times as text, and NaN as null."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_temporal(column.type):
            column = pc.cast(column, pa.string())  # noqa: PLW2901 - the same, as text
        elif pa.types.is_floating(column.type):
            finite = pc.is_finite(column)
            column = pc.if_else(finite, column, None)  # noqa: PLW2901
        columns[name] = column
    return list(pa.table(columns).to_pylist())


_V2_TYPES = (
    (pa.types.is_boolean, "BOOL", None),
    (pa.types.is_integer, "INT64", pa.int64()),
    (pa.types.is_floating, "FP64", pa.float64()),
    (pa.types.is_decimal, "FP64", pa.float64()),
)


def _v2_asked(batch: pa.RecordBatch, tensor: str | None) -> dict[str, Any]:
    n = batch.num_rows
    if tensor is not None:
        data = _matrix(batch, np.float64)
        one = {"name": tensor, "shape": list(data.shape), "datatype": "FP64"}
        return {"inputs": [{**one, "data": data.ravel().tolist()}]}
    inputs = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        datatype, data = "BYTES", pc.cast(column, pa.string())
        for belongs, known, wanted in _V2_TYPES:
            if belongs(column.type):
                datatype, data = (
                    known,
                    column if wanted is None else column.cast(wanted),
                )
        shape = [n, 1]
        told = {"name": name, "shape": shape, "datatype": datatype}
        inputs.append({**told, "data": data.to_pylist()})
    return {"inputs": inputs}


def _v2_answered(told: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for one in told["outputs"]:
        shape = one["shape"]
        data = one["data"]
        found[one["name"]] = (
            np.array(data).reshape(shape) if len(shape) > 1 else np.array(data)
        )
    return found


def _v1_answered(told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as it comes
    if "predictions" not in told:
        msg = f"the answer has no `predictions`; it has {', '.join(told)}"
        raise ValueError(msg)
    return told["predictions"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An endpoint answers for itself."""

    def redirect_request(self, *_: object) -> None:
        """Follow nowhere."""


def _post(order: Order, body: object) -> Any:  # noqa: ANN401 - JSON
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if order.token:
        headers["Authorization"] = f"Bearer {order.token}"
    request = urllib.request.Request(  # noqa: S310 - the config takes web addresses alone
        order.target, json.dumps(body, allow_nan=False).encode(), headers
    )
    # No proxy of the environment: there is none, and none is wanted.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=order.seconds) as answer:
            data = answer.read(MOST_ANSWERED + 1)
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace").strip()
        msg = f"HTTP {error.code} {error.reason} {said}".strip()
        raise RuntimeError(msg) from None
    except urllib.error.URLError as error:
        msg = f"the endpoint cannot be reached: {error.reason}"
        raise RuntimeError(msg) from None
    if len(data) > MOST_ANSWERED:
        msg = f"the answer is larger than {MOST_ANSWERED >> 20} MiB"
        raise ValueError(msg)
    return json.loads(data)


def table_of(answer: Any, order: Order) -> pa.Table:  # noqa: ANN401 - whatever comes back
    """Return an answer as a table with the columns that are compared.

    >>> from monitor.order import Kind
    >>> order = Order(kind=Kind.URL, target="", columns=("score",))
    >>> table_of([0.5, 0.25], order).to_pydict()
    {'score': [0.5, 0.25]}
    >>> order = Order(kind=Kind.URL, target="", outputs={"score": "p[1]"})
    >>> table_of({"p": [[0.5, 0.5], [0.25, 0.75]]}, order).to_pydict()
    {'score': [0.5, 0.75]}
    """
    named = _named(answer, order.columns)
    if not order.outputs:
        kept = {name: named[name] for name in order.columns if name in named}
        if not kept and len(named) == len(order.columns):
            kept = dict(zip(order.columns, named.values(), strict=True))
        if not kept:
            msg = (
                f"none of {', '.join(order.columns)} came back, but {', '.join(named)}"
            )
            raise ValueError(msg)
        return pa.table({name: _flat(values) for name, values in kept.items()})
    return pa.table(
        {ours: _flat(_picked(named, theirs)) for ours, theirs in order.outputs.items()}
    )


def _named(answer: Any, columns: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401
    """Return an answer's columns by name; what has no name has the places' names."""
    if hasattr(answer, "to_frame") and not hasattr(answer, "columns"):
        answer = answer.to_numpy()
    if hasattr(answer, "columns") and hasattr(answer, "to_numpy"):
        twice = answer.columns[answer.columns.duplicated()]
        if len(twice):
            msg = f"column {twice[0]!r} came back twice"
            raise ValueError(msg)
        return {str(name): answer[name].array for name in answer.columns}
    if isinstance(answer, pa.RecordBatch | pa.Table):
        return dict(zip(answer.schema.names, answer.columns, strict=True))
    if isinstance(answer, Mapping):
        return {str(name): values for name, values in answer.items()}
    if isinstance(answer, str | bytes) or not hasattr(answer, "__iter__"):
        msg = f"{type(answer).__name__} came back, and no rows"
        raise TypeError(msg)
    rows = list(answer) if not isinstance(answer, np.ndarray) else answer
    if len(rows) and isinstance(rows[0], Mapping):
        names = dict.fromkeys(name for row in rows for name in row)
        return {str(name): [row.get(name) for row in rows] for name in names}
    values = np.asarray(rows)
    if values.ndim > 1 and values.shape[1] > 1:
        return {
            columns[place] if values.shape[1] == len(columns) else str(place): part
            for place, part in enumerate(values.T)
        }
    return {columns[0] if len(columns) == 1 else "0": values}


def _picked(named: Mapping[str, Any], told: str) -> Any:  # noqa: ANN401
    place = _PLACE.match(told)
    name = place["name"] if place and told not in named else told
    if name not in named:
        msg = f"no {name!r} came back, but {', '.join(named)}"
        raise ValueError(msg)
    values = named[name]
    if place is None or told in named:
        return values
    at = int(place["place"])
    if len(values) and isinstance(values[0], Mapping):
        return [row[at] for row in values]
    return np.asarray(values)[:, at]


def _flat(values: Any) -> Any:  # noqa: ANN401 - one column
    """Return a column as Arrow takes it."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    found = np.asarray(values)
    if found.ndim > 1:
        found = found.reshape(len(found), -1)
        if found.shape[1] != 1:
            size = found.shape[1]
            msg = f"{size} values a row came back: choose one, as name[0]"
            raise ValueError(msg)
        found = found[:, 0]
    return pa.array(found, from_pandas=True)
