"""The pipeline: it believes a signature, and one id is one run."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from pyarrow import parquet
from standardwebhooks.webhooks import Webhook

from monitor.clock import ManualClock
from monitor.demo.flights import PRODUCTION, known
from monitor.demo.logs import LABELS, write_day
from monitor.demo.loopback import no_answer
from monitor.demo.model import Model
from monitor.demo.pipeline import Pipeline, training_table
from monitor.demo.registry import current, current_model, publish

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes!").decode()
DAYS = 10
UNTIL = PRODUCTION + timedelta(days=DAYS)


@pytest.fixture(scope="module")
def world(
    thin: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Model]:
    """Make a registry with version 1 and the logs of its first days, to be read."""
    folder = tmp_path_factory.mktemp("world")
    publish(folder / "registry", known(thin, PRODUCTION), version="1", now=PRODUCTION)
    version, model = current_model(folder / "registry")
    for day in range(DAYS + 2):
        at = PRODUCTION + timedelta(days=day)
        write_day(folder, thin, at, model=model, version=version)
    return folder, model


@pytest.fixture
def labels(world: tuple[Path, Model]) -> str:
    return str(world[0] / LABELS)


@pytest.fixture
def registry(world: tuple[Path, Model], tmp_path: Path) -> Path:
    """Make a registry of the test's own, at version 1."""
    folder = tmp_path / "registry"
    folder.mkdir()
    pointer = (world[0] / "registry" / "current.json").read_text()
    (folder / "current.json").write_text(pointer)
    return folder


@pytest.fixture
def pipeline(thin: pd.DataFrame, registry: Path) -> Iterator[Pipeline]:
    clock = ManualClock(datetime.now(UTC))
    with Pipeline(
        registry=registry, flights=thin, secret=SECRET, clock=clock
    ) as server:
        yield server


def payload(labels: str, **changes: object) -> dict[str, Any]:
    return {
        "type": "driftd.retraining.requested",
        "id": "key-1",
        "model": "flights-late",
        "model_version": "1",
        "window": {"start": "2013-04-10T00:00:00Z", "end": "2013-04-11T00:00:00Z"},
        "reference": {"id": "abc"},
        "reason": "drift",
        "verdicts": [],
        "data": {"predictions": "log/date=*/*.parquet", "labels": labels},
        **changes,
    }


def post(
    pipeline: Pipeline,
    body: dict[str, Any],
    *,
    key: str = "key-1",
    secret: str = SECRET,
    at: datetime | None = None,
) -> httpx.Response:
    text = json.dumps(body)
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(key, at, text),
    }
    return httpx.post(pipeline.retrain_url, content=text, headers=headers)


def outcome(pipeline: Pipeline, key: str = "key-1") -> dict[str, Any]:
    """Follow a run to its end, as driftd would."""
    for _ in range(400):
        status = httpx.get(pipeline.status_url, params={"id": key}).json()
        if status["state"] != "running":
            return dict(status)
        threading.Event().wait(0.05)
    pytest.fail("the run never ended")


def test_a_signed_request_retrains_on_the_data_to_date_and_publishes_the_next_version(
    pipeline: Pipeline, registry: Path, labels: str
) -> None:
    answer = post(pipeline, payload(labels))
    assert answer.status_code == 202
    status = outcome(pipeline)
    assert (status["state"], status["version"]) == ("succeeded", "2")
    entry = current(registry)
    assert entry is not None
    assert entry["version"] == "2"
    assert entry["trained_on"]["end"] > "2013-04-10T20"
    assert entry["performance"] == status["performance"]
    reference = parquet.read_table(registry / "2" / "reference.parquet").to_pandas()
    assert reference["scheduled"].max() < UNTIL
    assert current_model(registry)[0] == "2"


def test_the_same_webhook_id_twice_is_one_run_and_one_answer(
    pipeline: Pipeline, registry: Path, labels: str
) -> None:
    answers = [post(pipeline, payload(labels)) for _ in range(3)]
    assert len({(a.status_code, a.text) for a in answers}) == 1
    outcome(pipeline)
    assert post(pipeline, payload(labels)).text == answers[0].text
    assert len(pipeline.runs) == 1
    assert len(pipeline.requests) == 4
    assert not (registry / "3").exists()


def test_a_repeat_after_a_lost_answer_does_not_retrain_again(
    pipeline: Pipeline, labels: str
) -> None:
    pipeline.fail(no_answer(0, carried_out=True), path="/retrain")
    with pytest.raises(httpx.RemoteProtocolError):
        post(pipeline, payload(labels))
    assert post(pipeline, payload(labels)).status_code == 202
    assert outcome(pipeline)["version"] == "2"
    assert len(pipeline.runs) == 1


