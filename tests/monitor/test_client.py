"""The client loses nothing it has room for, and never troubles who logs."""

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.client import Client, _line
from monitor.ingest.admission import Room
from tests.monitor.ingest.pushed import Pushed, found, serving

ROOT = Path(__file__).parents[2]
SOON = 20.0


def row(i: int = 0, **changes: Any) -> dict[str, Any]:
    return {"amount": float(i), "plan": "basic", "score": 0.5, **changes}


def client(pushed: Pushed | str, **options: Any) -> Client:
    url = pushed if isinstance(pushed, str) else pushed.url
    return Client(url, model="churn", **({"linger": 0.01} | options))


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def on(pushed: Pushed) -> str:
    """Return a time on the day that the daemon has."""
    return f"{pushed.clock.now():%Y-%m-%dT%H:%M:%SZ}"


def test_it_needs_nothing_but_python() -> None:
    program = f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        import monitor.client, monitor.middleware
        foreign = [m for m in sys.modules.values()
                   if "site-packages" in str(getattr(m, "__file__", ""))]
        assert not foreign, foreign
    """
    code = [sys.executable, "-I", "-S", "-c", textwrap.dedent(program)]
    subprocess.run(code, check=True, cwd="/")


def test_its_file_alone_is_enough(tmp_path: Path) -> None:
    shutil.copy(ROOT / "monitor" / "client.py", tmp_path / "client.py")
    program = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from client import Client
        sender = Client("http://127.0.0.1:9", model="churn")
        assert sender.log({{"amount": 1.0}})
        assert not sender.close(0.05)
    """
    code = [sys.executable, "-I", "-S", "-c", textwrap.dedent(program)]
    subprocess.run(code, check=True, cwd=tmp_path)


def test_rows_and_labels_arrive_under_the_id_that_log_returned(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        sender = client(pushed)
        ids = [sender.log(row(i, at=on(pushed))) for i in range(1200)]
        ids.append(sender.log(row(at=on(pushed)), id="mine"))
        sender.label("mine", value=True, known_at=on(pushed))
        assert sender.flush(SOON)
        assert sorted(found(pushed.config)["id"].to_pylist()) == sorted(ids)
        (label,) = found(pushed.config, "labels").to_pylist()
        assert (label["id"], label["churned"]) == ("mine", True)
        assert (sender.sent, sender.rejected, sender.dropped) == (1202, 0, 0)
        sender.close()


def test_values_of_numpy_and_what_json_has_not_are_sent_as_plain_ones(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as pushed:
        sender = client(pushed)
        sender.log(row(amount=np.float32(1.5), plan=np.str_("pro"), at=on(pushed)))
        sender.log(row(amount=float("nan"), score=np.float64("inf"), at=on(pushed)))
        assert sender.flush(SOON)
        told = found(pushed.config)
        assert told["amount"].to_pylist() == [1.5, None]
        assert told["plan"].to_pylist() == ["pro", "basic"]
        sender.close()


class NoTime:
    """What pandas calls a time that is none: it equals nothing, not even itself."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def isoformat(self) -> str:
        return "NaT"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Decimal("1.5"), 1.5),
        (Decimal("NaN"), None),
        (Decimal("sNaN"), None),
        (Fraction(1, 2), 0.5),
        (np.int64(3), 3),
        (np.bool_(1), True),
        (np.float32("nan"), None),
        (np.array([1, 2]), [1, 2]),
        (np.array(2.5), 2.5),
        (np.datetime64("2026-03-02T11:00"), "2026-03-02T11:00:00"),
        (np.datetime64("NaT"), None),
        (datetime(2026, 3, 2, tzinfo=UTC), "2026-03-02T00:00:00+00:00"),
        (date(2026, 3, 2), "2026-03-02"),
        (NoTime(), None),
        (b"caf\xc3\xa9", "café"),
        (b"\xff", "\ufffd"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (float("-inf"), None),
        (
            {"a": [float("nan"), {"b": (1, np.float64("inf"))}]},
            {"a": [None, {"b": [1, None]}]},
        ),
    ],
    ids=range(19),
)
def test_any_value_is_sent_as_a_plain_one(value: object, told: object) -> None:
    assert json.loads(_line({"x": value})) == {"x": told}


@contextmanager
def answering(answer: bytes, *, again: bool = False) -> Iterator[str]:
    """Serve one answer, whatever is asked; `again` and again, without an end."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    with caller, suppress(OSError):
                        caller.recv(1 << 20)
                        caller.sendall(answer)
                        while again:
                            caller.sendall(bytes(1 << 16))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(SOON)


OK = b"HTTP/1.1 200 x\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 429 x\r\nretry-after: \xb2\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 503 x\r\nretry-after: 999999999\r\ncontent-length: 0\r\n\r\n",
        OK + b"content-length: 6\r\n\r\n<html>",
        OK + b"content-length: 2\r\n\r\n[]",
        OK + b"content-length: 100\r\n\r\n{",
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        OK + b"a: b\r\n" * 10_000,
        b"\x00\xff garbage\r\n\r\n",
        b"",
    ],
    ids=range(9),
)
def test_what_was_not_answered_by_a_daemon_is_sent_again(answer: bytes) -> None:
    with answering(answer) as url:
        sender = client(url, timeout=0.5)
        for i in range(100):
            sender.log(row(i))
        assert not sender.flush(0.2)
        assert sender.dropped == 0
        began = time.monotonic()
        sender.close(0.1)
        assert time.monotonic() - began < 5
    assert (sender.sent, sender.dropped) == (0, 100)


