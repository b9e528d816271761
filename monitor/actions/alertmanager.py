"""The Alertmanager action: each incident as an alert, kept alive while it fires."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr, field_validator

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.api import Api, basic
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.config.scalars import Duration
from monitor.egress import Egress
from monitor.finding import Finding
from monitor.incident import Incident, State
from monitor.plugins import Options
from monitor.webhooks import web_address
from monitor.window import parse_time, rfc3339

ALERTS = ("api", "v2", "alerts")


class AlertmanagerOptions(Options):
    """What a user may set for Alertmanager."""

    url: str = Field(repr=False)
    """Where Alertmanager is, without the path of its API."""
    on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
    """The families of incidents that it tells of; all unless named."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels beside driftd's, such as `team: fraud`, for Alertmanager's routes."""
    every: Duration = timedelta(minutes=1)
    """How often what fires is sent again: at most a third of `resolve_timeout`."""
    username: str | None = None
    password: SecretStr | None = None
    bearer: SecretStr | None = None
    timeout: float = Field(default=15.0, gt=0, le=30, allow_inf_nan=False)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return web_address(url).rstrip("/")


@ACTIONS.register("alertmanager")
class AlertmanagerAction:
    """Posts alerts to `/api/v2/alerts`: silences, routes and groups are Alertmanager's.

    Alertmanager forgets an alert that is not sent again, so what fires is, and what
    has ended is resolved explicitly for a while. An alert's labels are its identity:
    figures stand in the annotations.
    https://github.com/prometheus/alertmanager/blob/main/docs/alerts_api.md
    """

    type = "alertmanager"
    takes = Kind.NOTICE
    idempotent = True

    Options = AlertmanagerOptions

    def __init__(
        self, name: str, options: AlertmanagerOptions, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config."""
        self.name = name
        self.on = options.on
        self.every = options.every
        self._options = options
        self._clock = clock
        self._api = Api(
            url=options.url,
            timeout=options.timeout,
            clock=clock,
            egress=egress,
            headers=self._headers,
        )

    def perform(self, delivery: Delivery) -> Receipt:
        """Post what a notice tells."""
        body = delivery.body
        link = next(iter((body.get("links") or {}).values()), None)
        alerts = [
            self._alert(delivery, found, None, link)
            for found in body.get("firing") or ()
        ]
        ended = self._clock.now()
        alerts += [
            self._alert(delivery, found, ended, link)
            for found in body.get("resolved") or ()
        ]
        if body.get("message"):
            alerts.append(self._message(delivery))
        if not alerts:
            return Receipt(detail="nothing in it is an alert")
        self._api.post(*ALERTS, json_body=alerts)
        count = f"{len(alerts)} alert" + ("" if len(alerts) == 1 else "s")
        return Receipt(detail=f"Alertmanager took {count}")

    def refresh(self, incidents: Iterable[Incident]) -> int:
        """Post the state of incidents again; return how many alerts that were."""
        alerts = []
        for one in incidents:
            about = {"model": one.key.model, "monitor": one.key.monitor}
            ended = one.resolved if one.state is State.RESOLVED else None
            found = Finding.of(one).to_dict()
            alerts.append(self._labelled(about, found, ended))
        if alerts:
            self._api.post(*ALERTS, json_body=alerts)
        return len(alerts)

    def _alert(
        self,
        delivery: Delivery,
        found: Mapping[str, Any],
        ended: datetime | None,
        link: str | None,
    ) -> dict[str, Any]:
        about = {"model": delivery.model, "monitor": delivery.monitor}
        return self._labelled(about, found, ended, link)

    def _labelled(
        self,
        about: Mapping[str, str],
        found: Mapping[str, Any],
        ended: datetime | None,
        link: str | None = None,
    ) -> dict[str, Any]:
        labels = {
            **self._options.labels,
            "alertname": "DriftdIncident",
            **about,
            **{
                name: str(found[name])
                for name in ("family", "check", "column", "segment")
                if found.get(name)
            },
        }
        alert: dict[str, Any] = {
            "labels": labels,
            "annotations": {
                "summary": str(found.get("brief") or found.get("sentence") or ""),
                "description": str(found.get("sentence") or ""),
            },
            "startsAt": _moment(found.get("since")),
        }
        if link is not None and link.startswith(("http://", "https://")):
            alert["generatorURL"] = link
        if ended is not None:
            alert["endsAt"] = rfc3339(ended)
        return {key: value for key, value in alert.items() if value is not None}

    def _message(self, delivery: Delivery) -> dict[str, Any]:
        """Return a message that is no incident: an alert that ends by itself."""
        body = delivery.body
        labels = {
            **self._options.labels,
            "alertname": "DriftdAttention",
            "model": delivery.model,
            "monitor": delivery.monitor,
            "about": delivery.id,
        }
        told = str(body.get("message"))
        ends = delivery.created + timedelta(hours=1)
        return {
            "labels": labels,
            "annotations": {"summary": told, "description": told},
            "startsAt": rfc3339(delivery.created),
            "endsAt": rfc3339(ends),
        }

    def _headers(self) -> dict[str, str]:
        options = self._options
        if options.bearer is not None:
            return {"authorization": f"Bearer {options.bearer.get_secret_value()}"}
        if options.username is not None:
            password = options.password
            return basic(
                options.username, password.get_secret_value() if password else ""
            )
        return {}


def _moment(written: object) -> str | None:
    """Return a time as Alertmanager reads it, or None where it is none."""
    try:
        return rfc3339(parse_time(str(written)))
    except ValueError:
        return None
