"""Callbacks: what a pipeline may say of the retraining it was asked for."""

import json
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook

from monitor.action import Progress, Stage
from monitor.callbacks import heard
from monitor.demo.loopback import Answer, Loopback, Request
from monitor.retraining import State
from monitor.webhooks import callback_token
from tests.monitor.examples import FIRST, retraining
from tests.monitor.world import small

SECRET = "whsec_" + "Y2FuYXJ5" * 5
OTHER = "whsec_" + "b3RoZXJz" * 5
GOOD = json.dumps({"state": "succeeded", "detail": "AUC 0.84"}).encode()


class Pipeline:
    secrets = (SecretStr(SECRET),)


def bearer(secret: str = SECRET, about: str = "r1") -> dict[str, str]:
    token = callback_token(SecretStr(secret), about)
    return {"authorization": f"Bearer {token}"}


def signed(body: bytes, secret: str = SECRET, late: float = 0.0) -> dict[str, str]:
    at = FIRST + timedelta(seconds=late)
    signature = Webhook(secret).sign("m1", at, body.decode())
    return {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def ask(
    headers: dict[str, str], body: bytes = GOOD, action: object = Pipeline()
) -> Any:
    return heard(retraining(), action, headers, body, FIRST)


def test_a_word_that_is_signed_or_has_the_token_is_heard() -> None:
    expected = Progress(stage=Stage.SUCCEEDED, detail="AUC 0.84")
    assert ask(bearer()).progress == expected
    assert ask(signed(GOOD)).progress == expected
    assert ask(signed(GOOD, late=-299)).progress == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer \u00e9"},
        bearer(OTHER),
        bearer(about="r2"),
        signed(GOOD, OTHER),
        signed(b"{}"),
        signed(GOOD, late=-301),
        signed(GOOD, late=301),
        {**signed(GOOD), "webhook-timestamp": "9" * 40},
        {**signed(GOOD), "webhook-signature": "v1,%% v2,abc"},
    ],
)
def test_who_may_not_speak_is_refused_and_learns_nothing(
    headers: dict[str, str],
) -> None:
    said = ask(headers)
    assert said.status == HTTPStatus.UNAUTHORIZED
    unknown = heard(None, Pipeline(), headers, GOOD, FIRST)
    assert unknown == said


def test_an_action_without_a_secret_hears_nobody() -> None:
    assert ask(bearer(), action=object()).status == HTTPStatus.UNAUTHORIZED


@given(st.binary(max_size=64))
def test_whatever_is_said_is_read_or_refused(body: bytes) -> None:
    said = ask(bearer(), body=body)
    assert said.status in (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert (said.progress is None) is (said.status != HTTPStatus.OK)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"state": "done"}', "state is none of waiting, running"),
        (b'{"state": ["running"]}', "state is none of"),
        (b'{"state": "running", "detail": 1}', "detail is no text"),
    ],
)
def test_a_word_that_means_nothing_is_told_why(body: bytes, why: str) -> None:
    assert why in ask(bearer(), body=body).refusal


def test_a_pipeline_speaks_with_what_it_was_sent(tmp_path: Path) -> None:
    got: list[Request] = []

    def take(request: Request) -> Answer:
        got.append(request)
        return Answer(status=202)

    with Loopback(take) as receiver:
        pipeline = {"type": "retrain", "url": receiver.url, "secret": "${CT_SECRET}"}
        with small(
            tmp_path,
            env={"CT_SECRET": SECRET},
            actions={"pipeline": pipeline},
            daily={
                "actions": ["journal", "pipeline"],
                "checks": {"wasserstein": {}},
            },
            server={"url": "https://driftd.example.org"},
        ) as world:
            world.pass_day(shift=30.0)
            world.app.deliver()
            sent = json.loads(got[0].body)
            assert sent["callback"] == (
                f"https://driftd.example.org/v1/retrainings/{sent['id']}"
            )
            headers = {"authorization": f"Bearer {sent['callback_token']}"}
            said = world.app.hear(sent["id"], headers, b'{"state": "running"}')
            assert said.status == HTTPStatus.OK
            assert [r.state for r in world.app.store.retrainings()] == [State.RUNNING]

            kept = repr(world.app.store.deliveries())
            assert sent["callback_token"] not in kept
            assert [e.actor for e in world.app.store.journal.newest(1)] == [
                "pipeline pipeline"
            ]
