"""The pipeline files: each is run on what its action really sends, and reports back."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import copy
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

from monitor import retraining
from monitor.action import Delivery, Stage
from monitor.actions.base import ACTIONS, open_action
from monitor.callbacks import heard
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.demo.loopback import Answer, Loopback, Request
from monitor.shipped import configs
from tests.monitor.examples import DAY, FIRST, incident, statistic, verdict, window

FOLDER = configs() / "ct"
NOW = FIRST + 3 * DAY
SECRET = "whsec_" + "Y2FuYXJ5" * 5
AWKWARD = "it's $HOME; `id` \"é\" $(id)\n'"


def asked(home: str = "", **context: Any) -> Delivery:
    """Return a retraining as driftd asks for it, with a name that a shell would run."""
    judged = verdict(found=statistic(), column=AWKWARD)
    decision = retraining.reason_to_retrain(
        [incident(judged)], [], NOW, retraining.RetrainPolicy()
    )
    wanted = retraining.request(
        decision,
        model="flights",
        monitor="daily",
        model_version=AWKWARD,
        action="pipeline",
        window=window(2),
        now=NOW,
    )
    callback = f"{home}/v1/retrainings/{wanted.id}" if home else None
    return retraining.delivery(
        wanted,
        decision,
        reference_id="ref",
        context={"data": {}, "callback": callback, **context},
    )


def sent(kind: str, delivery: Delivery, **options: Any) -> bytes:
    """Perform a delivery by an action, and return the body that its server got."""
    bodies: list[bytes] = []

    def take(request: Request) -> Answer:
        bodies.append(request.body)
        return Answer(status=201, body=b'{"id": 7}')

    with Loopback(take) as server:
        section = Plugin(type=kind, options={"url": server.url, **options})
        open_action("pipeline", section, clock=ManualClock(NOW)).perform(delivery)
    (body,) = bodies
    return body


def by_gitlab(delivery: Delivery, folder: Path) -> dict[str, str]:
    del folder
    body = sent("gitlab", delivery, project="ml/flights", token="t")
    form = {name: found[0] for name, found in parse_qs(body.decode()).items()}
    given = {
        name[len("variables[") : -1]: value
        for name, value in form.items()
        if name.startswith("variables[")
    }
    assert "$" not in given["DRIFTD_PAYLOAD"]  # GitLab would expand what follows
    (rule,) = job("gitlab-ci.yml")["retrain"]["rules"]
    assert all(name in given for name in re.findall(r"\$(DRIFTD\w+)", rule["if"]))
    return given


def by_github(delivery: Delivery, folder: Path) -> dict[str, str]:
    del folder
    options = {"repository": "a/b", "workflow": "retrain.yml", "token": "t"}
    told = json.loads(sent("github", delivery, **options))
    declared = on("github-retrain.yml")["workflow_dispatch"]["inputs"]
    assert declared.keys() == told["inputs"].keys()
    assert "inputs.driftd_id" in job("github-retrain.yml")["run-name"]
    return {"DRIFTD_PAYLOAD": told["inputs"]["payload"]}


def by_github_event(delivery: Delivery, folder: Path) -> dict[str, str]:
    del folder
    told = json.loads(sent("github", delivery, repository="a/b", token="t"))
    types = on("github-retrain.yml")["repository_dispatch"]["types"]
    assert told["event_type"] in types
    assert delivery.id == told["client_payload"]["id"]
    return {"DRIFTD_PAYLOAD": json.dumps(told["client_payload"]["retraining"])}


def by_airflow(delivery: Delivery, folder: Path) -> dict[str, str]:
    del folder
    told = json.loads(sent("airflow", delivery, dag="retrain", token="t"))
    return {"DRIFTD_PAYLOAD": json.dumps(told["conf"])}


def by_argo(delivery: Delivery, folder: Path) -> dict[str, str]:
    del folder
    payload = json.loads(sent("argo", delivery, namespace="ml", token="t"))
    binding = kinds("argo.yml")["WorkflowEventBinding"]["spec"]["submit"]
    assert '"driftd-" + payload.id' == binding["metadata"]["name"]
    assert delivery.id == payload["id"]
    return {"DRIFTD_PAYLOAD": json.dumps(payload)}


def by_valohai(delivery: Delivery, folder: Path) -> dict[str, str]:
    nodes = [{"name": "train", "type": "execution", "template": {"step": "retrain"}}]
    options = {"project": "p", "commit": "main", "token": "t", "nodes": nodes}
    body = sent("valohai", delivery, parameter="retraining", **options)
    file = folder / "parameters.json"
    file.write_text(json.dumps(json.loads(body)["nodes"][0]["template"]["parameters"]))
    step, pipeline = (part.popitem()[1] for part in job("valohai.yaml"))
    (first, *_) = step["command"]
    key = re.search(r"DRIFTD_PAYLOAD_KEY=(\w+)", first)
    assert key
    assert key[1] in [one["name"] for one in step["parameters"]]
    assert key[1] in [one["name"] for one in pipeline["parameters"]]
    return {"DRIFTD_PAYLOAD_FILE": str(file), "DRIFTD_PAYLOAD_KEY": key[1]}


def by_webhook(delivery: Delivery, folder: Path) -> dict[str, str]:
    file = folder / "body.json"
    file.write_bytes(sent("retrain", delivery, secret=SECRET))
    return {"DRIFTD_PAYLOAD_FILE": str(file)}


WAYS = [
    *(by_gitlab, by_github, by_github_event, by_airflow, by_argo, by_valohai),
    by_webhook,
]
Way = Callable[[Delivery, Path], dict[str, str]]


def job(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def on(name: str) -> Any:
    return job(name)[True]  # YAML 1.1 takes `on` for a truth


def kinds(name: str) -> dict[str, Any]:
    parts = yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
    return {part["kind"]: part for part in parts}


def run(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a file of the folder with nothing in its environment but what is given."""
    bare = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        command,
        cwd=folder,
        env={**bare, "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Home(Loopback):
    """A driftd that hears what a pipeline says of one retraining."""

    def __init__(self) -> None:
        super().__init__(self._hear)
        self.heard: list[tuple[Stage, str]] = []
        self.asked = asked()
        self.status = 200

    def _hear(self, request: Request) -> Answer:
        assert f"/v1/retrainings/{self.asked.id}" == request.path
        if self.status != 200:
            return Answer(status=self.status, headers={"location": self.url})
        section = Plugin(type="retrain", options={"url": self.url, "secret": SECRET})
        action = open_action("pipeline", section, clock=ManualClock(NOW))
        said = heard(known(self.asked), action, request.headers, request.body, NOW)
        if said.progress is not None:
            self.heard.append((said.progress.stage, said.progress.detail))
        return Answer(status=int(said.status))


def known(delivery: Delivery) -> retraining.Retraining:
    """Return the row that driftd has of a retraining it asked for."""
    return retraining.Retraining(
        id=delivery.id,
        model=delivery.model,
        monitor=delivery.monitor,
        model_version=None,
        action=delivery.action,
        state=retraining.State.ACCEPTED,
        requested=NOW,
        changed=NOW,
        window=window(2),
        evidence="",
    )


# ── what is written ──────────────────────────────────────────────────────────────


def test_every_file_can_be_read_by_what_reads_it() -> None:
    for file in FOLDER.iterdir():
        if file.suffix in {".yml", ".yaml"}:
            assert list(yaml.safe_load_all(file.read_text("utf-8"))), file
        elif file.suffix == ".py":
            compile(file.read_text("utf-8"), str(file), "exec")
        elif file.suffix == ".sh":
            subprocess.run(["bash", "-n", str(file)], check=True)
        else:
            assert "README.md" == file.name


def test_every_file_and_its_action_are_explained() -> None:
    told = (FOLDER / "README.md").read_text("utf-8")
    assert [f.name for f in FOLDER.iterdir() if f"`{f.name}`" not in told] == [
        "README.md"
    ]
    for kind in re.findall(r"type `(\w+)`", told):
        assert ACTIONS.get(kind)


def test_github_never_writes_what_is_sent_into_a_script() -> None:
    for step in job("github-retrain.yml")["jobs"]["retrain"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_argo_lets_driftd_do_what_it_does_and_no_more() -> None:
    rules = kinds("argo.yml")["Role"]["rules"]
    verbs = {rule["resources"][0]: set(rule["verbs"]) for rule in rules}
    assert {"create", "get"} == verbs["workflows"]
    assert {"get"} == verbs["workflowtemplates"]
    spec = kinds("argo.yml")["WorkflowTemplate"]["spec"]
    given = kinds("argo.yml")["WorkflowEventBinding"]["spec"]["submit"]["arguments"]
    assert given["parameters"][0]["name"] == spec["arguments"]["parameters"][0]["name"]


# ── what is run ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
def test_a_pipeline_trains_on_what_its_action_sends(way: Way, tmp_path: Path) -> None:
    log = tmp_path / "log/date=2013-05-03"
    log.mkdir(parents=True)
    (log / "part.parquet").touch()
    data = {
        "predictions": str(tmp_path / "log/date=*/*.parquet"),
        "labels": ["s3://b/labels", str(tmp_path / "none")],
    }
    delivery = asked(data=data)

    ran = run(["bash", str(FOLDER / "train.sh")], tmp_path, way(delivery, tmp_path))

    assert 0 == ran.returncode, ran.stderr
    assert json.loads((tmp_path / "model/plan.json").read_text()) == {
        "model": "flights",
        "retraining": delivery.id,
        "from": "2013-05-03T00:00:00Z",
        "until": "2013-05-04T00:00:00Z",
        "predictions": [str(log / "part.parquet")],
        "labels": ["s3://b/labels"],
    }
    assert delivery.body["reason"] in ran.stdout
    assert "not reported" in ran.stdout


def test_the_dag_hands_the_conf_of_its_run_to_the_training(tmp_path: Path) -> None:
    (tmp_path / "driftd").mkdir()
    for name in ("driftd_payload.py", "train.sh", "retrain.py"):
        copy(FOLDER / name, tmp_path / "driftd")
    copy(FOLDER / "airflow_dag.py", tmp_path)
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/__init__.py").touch()
    # As much of Airflow as the file asks of it: it runs what is declared, at once.
    (tmp_path / "airflow/sdk.py").write_text(
        "import json, os\n"
        "from types import SimpleNamespace\n"
        "def dag(**_):\n    return lambda declared: declared\n"
        "task = dag\n"
        "def get_current_context():\n"
        "    conf = json.loads(os.environ['CONF'])\n"
        "    return {'dag_run': SimpleNamespace(conf=conf)}\n"
    )
    conf = by_airflow(asked(), tmp_path)["DRIFTD_PAYLOAD"]

    ran = run([sys.executable, "airflow_dag.py"], tmp_path, {"CONF": conf})

    assert 0 == ran.returncode, ran.stderr
    assert "flights" in (tmp_path / "model/plan.json").read_text()


def test_what_is_sent_never_runs_in_the_shell_that_reads_it(tmp_path: Path) -> None:
    environment = by_webhook(asked(), tmp_path)
    script = f'v=$(python3 "{FOLDER}/driftd_payload.py" env); eval "$v"; env -0'

    ran = run(["bash", "-c", script], tmp_path, environment)

    given = dict(part.split("=", 1) for part in ran.stdout.split("\0") if part)
    assert AWKWARD == given["DRIFTD_MODEL_VERSION"]


def test_a_pipeline_reports_its_start_and_its_end(tmp_path: Path) -> None:
    with Home() as home:
        environment = by_webhook(asked(home.url), tmp_path)
        ran = run(["bash", str(FOLDER / "train.sh")], tmp_path, environment)

    assert 0 == ran.returncode, ran.stderr
    assert home.heard == [
        (Stage.RUNNING, ""),
        (
            Stage.SUCCEEDED,
            "trained on 2013-05-03T00:00:00Z to 2013-05-04T00:00:00Z",
        ),
    ]


def test_a_training_that_fails_is_reported_and_fails_the_pipeline(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    with Home() as home:
        environment = by_webhook(asked(home.url), tmp_path)
        environment["TRAIN"] = str(tmp_path / "broken.py")
        ran = run(["bash", str(FOLDER / "train.sh")], tmp_path, environment)

    assert 3 == ran.returncode
    assert (Stage.FAILED, "the training ended with exit code 3") == home.heard[-1]


@pytest.mark.parametrize("status", [401, 302])
def test_a_report_that_is_refused_is_told_and_spoils_no_training(
    status: int, tmp_path: Path
) -> None:
    with Home() as home:
        home.status = status
        environment = by_webhook(asked(home.url), tmp_path)
        ran = run(["bash", str(FOLDER / "train.sh")], tmp_path, environment)
        script = [sys.executable, str(FOLDER / "driftd_payload.py")]
        alone = run([*script, "report", "failed"], tmp_path, environment)

    assert 0 == ran.returncode
    assert f"succeeded was not reported to driftd: it answered {status}" in ran.stderr
    assert 1 == alone.returncode
    assert [] == home.heard


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({}, "Fix: set DRIFTD_PAYLOAD"),
        ({"DRIFTD_PAYLOAD": "{"}, "DRIFTD_PAYLOAD is no JSON object"),
        ({"DRIFTD_PAYLOAD": "[1]"}, "is no JSON object"),
        ({"DRIFTD_PAYLOAD": "{}"}, "it has no id"),
        ({"DRIFTD_PAYLOAD_FILE": "nowhere.json"}, "nowhere.json cannot be read"),
    ],
)
def test_without_a_payload_nothing_is_trained(
    environment: dict[str, str], why: str, tmp_path: Path
) -> None:
    ran = run(["bash", str(FOLDER / "train.sh")], tmp_path, environment)

    assert 2 == ran.returncode
    assert why in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "model").exists()


def test_a_field_is_told_by_its_path_and_a_wrong_command_by_the_usage(
    tmp_path: Path,
) -> None:
    environment = by_webhook(asked(), tmp_path)
    script = [sys.executable, str(FOLDER / "driftd_payload.py")]

    got = run([*script, "get", "window.start"], tmp_path, environment)
    wrong = run([*script, "report", "won"], tmp_path, environment)

    assert "2013-05-03T00:00:00Z\n" == got.stdout
    assert 2 == wrong.returncode
    assert "Exit codes" in wrong.stderr
