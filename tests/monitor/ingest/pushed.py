"""A model whose rows are sent to the daemon, and a server that takes them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from monitor.clock import ManualClock
from monitor.config import Config
from monitor.ingest import Desk, IngestApi
from monitor.opening import read_config
from monitor.server import Server
from monitor.sources.base import open_source
from monitor.window import Window, parse_time
from tests.monitor import world

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = Window(parse_time("2026-03-02"), parse_time("2026-03-03"))


def row(i: int | str = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"p{i}",
        "at": "2026-03-02T11:00:00Z",
        "amount": 50.5,
        "plan": "basic",
        "score": 0.25,
        **changes,
    }


def found(config: Config, what: str = "predictions") -> pa.Table:
    """Return what a window of the model finds."""
    model = config.models["churn"]
    section, time = model.source, "at"
    if what == "labels":
        assert model.labels is not None
        section, time = model.labels.source, "known_at"
    source = open_source(section, timestamp=time)
    return pa.Table.from_batches(list(source.read(DAY, None)))


def config(folder: Path, env: Mapping[str, str] = {}, **changes: Any) -> Config:
    """Write and read a config whose predictions and labels are sent."""
    pushed: dict[str, Any] = {
        "source": {"type": "ingest"},
        "labels": {"source": {"type": "ingest"}, "timestamp": "known_at"},
        "recomputed": None,
    }
    model = pushed | changes.pop("model", {})
    tree = world.config(model=model, **changes)
    (folder / "driftd.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return read_config(folder / "driftd.yaml", env)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stand where the rest of the server does."""
    del scope, receive
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def post(
    url: str,
    what: str,
    body: bytes | object,
    kind: str = "application/json",
    **headers: str,
) -> tuple[int, Any]:
    """Send rows; return the status and the answer's JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"content-type": kind}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return asked(url, what, data, told)


def asked(
    url: str, what: str, data: bytes | None, headers: Mapping[str, str]
) -> tuple[int, Any]:
    """Send a request; return the status and the answer's JSON."""
    request = urllib.request.Request(  # noqa: S310 - ours, on the loopback
        f"{url}/v1/models/churn/{what}", data, dict(headers)
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


@dataclass(kw_only=True)
class Pushed:
    """A server at work."""

    config: Config
    desk: Desk
    url: str
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))

    def post(
        self,
        what: str,
        body: bytes | object,
        kind: str = "application/json",
        **headers: str,
    ) -> tuple[int, Any]:
        """Send rows; return the status and the answer's JSON."""
        return post(self.url, what, body, kind, **headers)

    def get(self, what: str) -> tuple[int, Any]:
        """Ask for something; return the status and the answer's JSON."""
        return asked(self.url, what, None, {})


def quarantine(pushed: Pushed, query: str = "") -> list[Any]:
    """Return what the quarantine tells of each table."""
    status, told = pushed.get(f"quarantine{query}")
    assert status == 200
    return list(told["tables"])


@contextmanager
def serving(
    folder: Path, env: Mapping[str, str] = {}, *, port: int = 0, **changes: Any
) -> Iterator[Pushed]:
    """Serve the small world's model, whose rows are sent, on a free port."""
    read = config(folder, env, **changes)
    clock = ManualClock(NOW)
    with (
        Desk(read, clock.now) as desk,
        Server(IngestApi(desk, nothing), port=port) as server,
    ):
        yield Pushed(config=read, desk=desk, url=server.url, clock=clock)
