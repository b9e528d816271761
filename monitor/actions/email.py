"""The e-mail action: a notice as a message, and what follows it in the same thread."""

import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress, resolved
from monitor.errors import ActionError
from monitor.mrkdwn import visible
from monitor.plugins import Options
from monitor.problems import mistake

SUBJECT = 200
"""Characters of a subject."""
PERMANENT = 500
"""Replies from here on are final (RFC 5321, 4.2.1)."""


def _addresses(written: object) -> object:
    return (written,) if isinstance(written, str) else written


class EmailOptions(Options):
    """What a user may set for e-mail."""

    host: str = Field(min_length=1)
    """The mail server (SMTP)."""
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is secured; `none` only on a machine of one's own."""
    username: str | None = None
    password: SecretStr | None = None
    sender: str = Field(min_length=3)
    """Who the message is from."""
    to: Annotated[tuple[str, ...], BeforeValidator(_addresses)] = Field(min_length=1)
    on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
    """The families of incidents that it tells of; all unless named."""
    timeout: float = Field(default=15.0, gt=0, le=60, allow_inf_nan=False)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for address in (self.sender, *self.to):
            if "@" not in address or any(c in address for c in "\r\n"):
                text = f"{address!r} is no address"
                raise mistake(text, "write name@example.org.")
        if (self.username is None) is not (self.password is None):
            text = "a user has a password, and a password a user"
            raise mistake(text, "set username and password together.")
        if self.password is not None and self.security == "none":
            text = "a password would go through the net in the clear"
            raise mistake(text, "set security: starttls or tls.")
        return self


@ACTIONS.register("email")
class EmailAction:
    """Sends a message; its id is the notice's, so that a repeat is known as one.

    What follows the first message of an incident refers to it, as mail programs thread.
    """

    type = "email"
    takes = Kind.NOTICE
    idempotent = False

    Options = EmailOptions

    def __init__(
        self, name: str, options: EmailOptions, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config; messages bear their notice's date."""
        del clock
        self._egress = egress
        self.name = name
        self.on = options.on
        self._options = options

    def perform(self, delivery: Delivery) -> Receipt:
        """Send the message once."""
        first = delivery.memory.get("message_id")
        mail = compose(
            delivery,
            sender=self._options.sender,
            to=self._options.to,
            first=first if isinstance(first, str) else None,
        )
        self._send(mail)
        own = str(mail["Message-ID"])
        return Receipt(
            remote_id=own,
            detail=f"{self._options.host} took the message",
            memory={"message_id": first or own},
        )

    def _send(self, mail: EmailMessage) -> None:
        """Hand a message over; raises ActionError."""
        if not self._egress.private:
            where = self._options.host, self._options.port
            self._egress.addresses(*where, resolved)
        handing_over = False
        try:
            with self._connected() as server:
                handing_over = True
                server.send_message(mail)
                # What QUIT meets does not undo that the message was taken.
                handing_over = False
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise self._refused(min(codes, default=PERMANENT)) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code) from None
        except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
            kind = type(error).__name__
            msg = f"the mail server {self._options.host} gave no answer ({kind})"
            raise ActionError(msg, permanent=False, ambiguous=handing_over) from None

    def _connected(self) -> smtplib.SMTP:
        options = self._options
        trusted = ssl.create_default_context()
        name = socket.gethostname()
        where: tuple[str, int] = options.host, options.port
        if options.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                *where, name, timeout=options.timeout, context=trusted
            )
        else:
            server = smtplib.SMTP(*where, name, timeout=options.timeout)
            if options.security == "starttls":
                server.starttls(context=trusted)
        if options.username is not None and options.password is not None:
            server.login(options.username, options.password.get_secret_value())
        return server

    def _refused(self, code: int) -> ActionError:
        """Return the error of a reply; what the server wrote may hold a secret."""
        msg = f"the mail server {self._options.host} answered {code}"
        return ActionError(msg, permanent=code >= PERMANENT)


def compose(
    delivery: Delivery, *, sender: str, to: tuple[str, ...], first: str | None
) -> EmailMessage:
    """Return a notice as a message, in plain text and in HTML."""
    body = delivery.body
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = _line(f"[driftd] {body.get('headline') or delivery.model}")
    mail["Date"] = format_datetime(delivery.created)
    mail["Message-ID"] = f"<{delivery.id}@driftd>"
    mail["X-Driftd-Model"] = _line(delivery.model)
    if first is not None:
        mail["In-Reply-To"] = mail["References"] = first
    lines = [visible(str(line)) for line in body.get("lines") or ()]
    small = list(_about(body))
    headline = visible(str(body.get("headline") or delivery.model))
    mail.set_content("\n".join([headline, "", *lines, "", *small]) + "\n")
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    mail.add_alternative(
        "<!doctype html><html><body style='font-family:sans-serif'>"
        f"<p><b>{escape(headline)}</b></p><ul>{listed}</ul>"
        f"<p style='color:#666'>{'<br>'.join(_linked(line) for line in small)}</p>"
        "</body></html>",
        subtype="html",
    )
    return mail


def _about(body: Mapping[str, Any]) -> Iterator[str]:
    """Say what it is about, and where there is more to see."""
    window = body.get("window") or {}
    if window:
        yield f"window {window.get('start')} to {window.get('end')}"
    if body.get("model_version"):
        yield f"model version {visible(str(body['model_version']))}"
    for label, url in (body.get("links") or {}).items():
        yield f"{visible(str(label))}: {visible(str(url))}"


def _linked(line: str) -> str:
    label, _, url = line.partition(": ")
    if url.startswith(("https://", "http://")):
        return f"<a href='{escape(url)}'>{escape(label)}</a>"
    return escape(line)


def _line(text: str) -> str:
    """Return a text for a header: one line, and not too long."""
    return visible(text)[:SUBJECT]
