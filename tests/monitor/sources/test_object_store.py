"""Files in an object store: of each cloud on the loopback; whole, gone and broken."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from monitor.config import Plugin
from monitor.engines.base import Fragmented
from monitor.errors import SourceError
from monitor.sources.base import Identified, Source, open_source
from monitor.window import Window
from tests.stores import MANY, SCHEMES, Store, Stores

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = Window(START, START + DAY)


@pytest.fixture(params=SCHEMES)
def store(stores: Stores, request: pytest.FixtureRequest) -> Store:
    return stores.of(request.param)


@pytest.fixture
def s3(stores: Stores) -> Store:
    return stores.of("s3")


@pytest.fixture
def bucket(store: Store, request: pytest.FixtureRequest) -> fs.FileSystem:
    return store.bucket("b" + format(abs(hash(request.node.name)), "x"))


def opened(store: Store, kind: str, path: str, **options: Any) -> Source:
    told = {"path": path, **store.options, **options}
    return open_source(Plugin(type=kind, options=told), timestamp="t")


def put(bucket: fs.FileSystem, path: str, content: bytes) -> None:
    with bucket.open_output_stream(path) as sink:
        sink.write(content)


def parquet(bucket: fs.FileSystem, path: str, day: datetime, **columns: Any) -> None:
    times = pa.array([day + i * DAY / 4 for i in range(4)], pa.timestamp("us", "UTC"))
    table = pa.table({"t": times, **columns})
    pq.write_table(table, path, filesystem=bucket, row_group_size=2)


def rows(
    source: Source, window: Window | None = None, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(list(source.read(window, columns)))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def days(bucket: fs.FileSystem) -> None:
    for i in range(4):
        day = START + i * DAY
        parquet(bucket, f"log/date={day:%Y-%m-%d}/part.parquet", day, n=[i] * 4)
    put(bucket, "log/_SUCCESS", b"")


@pytest.mark.parametrize(
    "path",
    ["log", "log/date=*/*.parquet", "log/**/*.parquet", "log/date=2013-04-0[1-2]/*"],
)
def test_folders_and_globs_of_parquet_mean_the_same_as_on_a_disk(
    store: Store, bucket: fs.FileSystem, path: str
) -> None:
    days(bucket)
    source = opened(store, "parquet", f"{store.address(bucket)}/{path}")
    assert rows(source, TODAY, ["n", "date"]) == [
        {"n": 0, "date": "2013-04-01"} for _ in range(4)
    ]
    assert not isinstance(source, Fragmented)


def test_only_the_row_groups_of_the_window_are_read(
    store: Store, bucket: fs.FileSystem
) -> None:
    parquet(bucket, "a.parquet", START, n=[0, 1, 2, 3])
    half = Window(START, START + DAY / 4)
    assert rows(
        opened(store, "parquet", f"{store.address(bucket)}/a.parquet"), half
    ) == [{"t": START, "n": 0}]


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("csv", "log/date=2013-04-01/a.csv", b"t,x\n2013-04-01,1\n"),
        ("json", "log/date=2013-04-01/a.jsonl", b'{"t": "2013-04-01", "x": 1}\n'),
    ],
)
def test_files_of_text_are_read_from_there(
    store: Store, bucket: fs.FileSystem, kind: str, name: str, content: bytes
) -> None:
    put(bucket, name, content)
    put(bucket, name + ".gz", b"")
    source = opened(store, kind, f"{store.address(bucket)}/{name}")
    assert [row["x"] for row in rows(source, TODAY)] == [1]


def test_the_identity_changes_with_what_is_stored(
    store: Store, bucket: fs.FileSystem
) -> None:
    put(bucket, "a.csv", b"t,x\n2013-04-01,1\n")
    source = opened(store, "csv", f"{store.address(bucket)}/*.csv")
    assert isinstance(source, Identified)
    before = source.identity()
    assert before == source.identity()
    put(bucket, "b.csv", b"t,x\n2013-04-01,2\n")
    assert source.identity() != before


def test_a_listing_goes_on_after_its_first_page(s3: Store) -> None:
    source = opened(s3, "json", "s3://many/log", types={"t": "time"}, infer=False)
    assert isinstance(source, Identified)
    assert len(json.loads(source.identity())) == MANY


def test_what_is_not_there_is_told_with_its_address(
    store: Store, bucket: fs.FileSystem
) -> None:
    for path, why, permanent in (
        ("none.csv", "no such file", True),
        ("none/*.csv", "no file matches", False),
    ):
        told = rf"{store.scheme}://.*none.*{why}"
        with pytest.raises(SourceError, match=told) as caught:
            rows(opened(store, "csv", f"{store.address(bucket)}/{path}"))
        assert caught.value.permanent is permanent
    for kind, path in (("csv", "log/*.csv"), ("delta", "log")):
        if (kind, store.scheme) == ("delta", "gs"):
            continue  # this Google answers that it is broken
        with pytest.raises(SourceError, match="Fix: correct the bucket") as caught:
            rows(opened(store, kind, f"{store.scheme}://no-such-bucket/{path}"))
        assert caught.value.permanent


def test_a_file_that_vanishes_is_asked_for_again(
    store: Store, bucket: fs.FileSystem
) -> None:
    for i in range(2):
        parquet(bucket, f"{i}.parquet", START, n=[i] * 4)
    source = opened(store, "parquet", f"{store.address(bucket)}/*.parquet")
    batches = source.read(None, None)
    next(batches)
    bucket.delete_file("1.parquet")
    with pytest.raises(SourceError, match=r"1\.parquet") as caught:
        list(batches)
    assert not caught.value.permanent


def test_a_damaged_file_there_is_damaged_for_good(
    store: Store, bucket: fs.FileSystem
) -> None:
    put(bucket, "a.parquet", b"PAR1 and no more")
    with pytest.raises(SourceError, match="no whole Parquet file") as caught:
        rows(opened(store, "parquet", f"{store.address(bucket)}/a.parquet"))
    assert caught.value.permanent


class Answering(BaseHTTPRequestHandler):
    """Answers everything with one code."""

    code = 500

    def do_GET(self) -> None:
        self.send_response(self.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Refusing(Answering):
    code = 403


@contextmanager
def answering(handler: type[Answering]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


CLOUDS: dict[str, dict[str, Any]] = {
    "s3": {"access_key": "a", "secret_key": "b", "region": "eu"},
    "gs": {"anonymous": True},
    "az": {"account": "a", "account_key": "a2V5"},
}


def asked(scheme: str, kind: str, address: str) -> Source:
    told = {"endpoint": address, "patience": "1s", **CLOUDS[scheme]}
    path = f"{scheme}://b/{'table' if kind == 'delta' else '*.csv'}"
    section = Plugin(type=kind, options={"path": path, **told})
    return open_source(section, timestamp="t")


@pytest.mark.parametrize("kind", ["csv", "delta"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_store_that_is_broken_is_an_error_for_now(scheme: str, kind: str) -> None:
    began = monotonic()
    with (
        answering(Answering) as address,
        pytest.raises(SourceError, match="cannot be read") as caught,
    ):
        rows(asked(scheme, kind, address))
    assert not caught.value.permanent
    assert monotonic() - began < 45


@pytest.mark.parametrize("kind", ["csv", "delta"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_store_that_refuses_is_an_error_for_good(scheme: str, kind: str) -> None:
    with (
        answering(Refusing) as address,
        pytest.raises(SourceError, match=rf"{scheme}://b.*Fix: ") as caught,
    ):
        rows(asked(scheme, kind, address))
    assert caught.value.permanent


def test_azure_needs_an_account(tmp_path: Path) -> None:
    section = Plugin(type="csv", options={"path": "az://b/a.csv"}, base=tmp_path)
    with pytest.raises(SourceError, match="Fix: set `account:`"):
        rows(open_source(section, timestamp="t"))


def test_credentials_are_shown_nowhere(s3: Store) -> None:
    source = opened(s3, "csv", "s3://no-such-bucket/a.csv", secret_key="canary")
    with pytest.raises(SourceError) as caught:
        rows(source)
    assert "canary" not in repr(source) + str(caught.value) + repr(vars(source))
