"""The Alertmanager action, against a real Alertmanager where there is one."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monitor.actions.base import open_action
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.demo.loopback import Answer, Loopback, Request
from monitor.finding import Finding
from monitor.incident import Incident, State
from monitor.window import rfc3339
from tests.monitor.examples import FIRST, delivery, incident

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
PATIENCE = 20.0


class Receiver(Loopback):
    def __init__(self) -> None:
        super().__init__(self._take)
        self.got: list[Any] = []

    def _take(self, request: Request) -> Answer:
        self.got.append(json.loads(request.body))
        return Answer(status=200)


def action(url: str, now: datetime = FIRST, **options: Any) -> Any:
    section = Plugin(type="alertmanager", options={"url": url, **options})
    return open_action("pager", section, clock=ManualClock(now))


def notice(reason: str = "first", **sorts: list[Incident]) -> Any:
    body: dict[str, Any] = {"links": {"page": "https://driftd.example.org/i"}}
    body |= {
        sort: [Finding.of(one).to_dict() for one in found]
        for sort, found in sorts.items()
    }
    return replace(delivery(reason=reason, body=body))


def test_labels_are_the_identity_and_figures_stand_in_annotations() -> None:
    with Receiver() as receiver:
        firing = notice(firing=[incident()])
        action(receiver.url, labels={"team": "fraud"}).perform(firing)
        action(receiver.url, labels={"team": "fraud"}).refresh([incident()])

    ((alert,), (again,)) = receiver.got
    assert alert["labels"] == {
        "alertname": "DriftdIncident",
        "model": "flights",
        "monitor": "daily",
        "family": "drift",
        "check": "wasserstein",
        "column": "temp",
        "team": "fraud",
    }
    assert (
        "moved by 1.42 reference standard deviations"
        in (alert["annotations"]["description"])
    )
    assert alert["generatorURL"] == "https://driftd.example.org/i"
    assert "endsAt" not in alert
    assert again["labels"] == alert["labels"]
    assert again["startsAt"] == alert["startsAt"] == "2013-05-03T00:00:00Z"


def test_an_end_is_told_explicitly() -> None:
    ended = incident(state=State.RESOLVED)
    with Receiver() as receiver:
        action(receiver.url).perform(notice("resolved", resolved=[ended]))
        action(receiver.url).refresh([ended])

    ((first,), (second,)) = receiver.got
    assert first["endsAt"] == rfc3339(FIRST)
    assert ended.resolved is not None
    assert second["endsAt"] == rfc3339(ended.resolved)


def test_nothing_is_posted_where_nothing_is_an_alert() -> None:
    with Receiver() as receiver:
        receipt = action(receiver.url).perform(notice("resolved"))
        assert action(receiver.url).refresh([]) == 0
    assert receipt.detail == "nothing in it is an alert"
    assert receiver.got == []


# ── a real one ───────────────────────────────────────────────────────────────────


@dataclass
class Running:
    """A real Alertmanager whose only receiver is a webhook of ours."""

    folder: Path
    hook: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        route = {
            "receiver": "us",
            "group_by": ["model"],
            "group_wait": "1s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        }
        us = {"name": "us", "webhook_configs": [{"url": self.hook}]}
        config = self.folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump({"route": route, "receivers": [us]}), "utf-8")
        assert PROGRAM is not None
        self.process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={config}",
                f"--storage.path={self.folder}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until(self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def _until(there: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def real(tmp_path: Path, receiver: Receiver) -> Iterator[Running]:
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Running(tmp_path, f"{receiver.url}/hook", port)
    running.start()
    yield running
    running.kill()


def statuses(receiver: Receiver) -> list[str]:
    return [str(group["status"]) for group in receiver.got]


def test_three_posts_are_one_notification_and_the_end_is_another_after_a_kill(
    real: Running, receiver: Receiver
) -> None:
    now = datetime.now(UTC)
    firing = replace(incident(), opened=now - timedelta(minutes=5))
    for _ in range(3):
        action(real.url, now).perform(notice(firing=[firing]))
    _until(lambda: statuses(receiver))

    (group,) = receiver.got
    (alert,) = group["alerts"]
    assert (group["status"], alert["labels"]["column"]) == ("firing", "temp")

    # What it knew is gone with it; what it is told again it knows again.
    real.kill()
    real.start()
    action(real.url, now).refresh([firing])
    ended = replace(firing, state=State.RESOLVED, resolved=datetime.now(UTC))
    _until(lambda: _known(real) == 1)
    action(real.url, now).refresh([ended])
    _until(lambda: "resolved" in statuses(receiver))


def _known(real: Running) -> int:
    found = httpx.get(f"{real.url}/api/v2/alerts", trust_env=False).json()
    return len(found)
