"""An S3 on the loopback: moto's server, in a process of its own."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from pyarrow import fs

ENDPOINT = "127.0.0.1"
CREDENTIALS = {"access_key": "testing", "secret_key": "testing"}


MANY = 1_003
"""Objects in the bucket `many`, of which a listing shows a thousand at once."""
PROGRAM = f"""
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import main

there = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
there.create_bucket("many", "us-east-1")
for place in range({MANY}):
    there.put_object("many", f"log/{{place:04}}.jsonl", b'{{"t": "2013-04-01"}}')
main()
"""


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """Start the server, yield its address, and stop it."""
    with socket.socket() as probe:
        probe.bind((ENDPOINT, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, "-H", ENDPOINT, "-p", str(port)]
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said) as p,
    ):
        try:
            _await(f"http://{ENDPOINT}:{port}/moto-api/", log)
            yield f"http://{ENDPOINT}:{port}"
        finally:
            p.terminate()


def _await(address: str, log: Path) -> None:
    until = monotonic() + 60
    while monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - ours
        except OSError:
            sleep(0.05)
        else:
            return
    raise TimeoutError(log.read_text())


def options(address: str) -> dict[str, Any]:
    """Return the options of a source that reads from the server."""
    return {"endpoint": address, "region": "us-east-1", **CREDENTIALS}


def filesystem(address: str) -> fs.FileSystem:
    """Return a way to write to the server."""
    return fs.S3FileSystem(
        endpoint_override=address.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        **CREDENTIALS,
    )
