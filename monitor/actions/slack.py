"""The Slack action: a notice as a message, by incoming webhook or by a bot."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, NoReturn, Self

import httpx
from pydantic import Field, SecretStr, model_validator
from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError, SlackClientError

from checks.verdict import Family
from monitor import plugins
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress, resolved
from monitor.errors import ActionError
from monitor.logs import logger
from monitor.mrkdwn import inert
from monitor.problems import mistake
from monitor.slack_message import fallback, message, pictured, reply
from monitor.webhooks import retry_after

log = logger(__name__)

_LATER = frozenset(
    {"ratelimited", "rate_limited", "service_unavailable", "request_timeout"}
)
_UNKNOWN = frozenset({"internal_error", "fatal_error"})
_GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
_EVENT = "driftd_notice"
_LONGEST_CODE = 60
_HOOKS = (
    ("https", "hooks.slack.com", None),
    ("https", "hooks.slack-gov.com", None),
)
"""Where Slack takes answers to who pressed a button."""
_PICTURED = ("first", "changed")
"""Reasons of news that gets a picture."""
_ANSWERING = 5
"""Seconds that such an answer gets, and each step of sending a picture."""

# The SDK would write addresses and messages into the log, secrets among them.
_SILENT = logging.getLogger("monitor.actions.slack.sdk")
_SILENT.setLevel(logging.CRITICAL + 1)


@ACTIONS.register("slack")
class SlackAction:
    """Tells people in a channel; with a token, news of an incident goes to its thread.

    An incoming webhook tells nobody where its message went, so there each notice is a
    message of its own.
    """

    type = "slack"
    idempotent = False
    takes = Kind.NOTICE

    class Options(plugins.Options):
        """What a user may set: `webhook_url`, or `token` and `channel`."""

        webhook_url: SecretStr | None = None
        token: SecretStr | None = None
        channel: str | None = None
        signing_secret: SecretStr | None = None
        """What its app signs with; with it, messages have buttons."""
        base_url: str = "https://slack.com/api/"
        on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
        """The families of incidents that it tells of; all unless named."""
        timeout: int = Field(default=15, ge=1, le=30)

        @model_validator(mode="after")
        def _one_way(self) -> Self:
            if (self.webhook_url is None) is (self.token is None):
                text = "a message goes by webhook_url or with a token"
                raise mistake(text, "set webhook_url, or token and channel.")
            if (self.token is None) is not (self.channel is None):
                text = "a token needs a channel, and a webhook_url has its own"
                raise mistake(text, "set token and channel together.")
            signing = self.signing_secret
            if signing is not None and not signing.get_secret_value().strip():
                text = "the signing_secret is empty"
                raise mistake(text, "copy it from the app's Basic Information.")
            hook = self.webhook_url and self.webhook_url.get_secret_value()
            for url in (hook, self.base_url):
                if url and not url.startswith(("https://", "http://")):
                    text = "this is no address of Slack"
                    raise mistake(text, "write https://hooks.slack.com/services/….")
            return self

    def __init__(
        self, name: str, options: Options, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config; the clock reads Slack's dates."""
        self.name = name
        self.on = options.on
        self._options = options
        self._clock = clock
        self._egress = egress

    def perform(self, delivery: Delivery) -> Receipt:
        """Tell it once."""
        self._may_reach(httpx.URL(self._place))
        try:
            if self._options.token is not None:
                return self._with_token(delivery, self._options.token)
            return self._by_webhook(delivery)
        except SlackApiError as error:
            self._refuse(error)
        except (SlackClientError, ValueError) as error:
            msg = f"Slack: no request can be made ({type(error).__name__})"
            raise ActionError(msg, permanent=True) from None
        except (OSError, HTTPException) as error:
            reason = type(getattr(error, "reason", error)).__name__
            sent = "Refused" not in reason and "gaierror" not in reason
            msg = f"Slack gave no answer ({reason})"
            raise ActionError(msg, permanent=False, ambiguous=sent) from None

    @property
    def signing_secret(self) -> SecretStr | None:
        """What its Slack app signs with; None where there are no buttons."""
        return self._options.signing_secret

    def answer(self, url: str, text: str) -> None:
        """Tell the one who pressed a button what came of it; raises ActionError."""
        where, known = httpx.URL(url), httpx.URL(self._place)
        ours = _origin(where) == _origin(known)
        if not ours and _origin(where) not in _HOOKS:
            msg = "no answer goes to an address that is none of Slack's"
            raise ActionError(msg, permanent=True)
        self._may_reach(where)
        client = WebhookClient(
            url, timeout=_ANSWERING, retry_handlers=[], logger=_SILENT
        )
        try:
            said = client.send(
                text=inert(text), response_type="ephemeral", replace_original=False
            )
        except (SlackClientError, ValueError, OSError, HTTPException) as error:
            msg = f"Slack gave no answer ({type(error).__name__})"
            raise ActionError(msg, permanent=True) from None
        if said.status_code != HTTPStatus.OK:
            self._refuse_status(said.status_code, said.headers, said.body)

    def _may_reach(self, where: httpx.URL) -> None:
        """Refuse an address that no call may go to."""
        if not self._egress.private:
            self._egress.addresses(where.host, where.port or 443, resolved)

    def _pressed(self, delivery: Delivery) -> str | None:
        """Return what its buttons are about; None without buttons."""
        return delivery.id if self._options.signing_secret else None

    @property
    def _place(self) -> str:
        """Where Slack is asked."""
        hook = self._options.webhook_url
        return hook.get_secret_value() if hook else self._options.base_url

    def _by_webhook(self, delivery: Delivery) -> Receipt:
        url = self._options.webhook_url
        client = WebhookClient(
            url.get_secret_value() if url else "",
            timeout=self._options.timeout,
            retry_handlers=[],
            logger=_SILENT,
        )
        blocks = message(delivery.body, self._pressed(delivery))
        answer = client.send(text=fallback(delivery.body), blocks=blocks)
        if answer.status_code != HTTPStatus.OK:
            self._refuse_status(answer.status_code, answer.headers, answer.body)
        if answer.body.lstrip().startswith("<"):
            msg = "the webhook's address answers with a page, not as Slack does"
            raise ActionError(msg, permanent=True)
        return Receipt(detail="Slack took the message")

    def _with_token(self, delivery: Delivery, token: SecretStr) -> Receipt:
        client = WebClient(
            token=token.get_secret_value(),
            base_url=self._options.base_url,
            timeout=self._options.timeout,
            retry_handlers=[],
            logger=_SILENT,
        )
        place = delivery.memory.get("channel"), delivery.memory.get("ts")
        if all(isinstance(part, str) for part in place):
            receipt = self._in_thread(client, delivery, str(place[0]), str(place[1]))
            if receipt is not None:
                self._picture(delivery, token, receipt.memory)
                return receipt
        told = self._found(client, delivery) or client.chat_postMessage(
            channel=self._options.channel or "",
            text=fallback(delivery.body),
            blocks=message(delivery.body, self._pressed(delivery)),
            metadata=_metadata(delivery),
            unfurl_links=False,
        )
        where = {"channel": str(told["channel"]), "ts": str(told["ts"])}
        self._picture(delivery, token, where)
        return Receipt(
            remote_id=where["ts"], detail="Slack took the message", memory=where
        )

    def _in_thread(
        self, client: WebClient, delivery: Delivery, channel: str, ts: str
    ) -> Receipt | None:
        """Bring the first message up to date and say in its thread what is new.

        None when the message is gone, so that a new one must be written.
        """
        try:
            client.chat_update(
                channel=channel,
                ts=ts,
                text=fallback(delivery.body),
                blocks=message(delivery.body, self._pressed(delivery)),
            )
            told = client.chat_postMessage(
                channel=channel,
                thread_ts=ts,
                reply_broadcast=delivery.reason == "changed",
                text=fallback(delivery.body),
                blocks=reply(delivery.body, self._pressed(delivery)),
                metadata=_metadata(delivery),
                unfurl_links=False,
            )
        except SlackApiError as error:
            if _code(error) in _GONE:
                return None
            raise
        return Receipt(
            remote_id=str(told["ts"]),
            detail="Slack took the news into the thread",
            memory={"channel": channel, "ts": ts},
        )

    def _picture(
        self, delivery: Delivery, token: SecretStr, where: Mapping[str, str]
    ) -> None:
        """Show in the thread how the worst figure went; a nicety that may fail.

        The message stands by then: what keeps its picture away is noted and forgotten.
        """
        picture = pictured(delivery.body) if delivery.reason in _PICTURED else None
        if picture is None:
            return
        client = WebClient(
            token=token.get_secret_value(),
            base_url=self._options.base_url,
            timeout=min(self._options.timeout, _ANSWERING),
            retry_handlers=[],
            logger=_SILENT,
        )
        try:
            client.files_upload_v2(
                content=picture.content,
                filename="driftd.png",
                title=picture.title,
                alt_txt=picture.title,
                channel=where["channel"],
                thread_ts=where["ts"],
            )
        except (SlackClientError, ValueError, OSError, HTTPException) as error:
            kind = type(error).__name__
            cause = _code(error) if isinstance(error, SlackApiError) else kind
            log.info("slack_picture_lost", action=self.name, cause=cause)

    def _found(self, client: WebClient, delivery: Delivery) -> Mapping[str, Any] | None:
        """Look whether an attempt whose answer was lost has left its message."""
        if delivery.attempt <= 1 and not delivery.interrupted:
            return None
        channel = self._options.channel or ""
        try:
            history = client.conversations_history(
                channel=channel, include_all_metadata=True, limit=100
            )
        except SlackApiError as error:
            if _code(error) in _LATER:
                raise
            return None  # the right to read the channel is not everyone's to give
        for said in history.get("messages") or ():
            payload = (said.get("metadata") or {}).get("event_payload") or {}
            if payload.get("id") == delivery.id:
                return {"channel": channel, "ts": said["ts"]}
        return None

    def _refuse(self, error: SlackApiError) -> NoReturn:
        code = _code(error)
        response = error.response
        status = int(getattr(response, "status_code", HTTPStatus.OK))
        headers = dict(getattr(response, "headers", {}))
        if status != HTTPStatus.OK and code not in _LATER:
            self._refuse_status(status, headers, code)
        msg = f"Slack answered {code}"
        if code in _LATER:
            wait = self._wait(headers)
            raise ActionError(msg, permanent=False, retry_after=wait)
        if code in _UNKNOWN:
            raise ActionError(msg, permanent=False, ambiguous=True)
        msg += _fix(code)
        raise ActionError(msg, permanent=True)

    def _refuse_status(
        self, status: int, headers: Mapping[str, str], said: str
    ) -> NoReturn:
        msg = f"Slack answered {status}" + (f": {said}" if _is_word(said) else "")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = self._wait(headers)
            raise ActionError(msg, permanent=False, retry_after=wait)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = self._wait(headers)
            raise ActionError(msg, permanent=False, retry_after=wait, ambiguous=True)
        msg += _fix(said)
        raise ActionError(msg, permanent=True)

    def _wait(self, headers: Mapping[str, str]) -> float | None:
        lower = {name.lower(): value for name, value in headers.items()}
        return retry_after(lower.get("retry-after"), self._clock.now())


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _metadata(delivery: Delivery) -> dict[str, Any]:
    return {"event_type": _EVENT, "event_payload": {"id": delivery.id}}


def _code(error: SlackApiError) -> str:
    """Return Slack's word for what is wrong, and nothing that it may have quoted."""
    said = error.response.get("error") if error.response else None
    word = str(said or "")
    return word if _is_word(word) else "what is no answer of Slack's"


def _is_word(said: str) -> bool:
    return len(said) <= _LONGEST_CODE and said.replace("_", "").isalnum()


def _fix(code: str) -> str:
    fixes = {
        "channel_not_found": ". Fix: correct the channel, or invite the bot to it",
        "not_in_channel": ". Fix: invite the bot to the channel",
        "invalid_auth": ". Fix: set a valid token",
        "not_authed": ". Fix: set a valid token",
        "token_revoked": ". Fix: set a new token",
        "missing_scope": ". Fix: give the bot the scope chat:write",
        "no_service": ". Fix: make a new incoming webhook",
        "invalid_token": ". Fix: make a new incoming webhook",
    }
    return fixes.get(code, "")
