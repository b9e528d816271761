"""Rows that are run again in a process apart, which may do what it likes."""

import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitor.errors import SourceError
from monitor.order import Kind, Order
from monitor.recompute import recompute

N = 10
ROWS = pa.table({"id": [f"p{i}" for i in range(N)], "x": np.arange(N) * 1.0})

FEATURES = """
import glob, os, sys, time

def double(frame):
    print("this goes nowhere near the answer")
    frame["x"] = frame["x"] * 2
    return frame[["x"]]

def seen(rows):
    return [
        {
            "x": float("DRIFTD_CANARY" in os.environ),
            "y": " ".join(os.environ),
            "z": " ".join(map(os.path.realpath, glob.glob("/proc/self/fd/*"))),
        }
        for _ in rows
    ]

def fails(frame):
    raise ValueError("no such airport:\\n'JFK'")

def dies(frame):
    os._exit(3)

def crashes(frame):
    os.kill(os.getpid(), 11)

def hangs(frame):
    os.system("sleep 60")

def eats(frame):
    return [bytearray(1 << 33)]

def babbles(frame):
    for _ in range(3000):
        sys.stderr.write("x" * 999 + "\\n")
    raise KeyError("babbled")

def fewer(frame):
    return frame.iloc[1:]
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., pa.Table]:
    (tmp_path / "features.py").write_text(textwrap.dedent(FEATURES))

    def run(name: str, **options: Any) -> pa.Table:
        order = Order(
            kind=Kind.CALLABLE,
            target=f"features:{name}",
            path=(str(tmp_path),),
            columns=("x",),
            **options,
        )
        return recompute(order, ROWS.to_batches(max_chunksize=4))

    return run


def test_a_function_computes_rows_again(run: Callable[..., pa.Table]) -> None:
    assert {"x": [2.0 * i for i in range(N)]} == run("double").to_pydict()


def test_the_process_knows_no_secret_and_has_no_file_of_ours(
    run: Callable[..., pa.Table], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRIFTD_CANARY", "xoxb-1")
    with (tmp_path / "secret").open("w") as ours:
        ours.flush()
        outputs = {"x": "x", "y": "y", "z": "z"}
        (row, *_) = run("seen", rows_as="rows", outputs=outputs).to_pylist()

    assert 0.0 == row["x"]
    assert "PATH" in row["y"]
    assert "CANARY" not in row["y"]
    assert "/dev/null" in row["z"]
    assert str(tmp_path) not in row["z"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fails", "ValueError: no such airport: 'JFK'"),
        ("dies", r"it gave no answer \(.*\)"),
        ("crashes", "SIGSEGV|it gave no answer"),
        ("babbles", "KeyError: 'babbled'"),
        ("fewer", "3 rows came back of 4"),
        ("missing", "AttributeError: .* has no attribute 'missing'"),
    ],
)
def test_what_goes_wrong_is_a_cause(
    run: Callable[..., pa.Table], name: str, told: str
) -> None:
    with pytest.raises(SourceError, match=told):
        run(name)


def test_a_process_that_hangs_is_stopped_with_what_it_started(
    run: Callable[..., pa.Table],
) -> None:
    started = time.monotonic()

    with pytest.raises(SourceError, match="it took longer than 2 s"):
        run("hangs", seconds=2.0)

    assert time.monotonic() - started < 20


def test_a_process_that_takes_too_much_memory_is_stopped(
    run: Callable[..., pa.Table],
) -> None:
    with pytest.raises(SourceError, match="MemoryError"):
        run("eats", memory=2 << 30)


def test_rows_that_cannot_be_read_are_told_as_such() -> None:
    def broken() -> Any:
        yield from ROWS.to_batches()
        message = "the log is gone"
        raise SourceError(message, permanent=False)

    order = Order(kind=Kind.CALLABLE, target="json:dumps", columns=("x",))

    with pytest.raises(SourceError, match="the log is gone"):
        recompute(order, broken())


def test_an_mlflow_model_predicts_again(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    (tmp_path / "MLmodel").write_text(
        textwrap.dedent(
            """
            flavors:
              python_function:
                loader_module: doubling
            """
        )
    )
    (tmp_path / "doubling.py").write_text(
        textwrap.dedent(
            """
            class Model:
                def predict(self, frame):
                    return frame["x"] * 2

            def _load_pyfunc(path):
                return Model()
            """
        )
    )
    order = Order(
        kind=Kind.MLFLOW,
        target=str(tmp_path),
        path=(str(tmp_path),),
        columns=("score",),
    )

    found = recompute(order, ROWS.to_batches())

    assert {"score": [2.0 * i for i in range(N)]} == found.to_pydict()
