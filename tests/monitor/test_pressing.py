"""Presses: what the buttons under a message do, once, for whom Slack vouches."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier

from monitor import presses
from monitor.demo.loopback import Answer, Loopback
from monitor.demo.slack_stand_in import Message, SlackStandIn
from monitor.judgement import Judgement
from monitor.presses import Press, Refused
from monitor.pressing import Answered
from monitor.retraining import State
from monitor.slack_buttons import Button
from tests.monitor.examples import FIRST
from tests.monitor.world import Small, small

SECRET = "canary-signing-secret"
KNOWN = {"team": SecretStr(SECRET)}
REPLY = "/services/T000/B000/demo"


def form(button: str, value: str, **changes: Any) -> bytes:
    told = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada"},
        "actions": [{"action_id": f"driftd_{button}", "value": value}],
        **changes,
    }
    return urlencode({"payload": json.dumps(told)}).encode()


def signed(body: bytes, at: float, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at))
    verifier = SignatureVerifier(secret)
    signature = verifier.generate_signature(timestamp=stamp, body=body)
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": str(signature)}


def read(headers: dict[str, str], body: bytes) -> Press | Refused:
    return presses.read(headers, body, KNOWN, FIRST)


NOW = FIRST.timestamp()
GOOD = form("noise", "d1")


def test_a_press_that_slack_signs_is_read() -> None:
    for late in (-300, 0, 300):
        press = read(signed(GOOD, NOW + late), GOOD)
        assert isinstance(press, Press)
        assert (press.button, press.delivery) == (Button.NOISE, "d1")
        assert press.actor == "slack U1 (ada)"
        assert press.actions == {"team"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(GOOD, NOW, "another"),
        signed(GOOD, NOW - 301),
        signed(GOOD, NOW + 301),
        signed(form("real", "d1"), NOW),
        {**signed(GOOD, NOW), "x-slack-request-timestamp": "9" * 40},
        {**signed(GOOD, NOW), "x-slack-request-timestamp": "\u0661"},
        {**signed(GOOD, NOW), "x-slack-request-timestamp": "soon"},
        {**signed(GOOD, NOW), "x-slack-signature": "v0=\u00e9"},
        {**signed(GOOD, NOW), "x-slack-signature": ""},
    ],
)
def test_what_is_forged_or_old_is_refused_and_learns_nothing(
    headers: dict[str, str],
) -> None:
    refused = read(headers, GOOD)
    assert isinstance(refused, Refused)
    assert refused.status == HTTPStatus.UNAUTHORIZED
    assert refused == read({}, b"\xff")


def test_without_a_signing_secret_nobody_is_believed() -> None:
    said = presses.read(signed(GOOD, NOW), GOOD, {}, FIRST)
    assert isinstance(said, Refused)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=%5B%5D",
        b"payload={}&payload={}",
        b"payload=" + b"[" * 20_000,
        form("unheard_of", "d1"),
        form("noise", "d1", type="view_submission"),
        form("noise", "d1", actions=[]),
        form("noise", "d1", user=None),
        form("noise", "d1 r1"),
        form("approve", "d1"),
        form("approve", "d1", actions=[{"action_id": ["driftd_noise"]}]),
    ],
)
def test_what_is_signed_and_no_press_is_refused(body: bytes) -> None:
    said = read(signed(body, NOW), body)
    assert isinstance(said, Refused)
    assert said.status == HTTPStatus.UNPROCESSABLE_ENTITY


@given(st.text(max_size=80))
def test_whatever_is_signed_is_read_or_refused(written: str) -> None:
    body = urlencode({"payload": written}).encode()
    assert isinstance(read(signed(body, NOW), body), Refused)


@contextmanager
def alarmed(folder: Path, slack: SlackStandIn, **changes: Any) -> Iterator[Small]:
    """Set up a small world that has told Slack of a drift."""
    team = {
        "type": "slack",
        "token": "${TOKEN}",
        "channel": "C1",
        "base_url": slack.base_url,
        "signing_secret": "${SIGNING}",
    }
    env = {"TOKEN": "xoxb-1", "SIGNING": SECRET, **changes.pop("env", {})}
    actions = {"team": team, **changes.pop("actions", {})}
    daily = {"actions": ["team"], "checks": {"wasserstein": {}}}
    daily |= changes.pop("daily", {})
    with small(folder, env=env, actions=actions, daily=daily, **changes) as world:
        world.pass_day(shift=30.0)
        world.app.deliver()
        yield world


def offered(message: Message) -> dict[str, dict[str, Any]]:
    """Return the buttons of a message by their names."""
    rows = (b["elements"] for b in message.blocks if b["type"] == "actions")
    return {one["action_id"]: one for row in rows for one in row}


def press(
    world: Small, one: dict[str, Any], *, late: float = 0.0, **changes: Any
) -> tuple[Answered, Answered]:
    """Press a button, and send the very same request again."""
    name = one["action_id"].removeprefix("driftd_")
    body = form(name, one["value"], **changes)
    headers = signed(body, world.clock.now().timestamp() + late)
    return world.app.press(headers, body), world.app.press(headers, body)


def by_hand(world: Small) -> list[tuple[str, str]]:
    """Return what the audit says that people have done."""
    lines = world.app.store.journal.newest()
    return [(e.event, e.actor) for e in lines if e.actor.startswith("slack")]


def test_a_press_acknowledges_what_the_message_told_of_once(tmp_path: Path) -> None:
    with SlackStandIn() as slack, alarmed(tmp_path, slack) as world:
        buttons = offered(slack.messages[0])
        assert len(buttons) == 4
        for number, judgement in enumerate(Judgement):
            button = buttons[f"driftd_{judgement}"]
            done, again = press(world, button, trigger_id=str(number))
            assert done.text == f"churn: 1 incident is acknowledged as {judgement}."
            assert again.status == HTTPStatus.CONFLICT
            (word,) = world.app.store.silences.quiet(FIRST).acknowledged.values()
            assert (word.judgement, word.author) == (judgement, "slack U1 (ada)")
        acknowledged, pressed = by_hand(world)[:2]
        assert acknowledged == ("acknowledged", "slack U1 (ada)")
        assert pressed == ("slack_button_pressed", "slack U1 (ada)")
        assert len(by_hand(world)) == 6


def test_a_press_silences_the_monitor_for_a_day_and_tells_who_pressed(
    tmp_path: Path,
) -> None:
    with SlackStandIn() as slack, alarmed(tmp_path, slack) as world:
        button = offered(slack.messages[0])["driftd_silence"]
        now = world.clock.now()
        done, _ = press(world, button, response_url=f"{slack.url}{REPLY}")
        (made,) = world.app.store.silences.standing(now)
        assert made.ends == now + timedelta(hours=24)
        assert made.matchers == {"model": "churn", "monitor": "daily"}
        world.app.buttons.tell(done)
        assert slack.messages[-1].text == done.text
        assert f"driftd silence CONFIG --end {made.id[:8]}" in done.text


def test_an_answer_goes_to_no_address_but_slacks(tmp_path: Path) -> None:
    got: list[str] = []

    def take(_: object) -> Answer:
        got.append("taken")
        return Answer()

    with (
        SlackStandIn() as slack,
        Loopback(take) as elsewhere,
        alarmed(tmp_path, slack) as world,
    ):
        button = offered(slack.messages[0])["driftd_real"]
        done, _ = press(world, button, response_url=elsewhere.url)
        assert done.status == HTTPStatus.OK
        world.app.buttons.tell(done)
        assert got == []


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("approve", State.REQUESTED, "requested"),
        ("decline", State.REFUSED, "declined"),
    ],
)
def test_a_press_decides_on_a_proposed_retraining_once(
    tmp_path: Path, name: str, state: State, said: str
) -> None:
    pipeline = {"type": "retrain", "url": "http://127.0.0.1:9", "approval": True}
    changes: dict[str, Any] = {
        "actions": {"pipeline": pipeline},
        "daily": {"actions": ["team", "pipeline"]},
    }
    with SlackStandIn() as slack, alarmed(tmp_path, slack, **changes) as world:
        buttons = offered(slack.messages[0])
        assert len(buttons) == 6
        done, again = press(world, buttons[f"driftd_{name}"])
        assert done.text == f"The retraining is {said}."
        assert again.status == HTTPStatus.CONFLICT
        assert [r.state for r in world.app.store.retrainings()] == [state]
        other, _ = press(world, buttons["driftd_approve"], trigger_id="2")
        assert other.text == f"Nothing was changed: the retraining is {state}."
        assert [r.state for r in world.app.store.retrainings()] == [state]


def test_a_proposal_that_comes_later_than_the_alarm_is_told_with_its_buttons(
    tmp_path: Path,
) -> None:
    pipeline = {"type": "retrain", "url": "http://127.0.0.1:9", "approval": True}
    changes: dict[str, Any] = {
        "actions": {"pipeline": {**pipeline, "after": "2d"}},
        "daily": {"actions": ["team", "pipeline"]},
    }
    with SlackStandIn() as slack, alarmed(tmp_path, slack, **changes) as world:
        assert "driftd_approve" not in offered(slack.messages[0])
        world.pass_day(shift=30.0)
        world.app.deliver()
        world.pass_day(shift=30.0)
        world.app.deliver()
        (asked,) = world.app.store.retrainings()
        told = [m for m in slack.messages if "driftd_approve" in offered(m)]
        (message,) = told
        assert asked.evidence in message.render()
        done, _ = press(world, offered(message)["driftd_approve"])
        assert done.text == "The retraining is requested."


def test_a_press_of_what_is_unknown_or_old_changes_nothing(tmp_path: Path) -> None:
    with SlackStandIn() as slack, alarmed(tmp_path, slack) as world:
        button = offered(slack.messages[0])["driftd_noise"]
        for late in (-301.0, 301.0):
            done, _ = press(world, button, late=late)
            assert done.status == HTTPStatus.UNAUTHORIZED
        assert by_hand(world) == []
        for value in ("0" * 32, ""):
            done, _ = press(world, {**button, "value": value})
            assert done.text.startswith("Nothing was changed")
        assert not world.app.store.silences.quiet(FIRST).acknowledged
        assert {event for event, _ in by_hand(world)} == {"slack_button_pressed"}


def test_another_apps_buttons_do_nothing_to_this_ones_messages(tmp_path: Path) -> None:
    with SlackStandIn() as slack:
        other = {
            "type": "slack",
            "webhook_url": "${HOOK}",
            "signing_secret": "${OTHER}",
        }
        env = {"HOOK": slack.webhook_url, "OTHER": "another-secret"}
        with alarmed(tmp_path, slack, env=env, actions={"other": other}) as world:
            one = offered(slack.messages[0])["driftd_noise"]
            body = form("noise", one["value"])
            at = world.clock.now().timestamp()
            done = world.app.press(signed(body, at, "another-secret"), body)
            assert done.text.startswith("Nothing was changed")
            assert not world.app.store.silences.quiet(FIRST).acknowledged
