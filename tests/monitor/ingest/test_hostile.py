"""What a stranger would try: each gets an answer, and the next sender is served."""

import asyncio
import contextlib
import http.client
import io
import json
import random
import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.ingest import Desk, IngestApi
from monitor.ingest.admission import Room
from monitor.ingest.apart import Apart, TooLarge
from monitor.ingest.body import received
from monitor.ingest.columnar import LARGEST
from monitor.ingest.intake import Gatherer
from monitor.ingest.refusal import Refusal
from monitor.server import Server
from tests.monitor.ingest.pushed import (
    NOW,
    Pushed,
    config,
    found,
    nothing,
    post,
    row,
    serving,
)
from tests.monitor.ingest.test_sampled import ARROW, stream

PARQUET = "application/vnd.apache.parquet"
JSON, LINES = "application/json", "application/x-ndjson"
ANSWERS = {200, 400, 404, 405, 413, 415, 422, 429}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    with serving(tmp_path_factory.mktemp("hostile")) as pushed:
        yield pushed


def raw(pushed: Pushed, data: bytes, wait: float = 5.0) -> bytes:
    """Send bytes as they are; return what comes back until nothing more does."""
    where = urlsplit(pushed.url)
    told = b""
    with (
        socket.create_connection((where.hostname, where.port), wait) as caller,
        contextlib.suppress(OSError),
    ):
        caller.sendall(data)
        caller.shutdown(socket.SHUT_WR)
        while more := caller.recv(1 << 16):
            told += more
    return told


def send(
    pushed: Pushed, method: str, path: str, body: bytes, headers: dict[str, str]
) -> int:
    where = urlsplit(pushed.url)
    line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=20)
    with contextlib.closing(line):
        line.request(method, path, body, headers)
        answer = line.getresponse()
        answer.read()
        return answer.status


def serves(pushed: Pushed) -> None:
    """Hold that an honest sender is served as ever."""
    status, told = pushed.post("predictions", row(f"honest-{time.monotonic_ns()}"))
    assert (status, told) == (200, {"accepted": 1, "rejected": 0})


# ── values ───────────────────────────────────────────────────────────────────────────

BASE = '{"id": "%s", "at": "2026-03-02T11:00:00Z", %s}'


