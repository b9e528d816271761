"""Files in an object store: an S3 on the loopback, whole, vanishing and broken."""

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
from tests.monitor.sources import object_store

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TODAY = Window(START, START + DAY)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_store.serving(tmp_path_factory.mktemp("moto") / "log") as told:
        yield told


@pytest.fixture
def bucket(address: str, request: pytest.FixtureRequest) -> fs.FileSystem:
    name = "b" + format(abs(hash(request.node.name)), "x")
    there = object_store.filesystem(address)
    there.create_dir(name)
    return fs.SubTreeFileSystem(name, there)


def opened(address: str, kind: str, path: str, **options: Any) -> Source:
    told = {"path": path, **object_store.options(address), **options}
    return open_source(Plugin(type=kind, options=told), timestamp="t")


def named(bucket: fs.FileSystem) -> str:
    return f"s3://{bucket.base_path.strip('/')}"


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
    address: str, bucket: fs.FileSystem, path: str
) -> None:
    days(bucket)
    source = opened(address, "parquet", f"{named(bucket)}/{path}")
    assert rows(source, TODAY, ["n", "date"]) == [
        {"n": 0, "date": "2013-04-01"} for _ in range(4)
    ]
    assert not isinstance(source, Fragmented)


def test_only_the_row_groups_of_the_window_are_read(
    address: str, bucket: fs.FileSystem
) -> None:
    parquet(bucket, "a.parquet", START, n=[0, 1, 2, 3])
    half = Window(START, START + DAY / 4)
    assert rows(opened(address, "parquet", f"{named(bucket)}/a.parquet"), half) == [
        {"t": START, "n": 0}
    ]


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("csv", "log/date=2013-04-01/a.csv", b"t,x\n2013-04-01,1\n"),
        ("json", "log/date=2013-04-01/a.jsonl", b'{"t": "2013-04-01", "x": 1}\n'),
    ],
)
def test_files_of_text_are_read_from_there(
    address: str, bucket: fs.FileSystem, kind: str, name: str, content: bytes
) -> None:
    put(bucket, name, content)
    put(bucket, name + ".gz", b"")
    source = opened(address, kind, f"{named(bucket)}/{name}")
    assert [row["x"] for row in rows(source, TODAY)] == [1]


def test_the_identity_changes_with_what_is_stored(
    address: str, bucket: fs.FileSystem
) -> None:
    put(bucket, "a.csv", b"t,x\n2013-04-01,1\n")
    source = opened(address, "csv", f"{named(bucket)}/*.csv")
    assert isinstance(source, Identified)
    before = source.identity()
    assert before == source.identity()
    put(bucket, "b.csv", b"t,x\n2013-04-01,2\n")
    assert source.identity() != before


def test_a_listing_goes_on_after_its_first_page(address: str) -> None:
    source = opened(address, "json", "s3://many/log", types={"t": "time"}, infer=False)
    assert isinstance(source, Identified)
    assert len(json.loads(source.identity())) == object_store.MANY


def test_what_is_not_there_is_told_with_its_address(
    address: str, bucket: fs.FileSystem
) -> None:
    for path, permanent in (("none.csv", True), ("none/*.csv", False)):
        with pytest.raises(SourceError, match=r"s3://.*none") as caught:
            rows(opened(address, "csv", f"{named(bucket)}/{path}"))
        assert caught.value.permanent is permanent
    with pytest.raises(SourceError, match="Fix: correct the bucket") as caught:
        rows(opened(address, "csv", "s3://no-such-bucket/log/*.csv"))
    assert caught.value.permanent


def test_a_file_that_vanishes_is_asked_for_again(
    address: str, bucket: fs.FileSystem
) -> None:
    for i in range(2):
        parquet(bucket, f"{i}.parquet", START, n=[i] * 4)
    source = opened(address, "parquet", f"{named(bucket)}/*.parquet")
    batches = source.read(None, None)
    next(batches)
    bucket.delete_file("1.parquet")
    with pytest.raises(SourceError, match=r"1\.parquet") as caught:
        list(batches)
    assert not caught.value.permanent


def test_a_damaged_file_there_is_damaged_for_good(
    address: str, bucket: fs.FileSystem
) -> None:
    put(bucket, "a.parquet", b"PAR1 and no more")
    with pytest.raises(SourceError, match="no whole Parquet file") as caught:
        rows(opened(address, "parquet", f"{named(bucket)}/a.parquet"))
    assert caught.value.permanent


class Broken(BaseHTTPRequestHandler):
    """Answers that it cannot."""

    def do_GET(self) -> None:
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def broken() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("scheme", "options"),
    [("s3", {}), ("gs", {"anonymous": True}), ("az", {"account": "a"})],
)
def test_a_store_that_is_broken_is_an_error_for_now(
    scheme: str, options: dict[str, Any]
) -> None:
    began = monotonic()
    with broken() as address:
        told: dict[str, Any] = {"endpoint": address, "patience": "1s", **options}
        if scheme == "s3":
            told |= object_store.options(address)
        if scheme == "az":
            told |= {"account_key": "a2V5"}
        section = Plugin(type="csv", options={"path": f"{scheme}://b/*.csv", **told})
        source = open_source(section, timestamp="t")
        with pytest.raises(SourceError, match="object store cannot be read") as caught:
            rows(source)
    assert not caught.value.permanent
    assert monotonic() - began < 45


def test_azure_needs_an_account(tmp_path: Path) -> None:
    section = Plugin(type="csv", options={"path": "az://b/a.csv"}, base=tmp_path)
    with pytest.raises(SourceError, match="Fix: set `account:`"):
        rows(open_source(section, timestamp="t"))


def test_credentials_are_shown_nowhere(address: str) -> None:
    source = opened(address, "csv", "s3://no-such-bucket/a.csv", secret_key="canary")
    with pytest.raises(SourceError) as caught:
        rows(source)
    assert "canary" not in repr(source) + str(caught.value) + repr(vars(source))
