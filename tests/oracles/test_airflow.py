"""The Airflow action against a real Airflow 3: one key, one DAG run.

It runs in an environment of its own, which `make airflow` makes.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from typing import Any

import httpx
import pytest

from monitor.action import Delivery, Kind, Stage
from monitor.actions.base import open_action
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.errors import ActionError
from monitor.shipped import configs

HOME = Path(__file__).parents[2] / os.environ.get("AIRFLOW_VENV", ".venv-airflow")
PATIENCE = 90.0
FILES = configs() / "ct"


@dataclass(frozen=True, kw_only=True)
class Running:
    """An Airflow: how the action reaches it, and how its own commands do."""

    options: dict[str, Any]
    env: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run an Airflow on the loopback, with the DAG that comes with driftd."""
    if not (HOME / ".ready").exists():
        pytest.skip("no real Airflow here: make airflow")
    folder = tmp_path_factory.mktemp("airflow")
    (folder / "dags" / "driftd").mkdir(parents=True)
    copy(FILES / "airflow_dag.py", folder / "dags")
    for name in ("driftd_payload.py", "train.sh", "retrain.py"):
        copy(FILES / name, folder / "dags" / "driftd")
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({"admin": "canary-password"}), "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "PATH": f"{HOME / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test alone, long enough",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "NO_PROXY": "*",
        "MODEL_OUT": str(folder / "model"),
    }
    run = [str(HOME / "bin" / "airflow")]
    log = (folder / "log").open("wb")
    for arguments in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([*run, *arguments], env=env, check=True, stdout=log, stderr=log)
    # Nothing runs the DAG here: what is asked of Airflow is that it keeps one run.
    process = subprocess.Popen(
        [*run, "api-server", "--host", "127.0.0.1", "--port", str(port)],
        env=env,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, folder / "log")
        options = {
            "url": url,
            "dag": "retrain",
            "username": "admin",
            "password": "canary-password",
        }
        yield Running(options=options, env=env, folder=folder)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/api/v2/version", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, log.read_text("utf-8")[-2_000:]
        time.sleep(0.2)
    raise AssertionError(log.read_text("utf-8")[-2_000:])


def asked(name: str) -> Delivery:
    return Delivery(
        id=name,
        action="pipeline",
        kind=Kind.RETRAINING,
        group="flights/daily",
        model="flights",
        monitor="daily",
        reason="requested",
        body={"model": "flights", "reason": "Retraining requested."},
        created=datetime(2013, 5, 3, tzinfo=UTC),
        attempt=1,
    )


def action(options: dict[str, Any]) -> Any:
    section = Plugin(type="airflow", options=options)
    return open_action("pipeline", section, clock=ManualClock(datetime.now(UTC)))


@pytest.mark.timeout(300)
def test_the_same_key_twice_is_one_run_that_can_be_followed(
    airflow: Running,
) -> None:
    target = action(airflow.options)
    first = target.perform(asked("0a1b2c"))
    again = target.perform(replace(asked("0a1b2c"), attempt=2))
    other = target.perform(asked("ffff"))

    assert first.remote_id == again.remote_id == "driftd-0a1b2c"
    assert again.detail == "Airflow has the run driftd-0a1b2c"
    assert other.remote_id == "driftd-ffff"
    heard = target.progress("0a1b2c", first.remote_id)
    assert heard is not None
    assert heard.stage is Stage.WAITING
    assert _runs(airflow.options) == {"driftd-0a1b2c", "driftd-ffff"}

    with pytest.raises(ActionError, match="answered 404") as caught:
        action({**airflow.options, "dag": "no-such"}).perform(asked("1"))
    assert caught.value.permanent
    with pytest.raises(ActionError, match="answered 401") as caught:
        action({**airflow.options, "password": "wrong"}).perform(asked("1"))
    assert "wrong" not in str(caught.value)


@pytest.mark.timeout(300)
def test_the_dag_that_comes_with_driftd_trains_on_what_it_is_asked(
    airflow: Running,
) -> None:
    window = {"start": "2013-05-01T00:00:00Z", "end": "2013-05-02T00:00:00Z"}
    conf = json.dumps({"id": "0a1b2c", "model": "flights", "window": window})
    command = [str(HOME / "bin" / "airflow"), "dags", "test", "retrain", "--conf", conf]

    ran = subprocess.run(
        command, env=airflow.env, capture_output=True, text=True, check=False
    )

    assert 0 == ran.returncode, ran.stderr[-2_000:]
    plan = json.loads((airflow.folder / "model/plan.json").read_text())
    assert ("flights", "0a1b2c") == (plan["model"], plan["retraining"])
    assert (window["start"], window["end"]) == (plan["from"], plan["until"])


def _runs(options: dict[str, Any]) -> set[str]:
    with httpx.Client(base_url=options["url"], trust_env=False) as client:
        known = {"username": options["username"], "password": options["password"]}
        token = client.post("/auth/token", json=known).json()["access_token"]
        found = client.get(
            "/api/v2/dags/retrain/dagRuns",
            headers={"authorization": f"Bearer {token}"},
        ).json()
    return {run["dag_run_id"] for run in found["dag_runs"]}
