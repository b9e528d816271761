"""A real Prometheus on the loopback, for as long as a test asks it questions."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import httpx

from monitor.demo.loopback import Answer, Loopback

RULES = Path(__file__).parents[2] / "configs/prometheus/driftd.rules.yml"

CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [driftd.rules.yml]
scrape_configs:
  - job_name: driftd
    static_configs: [{targets: ["%s"]}]
"""


def free_port() -> int:
    """Return a port that was free a moment ago; Prometheus cannot choose its own."""
    server = Loopback(lambda _: Answer())
    with server:
        return int(server.url.rpartition(":")[2])


class Prometheus:
    """A running Prometheus, asked over its own API."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=20)

    def ask(self, expr: str) -> list[Mapping[str, Any]]:
        """Return the series of an expression; raises AssertionError if it is wrong."""
        answer = self._client.post("/api/v1/query", data={"query": expr}).json()
        assert "success" == answer["status"], f"{expr}: {answer}"
        found: list[Mapping[str, Any]] = answer["data"]["result"]
        return found

    def alerts(self) -> set[str]:
        """Return the names of the alerts that are firing."""
        told = self._client.get("/api/v1/alerts").json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in told if one["state"] == "firing"}

    def wait_for(self, expr: str, seconds: float = 30) -> None:
        """Wait until an expression has an answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.ask(expr):
                    return
            except (httpx.TransportError, json.JSONDecodeError):
                pass  # it is starting
            time.sleep(0.2)
        msg = f"{expr} has no answer after {seconds} s"
        raise AssertionError(msg)

    def close(self) -> None:
        self._client.close()


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    """Start Prometheus on our rules, scraping a target each second; stop it after."""
    copy(RULES, folder)
    config = folder / "prometheus.yml"
    config.write_text(CONFIG % target.removeprefix("http://"))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        asked = Prometheus(f"http://{address}")
        try:
            yield asked
        finally:
            asked.close()
            process.terminate()
            process.wait(20)
