"""Callbacks: what a pipeline says of a retraining by itself, and whether it may.

A pipeline signs its word as a Standard Webhook, with the secret that its action signs
with, or sends the token that the secret makes of the retraining's id.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from monitor.action import Progress, Stage
from monitor.retraining import Retraining
from monitor.webhooks import callback_token, key

TOLERANCE = timedelta(minutes=5)
"""How far a signature's time may be from ours."""
LONGEST = 64 * 1024
"""Bytes of a body that are read."""


@runtime_checkable
class Answerable(Protocol):
    """An action whose pipeline may speak by itself."""

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that its pipeline knows; none where it cannot speak."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a pipeline has said, or the status and the words of a refusal."""

    progress: Progress | None = None
    status: HTTPStatus = HTTPStatus.OK
    refusal: str = ""


def heard(
    one: Retraining | None,
    action: object,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> Said:
    """Read what is said of a retraining; who may not speak learns nothing of it."""
    secrets = action.secrets if isinstance(action, Answerable) else ()
    known = one is not None and _may_speak(one.id, secrets, headers, body, now)
    if not known:
        return Said(
            status=HTTPStatus.UNAUTHORIZED,
            refusal="not signed by a pipeline of this retraining",
        )
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return _unread("the body is no JSON")
    if not isinstance(told, dict):
        return _unread("the body is no JSON object")
    words = [stage.value for stage in Stage]
    if told.get("state") not in words:
        return _unread(f"state is none of {', '.join(words)}")
    detail = told.get("detail", "")
    if not isinstance(detail, str):
        return _unread("detail is no text")
    return Said(progress=Progress(stage=Stage(told["state"]), detail=detail[:1_000]))


def _unread(why: str) -> Said:
    return Said(status=HTTPStatus.UNPROCESSABLE_ENTITY, refusal=why)


def _may_speak(
    name: str,
    secrets: tuple[SecretStr, ...],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        sent = given.strip().encode()
        return any(
            hmac.compare_digest(sent, callback_token(secret, name).encode())
            for secret in secrets
        )
    return _is_signed(secrets, headers, body, now)


def _is_signed(
    secrets: tuple[SecretStr, ...],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> bool:
    """Tell whether a body has a signature of one of the secrets, and a fresh one."""
    sent, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent or not stamp.isdecimal() or len(stamp) > len(str(10**11)):
        return False
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return False
    content = b".".join((sent.encode(), stamp.encode(), body))
    right = [hmac.new(key(one), content, hashlib.sha256).digest() for one in secrets]
    for part in headers.get("webhook-signature", "").split():
        version, _, written = part.partition(",")
        try:
            signature = base64.b64decode(written, validate=True)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and any(hmac.compare_digest(signature, r) for r in right):
            return True
    return False
