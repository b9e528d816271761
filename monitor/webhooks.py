"""Requests as Standard Webhooks has them: signed, sent once, and the answer judged.

https://github.com/standard-webhooks/standard-webhooks, specification 1.0.0. Retrying is
the deliverer's work; here each answer is told as permanent, worth a retry, or unknown.
"""

import base64
import email.utils
import hashlib
import hmac
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NoReturn, Self
from urllib.parse import quote

import httpx
from pydantic import BeforeValidator, Field, SecretStr, field_validator

from monitor.clock import Clock
from monitor.egress import OPEN, Egress
from monitor.errors import ActionError
from monitor.guarded import Guarded
from monitor.plugins import Options
from monitor.problems import mistake

_PREFIX = "whsec_"
_SHORTEST_SECRET = 24
_LONGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read: a list of a hundred runs and more."""

# httpx would write every URL into the log, and a URL can be a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

_RETRYABLE = frozenset({408, 409, 425, 429})
_MAYBE_DONE = frozenset({408, 500, 502, 504})
"""Answers that a gateway gives although the receiver may have done the work."""


def _secrets(written: object) -> object:
    """Take one secret, a list, or several parted by white space."""
    if isinstance(written, SecretStr):
        return (written,)
    if isinstance(written, str):
        if not written.strip():
            message = "the secret is empty, and nothing would be signed"
            raise mistake(message, "set it, or take the key out.")
        return tuple(written.split())
    if isinstance(written, list | tuple):
        return tuple(p for part in written for p in _parts(part))
    return written


def _parts(written: object) -> list[object]:
    return list(written.split()) if isinstance(written, str) else [written]


class Receiver(Options):
    """Where requests go, and how the receiver knows that they are ours."""

    url: str = Field(repr=False)
    secret: Annotated[tuple[SecretStr, ...], BeforeValidator(_secrets)] = ()
    """`whsec_` and base64; several while one replaces another."""
    bearer: SecretStr | None = None
    """A token for the header Authorization."""
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    cloudevents: Literal["binary", "structured"] | None = None
    """Whether what is sent is a CloudEvent, and in which of its two forms."""
    timeout: float = Field(default=15.0, gt=0, le=30, allow_inf_nan=False)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return web_address(url)

    @field_validator("secret")
    @classmethod
    def _is_key(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            key(secret)
        return secrets

    @property
    def place(self) -> str:
        """Where it is, without what a URL may hold of secrets."""
        return _host(self.url) or "nowhere"


def web_address(url: str) -> str:
    """Return the address of a server; a mistake where it is none, or holds a secret."""
    if _host(url) is None:
        message = "this is not the URL of a receiver"
        raise mistake(message, "write http:// or https://, a host and a path.")
    if httpx.URL(url).userinfo:
        message = "a user or password stands in the URL"
        raise mistake(message, "use `secret`, `bearer` or a header.")
    return url


def _host(url: str) -> str | None:
    """Return scheme, host and port of an HTTP URL, or None when it is none."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        return None
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.scheme}://{parsed.host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver said when it took a request."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> Mapping[str, Any]:
        """Return the body where it is a JSON object, and nothing where not."""
        told = self.content()
        return told if isinstance(told, dict) else {}

    def content(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the body where it is JSON, and None where not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that is the same at each attempt, but for the time it is signed at."""

    id: str
    body: bytes
    content_type: str = "application/json"
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        request_id: str,
        body: Mapping[str, Any],
        cloudevents: Literal["binary", "structured"] | None = None,
    ) -> Self:
        """Write the body: the same content always gives the same bytes.

        As a CloudEvent (specification 1.0, HTTP binding) its `type` and `timestamp`
        are the event's, and `source` and `id` are the same at each attempt.
        """
        if cloudevents is None:
            return cls(id=request_id, body=_written(body))
        about = {
            "specversion": "1.0",
            "id": request_id,
            "source": f"/driftd/{body.get('model', '')}/{body.get('monitor', '')}",
            "type": str(body.get("type", "driftd.event")),
        }
        if body.get("timestamp"):
            about["time"] = str(body["timestamp"])
        if cloudevents == "structured":
            data = {"datacontenttype": "application/json", "data": dict(body)}
            content = "application/cloudevents+json"
            return cls(
                id=request_id, body=_written({**about, **data}), content_type=content
            )
        # Header values are printable ASCII; space, quote and percent are escaped.
        extra = {
            f"ce-{name}": quote(value, safe=_PLAIN) for name, value in about.items()
        }
        return cls(id=request_id, body=_written(body), extra=extra)

    def headers(
        self, secrets: Sequence[SecretStr], attempted: datetime
    ) -> dict[str, str]:
        """Return the Standard Webhooks headers, with one signature for each secret."""
        stamp = str(math.floor(attempted.timestamp()))
        headers = {
            **self.extra,
            "content-type": self.content_type,
            "user-agent": "driftd",
            "webhook-id": self.id,
            "webhook-timestamp": stamp,
        }
        if secrets:
            signed = b".".join((self.id.encode(), stamp.encode(), self.body))
            headers["webhook-signature"] = " ".join(
                "v1," + base64.b64encode(_hmac(secret, signed)).decode()
                for secret in secrets
            )
        return headers


_PLAIN = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%')
"""Characters that stand for themselves in a CloudEvent's header."""


def _written(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def key(secret: SecretStr) -> bytes:
    """Return the bytes that a secret stands for; a mistake where it stands for none."""
    text = secret.get_secret_value().strip().removeprefix(_PREFIX)
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        found = b""
    if len(found) < _SHORTEST_SECRET:
        message = f"this is no secret of {_SHORTEST_SECRET} bytes or more in base64"
        raise mistake(message, "make one: echo whsec_$(openssl rand -base64 32)")
    return found


def callback_token(secret: SecretStr, about: str) -> str:
    """Return the token by which who knows a secret may speak of one thing."""
    content = b"driftd-callback:" + about.encode()
    return hmac.new(key(secret), content, hashlib.sha256).hexdigest()


def send(
    receiver: Receiver, request: Request, clock: Clock, egress: Egress = OPEN
) -> Answer:
    """Send a request once and return the answer of a receiver that took it.

    Raises ActionError as `exchange` does.
    """
    headers = {**receiver.headers, **request.headers(receiver.secret, clock.now())}
    if receiver.bearer is not None:
        headers["authorization"] = f"Bearer {receiver.bearer.get_secret_value()}"
    call = Call(method="POST", url=receiver.url, headers=headers, body=request.body)
    return exchange(call, timeout=receiver.timeout, clock=clock, egress=egress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request; `takes` are answers beside success that are no refusal."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    takes: frozenset[int] = frozenset()

    @property
    def place(self) -> str:
        """Where it goes, without what a URL may hold of secrets."""
        return _host(self.url) or "nowhere"


def exchange(
    call: Call, *, timeout: float, clock: Clock, egress: Egress = OPEN
) -> Answer:
    """Make a call once and return the answer of a server that took it.

    Redirects are not followed and the environment's proxies not used. Raises
    ActionError, which names the server's host and nothing else of the URL.
    """
    began = clock.now()
    try:
        with (
            httpx.Client(
                trust_env=False,
                timeout=timeout,
                transport=None if egress.private else Guarded(egress),
            ) as client,
            client.stream(
                call.method, call.url, content=call.body, headers=dict(call.headers)
            ) as response,
        ):
            enough = timedelta(seconds=timeout)
            body = _beginning(response, lambda: clock.now() - began > enough)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        msg = f"{call.place} cannot be reached ({type(error).__name__})"
        raise ActionError(msg, permanent=False) from None
    except httpx.TransportError as error:
        msg = f"{call.place} gave no answer ({type(error).__name__})"
        raise ActionError(msg, permanent=False, ambiguous=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        msg = f"{call.place}: no request can be made ({type(error).__name__})"
        raise ActionError(msg, permanent=True) from None
    if not response.is_success and response.status_code not in call.takes:
        _refuse(call.place, response, clock.now())
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, body=body, headers=headers)


def _beginning(response: httpx.Response, is_late: Callable[[], bool]) -> bytes:
    """Read what is worth reading of an answer; its status counts in any case."""
    found = b""
    try:
        for part in response.iter_bytes():
            found += part
            if len(found) > _LONGEST_ANSWER or is_late():
                break
    except httpx.HTTPError:
        return b""
    return found[:_LONGEST_ANSWER]


def _refuse(place: str, response: httpx.Response, now: datetime) -> NoReturn:
    status = response.status_code
    msg = f"{place} answered {status} {response.reason_phrase}".rstrip()
    if response.is_redirect or httpx.codes.is_redirect(status):
        msg += ", a redirect, and those are not followed. Fix: set the final URL"
        raise ActionError(msg, permanent=True)
    if httpx.codes.is_server_error(status) or status in _RETRYABLE:
        raise ActionError(
            msg,
            permanent=False,
            retry_after=retry_after(response.headers.get("retry-after"), now),
            ambiguous=status in _MAYBE_DONE,
        )
    if status == httpx.codes.GONE:
        msg += ": the receiver wants no more of these"
    raise ActionError(msg, permanent=True)


def retry_after(written: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or a date, as seconds from now.

    >>> now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    >>> retry_after("3", now), retry_after("Sat, 21 Nov 2026 12:01:00 GMT", now)
    (3.0, 60.0)
    >>> retry_after("soon", now) is None
    True
    """
    if not written:
        return None
    if written.strip().isdecimal():
        return float(written[:12])
    try:
        until = email.utils.parsedate_to_datetime(written)
    except ValueError:
        return None
    until = until.replace(tzinfo=until.tzinfo or UTC)
    return max(0.0, (until - now) / timedelta(seconds=1))


def _hmac(secret: SecretStr, content: bytes) -> bytes:
    return hmac.new(key(secret), content, hashlib.sha256).digest()
