"""The client loses nothing it has room for, and never troubles who logs."""

import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.client import Client
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
            from monitor.client import Client
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
