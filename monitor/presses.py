"""Presses: which button a person has pressed in Slack, and whether Slack says so.

Slack signs its requests with a secret of its app: HMAC-SHA256 over the time and the
body. Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qs

from pydantic import SecretStr
from slack_sdk.signature import Clock, SignatureVerifier

from monitor.mrkdwn import visible
from monitor.slack_buttons import Button

_LONGEST_NAME = 80
_DIGITS = 11
"""Digits of a Unix time, for some thousand years."""


@runtime_checkable
class Pressable(Protocol):
    """An action whose messages may have buttons."""

    @property
    def signing_secret(self) -> SecretStr | None:
        """What its Slack app signs with; None where there are no buttons."""
        ...

    def answer(self, url: str, text: str) -> None:
        """Tell the one who pressed a button what came of it; raises ActionError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that was pressed: in the message of which delivery, and by whom.

    `actions` are those that share the app that says so; `id` is that of the request,
    and `reply` the address where the person can be answered.
    """

    id: str
    button: Button
    delivery: str
    retraining: str | None
    actor: str
    actions: frozenset[str]
    reply: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a request is no press, by status and in words."""

    status: HTTPStatus
    why: str


class _At(Clock):
    """Slack's clock, standing still."""

    def __init__(self, now: datetime) -> None:
        self._now = now.timestamp()

    def now(self) -> float:
        return self._now


def read(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Mapping[str, SecretStr],
    now: datetime,
) -> Press | Refused:
    """Read a press; who cannot sign as one of the actions' apps learns nothing."""
    actions = frozenset(
        name for name, one in secrets.items() if _is_signed(one, headers, body, now)
    )
    if not actions:
        why = "not signed by a Slack app that is known here, or too old"
        return Refused(status=HTTPStatus.UNAUTHORIZED, why=why)
    stamp = headers["x-slack-request-timestamp"].encode()
    name = hashlib.sha256(stamp + b":" + body).hexdigest()[:32]
    try:
        return _press(_payload(body), name, actions)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        why = "no press of a button that is known here"
        return Refused(status=HTTPStatus.UNPROCESSABLE_ENTITY, why=why)


def _payload(body: bytes) -> dict[str, Any]:
    (written,) = parse_qs(body.decode(), strict_parsing=True)["payload"]
    told: dict[str, Any] = json.loads(written)
    return told


def _press(told: dict[str, Any], name: str, actions: frozenset[str]) -> Press:
    """Find in Slack's payload what it is about; raises where it is about nothing."""
    (pressed,) = told["actions"]
    button = Button.of(pressed["action_id"])
    if told["type"] != "block_actions" or button is None:
        raise ValueError
    delivery, *about = pressed["value"].split(" ")
    if len(about) != button.decides:
        raise ValueError
    reply = told.get("response_url")
    return Press(
        id=name,
        button=button,
        delivery=delivery,
        retraining=about[0] if about else None,
        actor=_actor(told["user"]),
        actions=actions,
        reply=reply if isinstance(reply, str) else None,
    )


def _actor(user: Mapping[str, Any]) -> str:
    """Name a person as the audit does: by Slack's id, which nobody can change."""
    known = visible(str(user["id"]))[:_LONGEST_NAME]
    said = visible(str(user.get("username") or user.get("name") or ""))
    return f"slack {known}" + (f" ({said[:_LONGEST_NAME]})" if said else "")


def _is_signed(
    secret: SecretStr, headers: Mapping[str, str], body: bytes, now: datetime
) -> bool:
    """Tell whether a request is signed with a secret, at most five minutes ago."""
    stamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    readable = stamp.isascii() and stamp.isdecimal() and len(stamp) <= _DIGITS
    if not readable or not signature.isascii():
        return False
    verifier = SignatureVerifier(secret.get_secret_value(), clock=_At(now))
    try:
        return verifier.is_valid(body, stamp, signature)
    except UnicodeDecodeError:
        return False