@pytest.mark.parametrize("kind", [JSON, LINES])
@pytest.mark.parametrize(
    "members",
    [
        '"amount": NaN',
        '"amount": Infinity',
        '"amount": 1e400',
        '"amount": -1e400',
        '"amount": 1e-400',
        '"amount": ' + "9" * 400,
        '"amount": ' + "9" * 5000,
        '"amount": 9223372036854775808',
        '"amount": 18446744073709551616',
        '"amount": -9223372036854775809',
        '"plan": 18446744073709551616',
        '"plan": -0.0',
        '"plan": ' + "9" * 400,
        '"plan": 1e400',
        r'"plan": "\ud800"',
        r'"plan": "\udfff\ud800"',
        r'"plan": "\u0000"',
        r'"plan": "a\u0000b"',
        '"plan": "\x00"',
        '"plan": "a", "plan": "b"',
        '"amount": 1, "amount": "x"',
        '"id": "other"',
        '"id": null',
        '"id": ["a"]',
        '"id": true',
        '"id": 1.5',
        r'"id": "\ud800"',
        r'"id": "\u0000"',
        '"id": ' + "9" * 400,
        '"id": -9223372036854775809',
        '"id": 18446744073709551616',
        '"id": "' + "x" * 1_000_000 + '"',
        '"at": "9999-12-31T23:59:59.999999Z"',
        '"at": "9999-12-31T23:59:59-12:00"',
        '"at": "0001-01-01T00:00:00+14:00"',
        '"at": "-0001-01-01"',
        '"at": -1',
        '"at": 0',
        '"at": 1e308',
        '"at": 1e400',
        '"at": -1e308',
        '"at": ' + "9" * 30,
        '"at": 253402300800000000',
        '"at": "2026-03-02T11:00:00"',
        '"at": "2026-03-02"',
        '"at": "2026-03-02T24:00:00Z"',
        '"at": "2026-02-30"',
        '"at": "2026-W10-1"',
        '"at": "2026-03-02T11:00:00+99:99"',
        '"at": "2026-03-02T11:00:00.123456789Z"',
        '"at": ""',
        r'"at": "\ud800"',
        '"at": true',
        '"score": "0.5"',
        '"score": true',
        '"": 1',
        '"x": ' + "[" * 5000 + "]" * 5000,
        '"x": ' + "[" * 200_000,
        '"x": ' + '{"a":' * 5000 + "1" + "}" * 5000,
        '"amount": 1}{"id": "second"',
        '"amount": 1}\n{"id": "second"',
        '"amount": 1} trailing {"a": 1',
    ],
    ids=range(62),
)
def test_any_value_gets_an_answer_and_what_is_taken_can_be_read(
    shared: Pushed, kind: str, members: str
) -> None:
    honest = threading.Thread(target=serves, args=(shared,))
    honest.start()
    body = (BASE % ("odd", members)).encode("utf-8", "surrogatepass")
    status, told = shared.post("predictions", body, kind)
    assert status in {200, 400, 422}, told
    assert isinstance(told, dict)
    status, told = shared.post("predictions", b"[" + body + b"]")
    assert status in {200, 400, 422}, told
    honest.join()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"[null]",
        b"null",
        b"1",
        b'""',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"id": "\xff"}',
        b'{"id": "\xed\xa0\x80"}',
        b"\x00" * 100,
        b"[" * 200_000,
        b"{" * 200_000,
        b"[" + b"{}," * 1000 + b"{}]",
        b"[{}" + b",{}" * 1000 + b",]",
        b"\r" * 1000,
        b"\x1f\x8b",
        b'{"actuals": 1}',
    ],
    ids=range(19),
)
@pytest.mark.parametrize("what", ["predictions", "labels", "actuals:batch"])
@pytest.mark.parametrize("kind", [JSON, LINES, ARROW, PARQUET, "text/html", "", ";;,"])
def test_any_body_of_any_type_gets_an_answer(
    shared: Pushed, what: str, body: bytes, kind: str
) -> None:
    status, _ = shared.post(what, body, kind)
    assert status in {200, 400, 415, 422}


def test_what_breaks_one_senders_rows_breaks_no_others() -> None:
    kept: list[str] = []

    def append(items: Sequence[str]) -> None:
        if "broken" in items:
            raise ZeroDivisionError
        kept.extend(items)

    async def sending() -> list[Any]:
        with ThreadPoolExecutor(1) as pool:
            gatherer = Gatherer(append, pool)
            senders = (["a", "b"], ["broken"], ["c"])
            told = map(gatherer.keep, senders)
            return await asyncio.gather(*told, return_exceptions=True)

    first, second, third = asyncio.run(sending())
    assert (first, type(second), third) == (None, ZeroDivisionError, None)
    assert kept == ["a", "b", "c"]


def test_everything_that_was_taken_can_be_read_back(shared: Pushed) -> None:
    serves(shared)
    intake = shared.desk.intakes["churn", "predictions"]
    intake.write()
    intake.landing.land(NOW + timedelta(days=1), everything=True)
    assert found(shared.config).num_rows > 0
    shared.get("quarantine?limit=1000")


def test_many_rows_that_are_none_take_no_memory_to_speak_of(shared: Pushed) -> None:
    for kind, body in (
        (LINES, b"1\n" * (16 << 20)),
        (LINES, b"\n" * (32 << 20)),
        (LINES, b"\r" * (32 << 20)),
        (JSON, b"[" + b"1," * ((16 << 20) - 2) + b"1]"),
        (JSON, b"[" + b'"",' * 2_900_000 + b"1]"),
        (JSON, b"[" + b"{}," * ((10 << 20) - 1) + b"{}]"),
        (JSON, b"[" + b"[]," * ((10 << 20) - 1) + b"[]]"),
    ):
        before = _memory()
        status, _ = shared.post("predictions", body, kind)
        assert status in {200, 400, 413, 422}
        assert _memory() - before < 256, (kind, body[:10])


