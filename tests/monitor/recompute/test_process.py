"""Rows that are run again in a process apart, which may do what it likes."""

import os
import subprocess
import sys
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

def turned(frame):
    return frame.sort_values("x", ascending=False)[["x"]]

def fewer(frame):
    return frame.iloc[1:]

def away():
    # A process is left behind, in a session of its own, with all pipes open.
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(600)
    return child

def leaves(frame):
    return [away() for _ in range(len(frame))]

def leaves_and_fails(frame):
    raise ValueError(f"left {away()}")

def leaves_and_hangs(frame):
    print("left", away(), file=open(sys.path[0] + "/left", "w"), flush=True)
    time.sleep(600)

def quits(frame):
    os._exit(0)

def kills_keeper(frame):
    os.kill(os.getppid(), 9)
    time.sleep(600)

def nothing(frame):
    return None

def twice(frame):
    import pandas
    return pandas.concat([frame[["x"]], frame[["x"]]], axis=1)

def coloured(frame):
    raise ValueError("\\x1b[31mred\\x1b[0m \\x07")

def pries(frame):
    keeper = open(f"/proc/{os.getppid()}/stat").read()
    daemon = int(keeper.rpartition(")")[2].split()[1])
    for what in ("environ", "mem", "fd/0"):
        try:
            open(f"/proc/{daemon}/{what}", "rb").read(1)
        except PermissionError:
            continue
        raise ValueError(f"{what} can be read")
    return frame
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


def test_rows_that_a_function_moves_find_their_places(
    run: Callable[..., pa.Table],
) -> None:
    assert {"x": [1.0 * i for i in range(N)]} == run("turned").to_pydict()


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
        ("dies", r"it ended without an answer \(exit code 3\)"),
        ("quits", r"it ended without an answer \(exit code 0\)"),
        ("crashes", "it was stopped by signal SIGSEGV"),
        ("kills_keeper", "it was stopped by signal SIGKILL"),
        ("nothing", "NoneType came back, and no rows"),
        ("twice", "column 'x' came back twice"),
        ("coloured", "ValueError: red$"),
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


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_nothing_is_left_that_the_code_started(run: Callable[..., pa.Table]) -> None:
    left = run("leaves").column("x").to_pylist()

    assert len(left) == N
    assert not any(alive(process) for process in left)


def test_nothing_is_left_where_the_code_fails(run: Callable[..., pa.Table]) -> None:
    with pytest.raises(SourceError, match="ValueError: left") as told:
        run("leaves_and_fails")

    assert not alive(int(str(told.value).rpartition(" ")[2]))


def test_nothing_is_left_where_the_code_hangs(
    run: Callable[..., pa.Table], tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="it took longer than 3 s"):
        run("leaves_and_hangs", seconds=3.0)

    assert not alive(int((tmp_path / "left").read_text().split()[1]))


DAEMON = """
import pyarrow as pa
from monitor.order import Kind, Order
from monitor.recompute import recompute

order = Order(
    kind=Kind.CALLABLE, target="features:{name}", path=({path!r},), columns=("x",)
)
try:
    recompute(order, pa.table({{"x": [1.0]}}).to_batches())
    print("answered")
except Exception as error:
    print(error)
"""


def daemon(tmp_path: Path, name: str) -> subprocess.Popen[str]:
    """Start a process of its own that has rows run again, and a secret."""
    (tmp_path / "features.py").write_text(textwrap.dedent(FEATURES))
    return subprocess.Popen(
        [sys.executable, "-c", DAEMON.format(name=name, path=str(tmp_path))],
        env={**os.environ, "DRIFTD_CANARY": "xoxb-1"},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="Linux keeps processes apart")
def test_the_daemons_environment_memory_and_files_cannot_be_read(
    tmp_path: Path,
) -> None:
    with daemon(tmp_path, "pries") as process:
        told, _ = process.communicate(timeout=60)

    assert "answered\n" == told


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells that a parent is gone")
def test_nothing_is_left_where_the_daemon_is_killed(tmp_path: Path) -> None:
    left = tmp_path / "left"
    with daemon(tmp_path, "leaves_and_hangs") as process:
        waited(lambda: left.exists() and left.read_text().endswith("\n"))
        process.kill()

    started = int(left.read_text().split()[1])
    waited(lambda: not alive(started))
    assert not alive(started)


def waited(happened: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.05)


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
