"""ONNX models and endpoints, as rows are given to them and answers are read."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitor.order import Kind, Order, Protocol
from monitor.recompute.models import opened, table_of

BATCH = pa.RecordBatch.from_pydict(
    {
        "x": [1.0, 2.0, 3.0],
        "n": [10, 20, 30],
        "plan": ["a", "b", None],
        "fair": [True, False, True],
    }
)


def onnx_model(path: Path, matrix: bool) -> Path:  # noqa: FBT001 - two sorts of model
    """Write a model that adds two numbers up, or doubles a matrix."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    helper, kinds = onnx.helper, onnx.TensorProto

    def tensor(name: str, kind: Any, width: int) -> Any:
        return helper.make_tensor_value_info(name, kind, [None, width])

    if matrix:
        node = helper.make_node("Add", ["X", "X"], ["Y"])
        inputs = [tensor("X", kinds.FLOAT, 2)]
        outputs = [tensor("Y", kinds.FLOAT, 2)]
    else:
        node = helper.make_node("Mul", ["x", "x"], ["score"])
        inputs = [tensor("x", kinds.DOUBLE, 1)]
        outputs = [tensor("score", kinds.DOUBLE, 1)]
    graph = helper.make_graph([node], "small", inputs, outputs)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    onnx.save(model, str(path))
    return path


def test_an_onnx_model_takes_columns_by_name(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "m.onnx", matrix=False)

    model = opened(Order(kind=Kind.ONNX, target=str(path), columns=("score",)))

    assert {"score": [1.0, 4.0, 9.0]} == model(BATCH).to_pydict()


def test_an_onnx_model_takes_a_matrix_and_gives_one(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "m.onnx", matrix=True)
    order = Order(kind=Kind.ONNX, target=str(path), outputs={"score": "Y[:, 1]"})

    found = opened(order)(BATCH.select(["x", "n"]))

    assert {"score": [20.0, 40.0, 60.0]} == found.to_pydict()


Answer = Callable[[str, Any], tuple[int, Any]]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start endpoints on the loopback that answer as they are told."""
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                token = self.headers.get("Authorization", "")
                status, told = answer(token, body)
                data = json.dumps(told).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v2/models/m/infer"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(url: str, protocol: Protocol, **options: Any) -> dict[str, list[Any]]:
    order = Order(
        kind=Kind.URL,
        target=url,
        protocol=protocol,
        **{"columns": ("score",), "seconds": 5.0, **options},
    )
    return dict(opened(order)(BATCH).to_pydict())


def test_an_endpoint_of_the_open_inference_protocol(
    serve: Callable[[Answer], str],
) -> None:
    def answer(token: str, body: Any) -> tuple[int, Any]:
        inputs = {one["name"]: one for one in body["inputs"]}
        assert "Bearer t" == token
        assert ["FP64", "INT64", "BYTES", "BOOL"] == [
            one["datatype"] for one in body["inputs"]
        ]
        assert [3, 1] == inputs["x"]["shape"]
        scores = [[1 - x / 10, x / 10] for x in inputs["x"]["data"]]
        flat = [share for row in scores for share in row]
        shape = {"shape": [3, 2], "datatype": "FP64", "data": flat}
        return 200, {"outputs": [{"name": "probabilities", **shape}]}

    found = asked(
        serve(answer), Protocol.V2, token="t", outputs={"score": "probabilities[1]"}
    )

    assert {"score": [0.1, 0.2, 0.3]} == found


def test_an_endpoint_that_takes_one_tensor(serve: Callable[[Answer], str]) -> None:
    def answer(_: str, body: Any) -> tuple[int, Any]:
        (one,) = body["inputs"]
        assert ("X", [3, 2]) == (one["name"], one["shape"])
        sums = np.array(one["data"]).reshape(3, 2).sum(axis=1)
        told = {"name": "y", "shape": [3], "datatype": "FP64", "data": sums.tolist()}
        return 200, {"outputs": [told]}

    order = Order(kind=Kind.URL, target=serve(answer), tensor="X", columns=("score",))

    found = opened(order)(BATCH.select(["x", "n"]))

    assert {"score": [11.0, 22.0, 33.0]} == found.to_pydict()


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        (
            Protocol.V1,
            lambda _, body: (200, {"predictions": [r["x"] for r in body["instances"]]}),
        ),
        (Protocol.JSON, lambda _, body: (200, [{"score": r["x"]} for r in body])),
        (Protocol.JSON, lambda _, body: (200, {"score": [r["x"] for r in body]})),
    ],
)
def test_endpoints_of_older_sorts(
    serve: Callable[[Answer], str], protocol: Protocol, answer: Answer
) -> None:
    assert {"score": [1.0, 2.0, 3.0]} == asked(serve(answer), protocol)


@pytest.mark.parametrize(
    ("status", "told", "message"),
    [
        (500, {"error": "out of memory"}, "HTTP 500 .*out of memory"),
        (302, {}, "HTTP 302"),
        (200, {"nothing": 1}, "no `predictions`; it has nothing"),
    ],
)
def test_an_endpoint_that_does_not_answer_says_so(
    serve: Callable[[Answer], str], status: int, told: Any, message: str
) -> None:
    with pytest.raises((RuntimeError, ValueError), match=message):
        asked(serve(lambda *_: (status, told)), Protocol.V1)


def test_an_endpoint_that_is_not_there_says_so() -> None:
    with pytest.raises(RuntimeError, match="the endpoint cannot be reached"):
        asked("http://127.0.0.1:1/", Protocol.V1)


ORDER = Order(kind=Kind.CALLABLE, target="a:b", columns=("x", "y"))


@pytest.mark.parametrize(
    "answer",
    [
        pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}),
        pa.table({"x": [1.0, 2.0], "y": [3.0, 4.0]}),
        {"x": [1.0, 2.0], "y": [3.0, 4.0]},
        [{"x": 1.0, "y": 3.0}, {"x": 2.0, "y": 4.0}],
        np.array([[1.0, 3.0], [2.0, 4.0]]),
        {"first": [1.0, 2.0], "second": [3.0, 4.0]},
    ],
    ids=["frame", "table", "columns", "rows", "matrix", "other names"],
)
def test_an_answer_of_any_form_is_a_table(answer: Any) -> None:
    expected = {"x": [1.0, 2.0], "y": [3.0, 4.0]}

    assert expected == table_of(answer, ORDER).to_pydict()


def test_one_column_needs_no_name() -> None:
    order = Order(kind=Kind.CALLABLE, target="a:b", columns=("score",))

    for answer in (np.array([0.5]), np.array([[0.5]]), [0.5], pd.Series([0.5])):
        assert {"score": [0.5]} == table_of(answer, order).to_pydict()


@pytest.mark.parametrize(
    ("answer", "outputs", "told"),
    [
        ({"a": [1]}, {}, "none of x, y came back, but a"),
        ({"a": [1]}, {"x": "b"}, "no 'b' came back, but a"),
        ({"a": [[1, 2]]}, {"x": "a"}, "2 values a row came back: choose one"),
    ],
)
def test_an_answer_that_lacks_what_is_compared_says_so(
    answer: Any, outputs: dict[str, str], told: str
) -> None:
    order = Order(kind=Kind.CALLABLE, target="", columns=("x", "y"), outputs=outputs)

    with pytest.raises(ValueError, match=told):
        table_of(answer, order)