def _memory() -> float:
    """Return the most memory that the process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ── columns ──────────────────────────────────────────────────────────────────────────


def table(n: int = 3, **changes: Any) -> pa.Table:
    at = pa.array([datetime(2026, 3, 2, 11, tzinfo=UTC)] * n, pa.timestamp("us", "UTC"))
    plan = pa.array([["basic", "pro", None][i % 3] for i in range(n)])
    told = {"id": [f"f{i}" for i in range(n)], "at": at, "amount": [1.5] * n}
    return pa.table({**told, "plan": plan, **changes})


def flipped(body: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(body)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        place = rng.randrange(len(damaged))
        if rng.random() < 0.5:
            damaged[place] ^= 1 << rng.randrange(8)
        else:
            word = [b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 4, bytes(4)]
            damaged[place : place + 4] = rng.choice(word)
    return bytes(damaged)


def bodies(rng: random.Random) -> tuple[str, bytes]:
    told = table(rng.choice([1, 3, 50]))
    if rng.random() < 0.5:
        told = told.set_column(3, "plan", told["plan"].dictionary_encode())
    if rng.random() < 0.7:
        sink = pa.BufferOutputStream()
        packing = rng.choice([None, "lz4", "zstd"])
        options = pa.ipc.IpcWriteOptions(compression=packing)
        with pa.ipc.new_stream(sink, told.schema, options=options) as writer:
            writer.write_table(told, max_chunksize=20)
        return ARROW, sink.getvalue().to_pybytes()
    return PARQUET, packed(told, compression=rng.choice(["none", "snappy", "zstd"]))


def packed(told: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(told, file, **options)
    return file.getvalue()


def test_flipped_bits_of_columns_neither_end_the_process_nor_are_its_fault(
    shared: Pushed,
) -> None:
    where = urlsplit(shared.url)
    line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
    statuses = set()
    for seed in range(600):
        rng = random.Random(seed)
        kind, body = bodies(rng)
        line.request(
            "POST",
            "/v1/models/churn/predictions",
            flipped(body, rng),
            {"content-type": kind},
        )
        answer = line.getresponse()
        told = answer.read()
        assert answer.status in {200, 400, 413, 422}, (seed, told)
        statuses.add(answer.status)
    line.close()
    assert statuses >= {200, 400}
    serves(shared)


def test_times_beyond_every_calendar_are_rejected(shared: Pushed) -> None:
    for unit in ("s", "ms", "us", "ns"):
        for value in (2**62, -(2**62)):
            at = pa.array([value] * 3, pa.timestamp(unit, "UTC"))
            status, _ = shared.post("predictions", stream(table(at=at)), ARROW)
            assert status in {200, 422}
    days = pa.array([2**30] * 3, pa.date32())
    assert shared.post("predictions", stream(table(at=days)), ARROW)[0] == 400


def test_a_zone_that_is_none_is_told(shared: Pushed) -> None:
    body = stream(table())
    for zone in (b"\xff\xff\xff", b"XYZ", b"\0\0\0"):
        told = body.replace(b"UTC", zone)
        assert told != body
        assert shared.post("predictions", told, ARROW)[0] in {200, 400, 422}


def test_a_file_that_ends_or_holds_up_its_reader_is_no_end_of_others() -> None:
    body = packed(table())
    with Apart() as apart:
        first = apart.stream(body, ["id"], 10, LARGEST)
        process = apart._process
        assert process is not None
        process.kill()
        process.wait()
        assert apart.stream(body, ["id"], 10, LARGEST) == first
        assert apart._process is not process
    with Apart(patience=0.0) as hurried, pytest.raises(ValueError, match="too long"):
        hurried.stream(packed(table(200_000)), ["id"], 10**6, LARGEST)


def test_a_file_that_unfolds_to_more_than_there_is_room_for_is_too_large() -> None:
    told = pa.table({"plan": [b"\0" * (8 << 20)] * 3})
    body = packed(told, compression="zstd", use_dictionary=False)
    assert len(body) < 1 << 20
    with Apart() as apart, pytest.raises(TooLarge):
        apart.stream(body, ["plan"], 100, 16 << 20)


# ── the wire ─────────────────────────────────────────────────────────────────────────

POST = b"POST /v1/models/churn/predictions HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    "data",
    [
        POST + b"content-length: -1\r\n\r\n{}",
        POST + b"content-length: 2, 2\r\n\r\n{}",
        POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        POST + b"content-length: 0x2\r\n\r\n{}",
        POST + b"content-length: +2\r\n\r\n{}",
        POST + b"content-length: 1_0\r\n\r\n{}",
        POST + b"content-length: \xb2\r\n\r\n{}",
        POST + b"content-length: " + b"9" * 5000 + b"\r\n\r\n{}",
        POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        POST + b"transfer-encoding: gzip\r\n\r\n",
        POST + b"x: " + b"y" * 200_000 + b"\r\n\r\n",
        POST + b"x: y\r\n" * 20_000 + b"\r\n",
        b"POST /v1/models/churn/predictions\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 10_000,
    ],
    ids=range(19),
)
def test_a_request_that_is_none_ends_its_connection_alone(
    shared: Pushed, data: bytes
) -> None:
    told = raw(shared, data)
    assert not told.startswith(b"HTTP/1.1 5"), told
    assert not told.startswith(b"HTTP/1.1 200"), told
    serves(shared)


def test_requests_that_come_at_once_are_answered_in_turn(shared: Pushed) -> None:
    one = json.dumps(row("pipe")).encode()
    asked = POST + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    where, told = urlsplit(shared.url), b""
    with socket.create_connection((where.hostname, where.port), 10) as caller:
        caller.sendall(asked % (len(one), one) * 50)
        while told.count(b"HTTP/1.1 200") < 50:
            more = caller.recv(1 << 16)
            assert more
            told += more


def test_senders_that_dawdle_hold_up_no_other(shared: Pushed) -> None:
    where = urlsplit(shared.url)
    with contextlib.ExitStack() as slow:
        for i in range(200):
            caller = socket.create_connection((where.hostname, where.port), 5)
            slow.enter_context(caller)
            head = POST + b"content-length: 1000000\r\n\r\n{"
            caller.sendall(head if i % 2 else POST[: 5 + i // 10])
        began = time.monotonic()
        serves(shared)
        assert time.monotonic() - began < 5
        assert shared.desk.room.requests == 0
    end = time.monotonic() + 10
    while shared.desk.room.bytes and time.monotonic() < end:
        time.sleep(0.01)
    assert (shared.desk.room.requests, shared.desk.room.bytes) == (0, 0)


def test_who_dawdles_too_long_is_let_go() -> None:
    async def never() -> Any:
        await asyncio.sleep(60)

    with pytest.raises(Refusal) as refused, Room().held() as held:
        asyncio.run(received(never, held, patience=0.01))
    assert refused.value.status == 408
    assert refused.value.headers == {"connection": "close"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("what", ["predictions", "labels", "actuals:batch", "dropped"])
def test_another_method_is_refused(shared: Pushed, method: str, what: str) -> None:
    path = f"/v1/models/churn/{what}"
    assert send(shared, method, path, b"", {}) == 405
    assert send(shared, "POST", "/v1/models/churn/quarantine", b"", {}) == 405


@pytest.mark.parametrize(
    "model",
    [
        "..",
        "%2e%2e",
        "..%2fchurn",
        "churn%00",
        "churn/",
        "churn%2f..",
        "./churn",
        "CHURN",
        "churn ",
        "%63hurn%0a",
        "x" * 10_000,
        "%ff%fe",
        "churn;a=b",
        "churn?predictions",
        "{model}",
    ],
)
def test_a_model_that_is_none_takes_nothing(shared: Pushed, model: str) -> None:
    for what in ("predictions", "labels", "dropped", "quarantine"):
        path = f"/v1/models/{model}/{what}".replace(" ", "%20")
        # 418 is what stands behind the addresses of tables.
        assert send(shared, "POST", path, b"{}", {}) in {404, 405, 418}
    assert send(shared, "POST", "/v1/models/%63hurn/predictions", b"{}", {}) == 422


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("0", 200),
        ("1", 200),
        ("9" * 1000, 200),
        ("-1", 400),
        ("1.5", 400),
        ("%d9%a3", 400),
        ("%c2%b2", 400),
        ("x", 400),
        ("1e3", 400),
        ("%00", 400),
        ("1&limit=x", 200),
        ("", 200),
    ],
)
def test_a_limit_that_is_none_is_refused(
    shared: Pushed, limit: str, status: int
) -> None:
    assert shared.get(f"quarantine?limit={limit}")[0] == status


ASKED = b"org.kubeflow.serving.inference.request"


@pytest.mark.parametrize(
    "headers",
    [
        {"ce-type": "org.kubeflow.serving.inference.request"},
        {"ce-type": "org.kubeflow.serving.inference.request", "ce-id": ""},
        {"ce-type": "org.kubeflow.serving.inference.request", "ce-id": "x" * 60_000},
        {"ce-type": "org.kubeflow.serving.inference.request", "ce-id": "%ff%fe%00"},
        {"ce-type": "nonsense", "ce-id": "1"},
        {"ce-type": "", "ce-id": "1"},
        {
            "ce-type": "org.kubeflow.serving.inference.request",
            "ce-id": "t",
            "ce-time": "yesterday",
        },
        {
            "ce-type": "org.kubeflow.serving.inference.request",
            "ce-id": "u",
            "ce-time": "9999-12-31T23:59:59-12:00",
        },
        {
            "ce-type": "org.kubeflow.serving.inference.request",
            "ce-id": "v",
            "ce-time": "0001-01-01T00:00:00+12:00",
        },
        {"content-type": "application/cloudevents+json"},
        {"content-type": "application/cloudevents-batch+json"},
    ],
    ids=range(11),
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"[1, null]",
        b'{"instances": 1}',
        b'{"instances": [[1, "basic"]]}',
        b'{"instances": [[1e400]]}',
        rb'{"instances": [["\ud800"]]}',
        b'{"instances": ' + b"[" * 100_000,
        b'{"inputs": [{"name": "amount", "shape": [99999999999], "data": [1]}]}',
        b'{"inputs": [{"name": "amount", "shape": [-1], "data": [1]}]}',
        b'{"id": 1, "type": "%b", "data_base64": "?"}' % ASKED,
        rb'{"id": "\ud800", "type": "%b", "data": {"instances": [[1]]}}' % ASKED,
    ],
    ids=range(13),
)
def test_an_event_that_is_none_gets_an_answer(
    shared: Pushed, headers: dict[str, str], body: bytes
) -> None:
    path = "/v1/models/churn/predictions"
    assert send(shared, "POST", path, body, headers) in {200, 400, 422, 431}


def test_the_same_ids_from_everywhere_at_once_are_kept_once(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:

        def sending(k: int) -> None:
            for i in range(20):
                pushed.post("predictions", [row(i), row(f"{k}-{i}")])

        threads = [threading.Thread(target=sending, args=(k,)) for k in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        ids = found(pushed.config)["id"].to_pylist()
        assert len(ids) == len(set(ids)) == 20 + 8 * 20


def test_a_clock_that_jumps_loses_no_row(tmp_path: Path) -> None:
    read, now = config(tmp_path), [NOW]
    with Desk(read, lambda: now[0]) as desk, Server(IngestApi(desk, nothing)) as server:
        intake = desk.intakes["churn", "predictions"]
        for place, jump in enumerate((3650, -7300, 3651, 0)):
            now[0] += timedelta(days=jump)
            told = {"id": f"j{place}", "amount": 1.0}
            assert post(server.url, "predictions", told)[0] == 200
            intake.write()
            intake.landing.land(now[0])
        tables = intake.landing.folder.rows().tables
        waiting = sum(one.num_rows for one in tables)
        landed = [pq.read_table(path) for path in intake.landing.folder.files()]
    assert waiting + sum(one.num_rows for one in landed) == 4
