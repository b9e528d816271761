"""The PagerDuty action: a monitor's incidents as one alert, by the Events API v2."""

from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.api import Api
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.notice import Reason
from monitor.plugins import Options
from monitor.webhooks import web_address

SUMMARY = 1_024
"""Characters of a summary that PagerDuty takes."""
KEY = 255
"""Characters of a deduplication key that PagerDuty takes."""


class PagerDutyOptions(Options):
    """What a user may set for PagerDuty."""

    routing_key: SecretStr
    """The integration key of a service (Events API v2)."""
    url: str = Field(default="https://events.pagerduty.com", repr=False)
    """https://events.eu.pagerduty.com in Europe."""
    severity: Literal["critical", "error", "warning", "info"] = "warning"
    on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
    """The families of incidents that it tells of; all unless named."""
    timeout: float = Field(default=15.0, gt=0, le=30, allow_inf_nan=False)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return web_address(url).rstrip("/")


@ACTIONS.register("pagerduty")
class PagerDutyAction:
    """Triggers while a monitor's incidents fire, and resolves when they have ended.

    The deduplication key is the monitor's, so that a repeat is no second page.
    https://developer.pagerduty.com/docs/send-alert-event
    """

    type = "pagerduty"
    takes = Kind.NOTICE
    idempotent = True

    Options = PagerDutyOptions

    def __init__(
        self, name: str, options: PagerDutyOptions, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config."""
        self.name = name
        self.on = options.on
        self._options = options
        self._api = Api(
            url=options.url, timeout=options.timeout, clock=clock, egress=egress
        )

    def perform(self, delivery: Delivery) -> Receipt:
        """Trigger or resolve once."""
        body = delivery.body
        resolved = delivery.reason == Reason.RESOLVED
        event: dict[str, Any] = {
            "routing_key": self._options.routing_key.get_secret_value(),
            "event_action": "resolve" if resolved else "trigger",
            "dedup_key": _key(delivery),
            "client": "driftd",
            "payload": {
                "summary": str(body.get("headline") or f"{delivery.model}: news")[
                    :SUMMARY
                ],
                "source": f"{delivery.model}/{delivery.monitor}",
                "severity": self._options.severity,
                "component": delivery.model,
                "group": delivery.monitor,
                "class": "drift",
                "custom_details": {
                    "lines": list(body.get("lines") or ())[:20],
                    "window": body.get("window"),
                    "model_version": body.get("model_version"),
                    "delivery": delivery.id,
                },
            },
            "links": [
                {"href": str(url), "text": str(label)}
                for label, url in (body.get("links") or {}).items()
                if str(url).startswith(("https://", "http://"))
            ],
        }
        self._api.post("v2", "enqueue", json_body=event)
        return Receipt(remote_id=_key(delivery), detail="PagerDuty took the event")


def _key(delivery: Delivery) -> str:
    """Return the key of a monitor's page; a message that is no incident has its own."""
    if delivery.reason == Reason.ATTENTION:
        return f"driftd/{delivery.id}"[:KEY]
    return f"driftd/{delivery.model}/{delivery.monitor}"[:KEY]