def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    with answering(OK + b"\r\n", again=True) as url:
        sender = client(url, timeout=0.5)
        sender.log(row())
        assert not sender.flush(0.3)
        sender.close(0.1)
    assert sender.dropped == 1


def test_threads_lose_no_row_to_each_other(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        sender = client(pushed)

        def logging() -> None:
            for i in range(200):
                sender.log(row(i, at=on(pushed)))

        threads = [threading.Thread(target=logging) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sender.flush(SOON)
        assert found(pushed.config).num_rows == sender.sent == 1600
        sender.close()


def test_a_process_that_ends_waits_for_nobody_for_long() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()  # it takes connections and answers none
        program = f"""
            from monitor.client import Client, _line
            sender = Client("http://127.0.0.1:{taken.getsockname()[1]}", model="churn")
            sender.log({{"amount": 1.0}})
        """
        code = [sys.executable, "-c", textwrap.dedent(program)]
        began = time.monotonic()
        subprocess.run(code, check=True, cwd=ROOT, timeout=SOON)
        assert time.monotonic() - began < 10


def test_a_row_that_is_too_large_holds_up_no_other(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        sender = client(pushed)
        sender.log(row(at=on(pushed), extra="x" * (17 << 20)))
        sender.log(row(at=on(pushed)))
        assert sender.flush(SOON)
        assert (sender.sent, sender.dropped) == (1, 1)
        sender.close()


def test_a_row_that_is_none_is_counted_and_breaks_nothing(tmp_path: Path) -> None:
    def raising() -> list[Any]:
        raise ZeroDivisionError

    with serving(tmp_path) as pushed:
        sender = client(pushed)
        sender.log(None)  # type: ignore[arg-type]
        sender.log_later(raising)
        sender.log(row(amount="much", at=on(pushed)))
        sender.log(row(at=on(pushed)))
        assert sender.flush(SOON)
        assert (sender.sent, sender.rejected, sender.dropped) == (1, 1, 2)
        sender.close()


def test_logging_neither_waits_nor_fails_while_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)  # it takes connections and answers none
        sender = client(f"http://127.0.0.1:{taken.getsockname()[1]}", capacity=100)
        began = time.monotonic()
        for i in range(2000):
            sender.log(row(i))
        assert time.monotonic() - began < 1.0
        assert not sender.flush(0.05)
        assert not sender.close(0.05)
        assert sender.dropped >= 1400
    sender.log(row())  # a closed one counts, and raises nothing


def test_what_waited_while_the_daemon_was_away_is_sent_when_it_is_back(
    tmp_path: Path,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sender = client(f"http://127.0.0.1:{port}")
    with serving(tmp_path, port=port) as pushed:
        before = [sender.log(row(i, at=on(pushed))) for i in range(10)]
        assert sender.flush(SOON)
    after = [sender.log(row(i, at=on(pushed))) for i in range(10)]
    time.sleep(0.3)
    with serving(tmp_path, port=port) as pushed:
        assert sender.flush(SOON)
        assert sorted(found(pushed.config)["id"].to_pylist()) == sorted(before + after)
    sender.close()


def test_a_daemon_that_has_no_room_is_asked_again(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        pushed.desk.room = Room(most=10)
        assert pushed.post("predictions", row(id="x"))[0] == 429
        sender = client(pushed)
        sender.log(row(at=on(pushed)))
        assert not sender.flush(0.3)
        pushed.desk.room = Room()
        assert sender.flush(SOON)
        assert (sender.sent, sender.dropped) == (1, 0)
        sender.close()


def test_a_batch_that_is_too_large_is_sent_in_parts(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        sender = client(pushed, linger=0.5)
        for i in range(12):
            sender.log(row(i, at=on(pushed), extra="x" * (4 << 20)))
        assert sender.flush(SOON)
        assert (sender.sent, sender.dropped) == (12, 0)
        sender.close()


def test_rows_that_nobody_wants_are_counted(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        sender = Client(pushed.url, model="weather", linger=0.0)
        sender.log(row())
        assert sender.flush(SOON)
        assert (sender.sent, sender.dropped) == (0, 1)
        sender.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is not there")
def test_a_forked_process_logs_its_own_rows_and_not_its_parents(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        program = f"""
            import os, sys
            from monitor.client import Client, _line
            sender = Client({pushed.url!r}, model="churn", linger=0.3)
            sender.log({{"id": "before", "at": {on(pushed)!r}}})
            child = os.fork()
            sender.log({{"id": f"after-{{child == 0}}", "at": {on(pushed)!r}}})
            if child:
                os.waitpid(child, 0)
        """
        code = [sys.executable, "-c", textwrap.dedent(program)]
        subprocess.run(code, check=True, cwd=ROOT)  # what waits is sent as it exits
        ids = found(pushed.config)["id"].to_pylist()
    assert sorted(ids) == ["after-False", "after-True", "before"]


@pytest.mark.parametrize("url", ["127.0.0.1:8787", "ftp://x", ""])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is no address of a daemon"):
        Client(url, model="churn")
