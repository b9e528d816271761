"""What is sent too much of, packed, or to a full disk: refused, and nothing is lost."""

import contextlib
import gzip
import resource
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
import pytest

from monitor.ingest.admission import Room
from monitor.ingest.body import LARGEST
from tests.monitor.ingest.pushed import Pushed, found, row, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    with serving(tmp_path_factory.mktemp("shared")) as pushed:
        yield pushed


def zstd(body: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(body)
    return bytes(sink.getvalue())


def test_packed_bodies_are_read(tmp_path: Path) -> None:
    packings: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "zstd": zstd,
        "identity": bytes,
    }
    with serving(tmp_path) as pushed:
        for place, (name, pack) in enumerate(packings.items()):
            body = pack(msgspec.json.encode(row(place)))
            status, _ = pushed.post("predictions", body, content_encoding=name)
            assert status == 200
        members = gzip.compress(b'{"id": "g1"}\n') + gzip.compress(b'{"id": "g2"}')
        kind = "application/x-ndjson"
        pushed.post("predictions", members, kind, content_encoding="gzip")
        ids = found(pushed.config)["id"].to_pylist()
    assert ids == ["p0", "p1", "p2", "g1", "g2"]


@pytest.mark.parametrize(
    ("body", "packing", "status"),
    [
        (gzip.compress(bytes(LARGEST + 1)), "gzip", 413),
        (gzip.compress(bytes(1000) * (1 << 20), 9), "gzip", 413),
        (zstd(bytes(LARGEST + 1)), "zstd", 413),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b'{"id": "x"}')[:-9], "gzip", 400),
        (b"no zstd", "zstd", 400),
        (b"{}", "br", 415),
    ],
    ids=["gzip", "972 kB of 1 GB", "zstd", "no gzip", "torn", "no zstd", "unknown"],
)
def test_a_packed_body_is_unpacked_as_far_as_it_may_be(
    shared: Pushed, body: bytes, packing: str, status: int
) -> None:
    answer, told = shared.post("predictions", body, content_encoding=packing)
    assert answer == status
    assert told["fix"]


def test_a_body_that_is_announced_too_large_is_refused_unread(shared: Pushed) -> None:
    where = urlsplit(shared.url)
    with socket.create_connection((where.hostname, where.port), 10) as caller:
        caller.sendall(
            b"POST /v1/models/churn/predictions HTTP/1.1\r\nhost: x\r\n"
            b"content-length: 99999999999\r\n\r\n"
        )
        assert caller.recv(12) == b"HTTP/1.1 413"


def test_a_body_that_goes_on_and_on_is_refused_at_its_bound(shared: Pushed) -> None:
    where = urlsplit(shared.url)
    sent = 0
    with socket.create_connection((where.hostname, where.port), 10) as caller:
        caller.sendall(
            b"POST /v1/models/churn/predictions HTTP/1.1\r\nhost: x\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with contextlib.suppress(TimeoutError, ConnectionError):
            caller.settimeout(5)
            while not select.select([caller], [], [], 0)[0]:
                caller.sendall(piece)
                sent += len(piece)
        assert caller.recv(12) == b"HTTP/1.1 413"
    assert sent < LARGEST + (8 << 20)  # what the sockets hold between them


def test_more_rows_than_are_held_are_refused_before_they_are_decoded(
    shared: Pushed,
) -> None:
    body = b"[" + b",".join([b"{}"] * 1_000_000) + b"]"
    status, told = shared.post("predictions", body)
    assert status == 413
    assert "about 1,000,000 rows" in told["detail"]
    assert "send at most" in told["fix"]


def test_overload_is_told_with_when_to_come_again_and_passes(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        for room in (Room(most=100), Room(requests=0)):
            pushed.desk.room = room
            status, told = pushed.post("predictions", row())
            assert status == 429
            assert "send the same rows again later" in told["fix"]
            assert (room.bytes, room.requests) == (0, 0)
        pushed.desk.room = Room()
        assert pushed.post("predictions", row())[0] == 200


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_left_behind_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    taken: list[str] = []

    def send(i: int) -> int:
        rows = [row(f"{i}-{j}", plan="x" * 500) for j in range(100)]
        status, told = pushed.post("predictions", rows)
        if status == 200:
            taken.extend(one["id"] for one in rows)
        else:
            assert "rows cannot be written" in told["detail"]
            assert told["fix"] == "send the same rows again"
        return status

    with serving(tmp_path) as pushed:
        with full_disk(200_000):
            statuses = [send(i) for i in range(6)]
            assert statuses == [200, 200, 200, 503, 200, 200]
            assert pushed.desk.trouble() is None
            statuses = [send(i) for i in range(6, 9)]
            assert 503 in statuses
            trouble = pushed.desk.trouble()
        with full_disk(1000):
            assert send(10) == 503
            trouble = pushed.desk.trouble()
            assert trouble is not None
            assert "Fix: make room" in trouble
        assert pushed.desk.trouble() is None  # without any row being sent
        assert send(11) == 200
        assert found(pushed.config)["id"].to_pylist() == taken
        pushed.desk.intakes["churn", "predictions"].landing.land(
            pushed.clock.now(), everything=True
        )
        assert sorted(found(pushed.config)["id"].to_pylist()) == sorted(taken)
