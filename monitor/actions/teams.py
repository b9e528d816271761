"""The Teams action: a notice as a card, by the webhook of a Power Automate workflow."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr, field_validator

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.markdown import inert
from monitor.plugins import Options
from monitor.webhooks import Call, exchange, web_address
from monitor.webhooks import Request as Body

WORST = 10
"""Incidents of each sort that a card names."""
LONGEST = 2_000
"""Characters of one text of a card."""


class TeamsOptions(Options):
    """What a user may set for Microsoft Teams."""

    webhook_url: SecretStr
    """The address of a workflow, "when a Teams webhook request is received"."""
    on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
    """The families of incidents that it tells of; all unless named."""
    timeout: float = Field(default=15.0, gt=0, le=30, allow_inf_nan=False)

    @field_validator("webhook_url")
    @classmethod
    def _is_address(cls, url: SecretStr) -> SecretStr:
        web_address(url.get_secret_value())
        return url


@ACTIONS.register("teams")
class TeamsAction:
    """Posts an Adaptive Card; a workflow tells nobody where its message went.

    https://adaptivecards.io/explorer/
    """

    type = "teams"
    takes = Kind.NOTICE
    idempotent = False

    Options = TeamsOptions

    def __init__(
        self, name: str, options: TeamsOptions, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config."""
        self.name = name
        self.on = options.on
        self._options = options
        self._clock = clock
        self._egress = egress

    def perform(self, delivery: Delivery) -> Receipt:
        """Post the card once."""
        body = Body.of(delivery.id, message(delivery.body))
        call = Call(
            method="POST",
            url=self._options.webhook_url.get_secret_value(),
            headers={"content-type": "application/json", "user-agent": "driftd"},
            body=body.body,
        )
        exchange(
            call,
            timeout=self._options.timeout,
            clock=self._clock,
            egress=self._egress,
        )
        return Receipt(detail="the workflow took the card")


def message(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notice as the message that a workflow posts."""
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": list(_blocks(body)),
        "actions": [
            {"type": "Action.OpenUrl", "title": str(label)[:40], "url": str(url)}
            for label, url in (body.get("links") or {}).items()
            if str(url).startswith(("https://", "http://"))
        ],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _blocks(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    color = {"resolved": "Good", "attention": "Warning"}.get(
        str(body.get("reason")), "Attention"
    )
    about = f"{body.get('model', 'driftd')} · {body.get('monitor', '')}".rstrip(" ·")
    yield _text(about, weight="Bolder", size="Medium", color=color)
    yield _text(str(body.get("headline") or "news"))
    for sort, title in (
        ("firing", "Firing"),
        ("resolved", "Resolved"),
        ("muted", "Muted, since another explains them"),
    ):
        found = list(body.get(sort) or ())
        if found:
            yield _text(title, weight="Bolder", spacing="Medium")
        for one in found[:WORST]:
            yield _text(f"• {one.get('sentence', '')}", spacing="Small")
        more = int(body.get(f"n_{sort}") or len(found)) - len(found[:WORST])
        if more > 0:
            yield _text(f"and {more:,} more", isSubtle=True)
    if body.get("retraining"):
        yield _text(str(body["retraining"]), spacing="Medium")
    window = body.get("window") or {}
    if window:
        small = f"window {window.get('start')} to {window.get('end')}"
        yield _text(small, isSubtle=True, size="Small", spacing="Medium")


def _text(text: str, **looks: Any) -> dict[str, Any]:  # noqa: ANN401 - a card's JSON
    shown = inert(text, LONGEST)
    return {"type": "TextBlock", "text": shown, "wrap": True, **looks}