def test_a_request_repeated_after_a_restart_is_the_run_that_was(
    pipeline: Pipeline, thin: pd.DataFrame, registry: Path, labels: str
) -> None:
    post(pipeline, payload(labels))
    outcome(pipeline)
    clock = ManualClock(datetime.now(UTC))
    with Pipeline(
        registry=registry, flights=thin, secret=SECRET, clock=clock
    ) as restarted:
        assert post(restarted, payload(labels)).status_code == 202
        assert outcome(restarted)["version"] == "2"
    assert not (registry / "3").exists()


def test_another_id_is_another_run(pipeline: Pipeline, labels: str) -> None:
    post(pipeline, payload(labels), key="key-1")
    post(pipeline, payload(labels), key="key-2")
    assert outcome(pipeline, "key-1")["version"] == "2"
    assert outcome(pipeline, "key-2")["version"] == "3"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()}, "no signature"),
        ({"at": datetime(2013, 4, 11, tzinfo=UTC)}, "not within"),
    ],
)
def test_who_does_not_hold_the_secret_or_repeats_an_old_request_is_not_believed(
    pipeline: Pipeline, labels: str, changes: dict[str, Any], why: str
) -> None:
    answer = post(pipeline, payload(labels), **changes)
    assert answer.status_code == 401
    assert why in answer.json()["error"]
    assert pipeline.runs == ()


def test_a_body_changed_on_the_way_is_not_believed(
    pipeline: Pipeline, labels: str
) -> None:
    at = datetime.now(UTC)
    signature = Webhook(SECRET).sign("key-1", at, json.dumps(payload(labels)))
    headers = {
        "webhook-id": "key-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    changed = payload(labels, model="another")
    assert (
        httpx.post(pipeline.retrain_url, json=changed, headers=headers).status_code
        == 401
    )


def test_one_good_signature_among_several_is_enough(
    pipeline: Pipeline, labels: str
) -> None:
    at, text = datetime.now(UTC), json.dumps(payload(labels))
    old = "whsec_" + base64.b64encode(b"y" * 32).decode()
    signatures = [Webhook(each).sign("key-1", at, text) for each in (old, SECRET)]
    headers = {
        "webhook-id": "key-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(["v1,not base64", "v1a,AAAA", *signatures]),
    }
    answer = httpx.post(pipeline.retrain_url, content=text, headers=headers)
    assert answer.status_code == 202


def test_a_request_without_its_headers_is_told_which_one_is_missing(
    pipeline: Pipeline, labels: str
) -> None:
    answer = httpx.post(pipeline.retrain_url, json=payload(labels))
    assert answer.status_code == 401
    assert answer.json() == {"error": "the header webhook-id is missing"}


@pytest.mark.parametrize(
    "changes", [{"type": "driftd.notice"}, {"window": {}}, {"data": {}}, {"data": None}]
)
def test_a_signed_body_that_asks_for_nothing_is_a_bad_request(
    pipeline: Pipeline, labels: str, changes: dict[str, Any]
) -> None:
    assert post(pipeline, payload(labels, **changes)).status_code == 400
    assert pipeline.runs == ()


def test_a_run_that_fails_says_why_and_leaves_the_old_version_current(
    pipeline: Pipeline, registry: Path, tmp_path: Path
) -> None:
    post(pipeline, payload(str(tmp_path / "nowhere" / "*.parquet")))
    status = outcome(pipeline)
    assert status["state"] == "failed"
    assert "there are no labels at" in status["error"]
    entry = current(registry)
    assert entry is not None
    assert entry["version"] == "1"


def test_before_the_first_run_there_is_no_status(pipeline: Pipeline) -> None:
    assert httpx.get(pipeline.status_url).status_code == 404


def test_training_sees_no_label_that_was_not_in_the_log_before_the_window_s_end(
    thin: pd.DataFrame, labels: str
) -> None:
    table = training_table(thin, labels, UNTIL)
    production = table[table["scheduled"] >= PRODUCTION]
    seen = production["late"].notna()
    in_time = production["landed"] < UNTIL
    assert (seen == in_time).all()
    assert (~in_time & production["landed"].notna()).any()
    assert (table[table["scheduled"] < PRODUCTION]["late"].notna()).mean() > 0.9


def test_a_label_absent_from_the_log_is_absent_from_training(
    thin: pd.DataFrame, world: tuple[Path, Model]
) -> None:
    one_day = str(world[0] / "labels" / "date=2013-04-03" / "*.parquet")
    table = training_table(thin, one_day, UNTIL)
    labelled = table[(table["scheduled"] >= PRODUCTION) & table["late"].notna()]
    assert (labelled["landed"].dt.strftime("%Y-%m-%d") == "2013-04-03").all()
    assert len(labelled) > 50
