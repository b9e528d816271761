"""The Apprise action: a notice to any of the chat services that Apprise knows."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.errors import ActionError
from monitor.mrkdwn import visible
from monitor.plugins import Options


def _one_or_many(written: object) -> object:
    return (written,) if isinstance(written, str | SecretStr) else written


class AppriseOptions(Options):
    """What a user may set for Apprise."""

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(_one_or_many)] = Field(
        min_length=1
    )
    """Where to, in Apprise's own form: https://github.com/caronc/apprise/wiki"""
    on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
    """The families of incidents that it tells of; all unless named."""


@ACTIONS.register("apprise")
class AppriseAction:
    """Tells by Apprise, which says of a failure only that there was one.

    So whatever fails is tried again by the schedule: not the way for a page that must
    arrive in time, where a service has an action of its own.
    """

    type = "apprise"
    takes = Kind.NOTICE
    idempotent = False

    Options = AppriseOptions

    def __init__(
        self, name: str, options: AppriseOptions, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config."""
        del clock
        self._egress = egress
        self.name = name
        self.on = options.on
        self._options = options

    def perform(self, delivery: Delivery) -> Receipt:
        """Tell it once."""
        try:
            import apprise  # noqa: PLC0415 - an extra
        except ImportError as error:
            msg = "Apprise is not installed. Fix: pip install 'driftd[apprise]'"
            raise ActionError(msg, permanent=True) from error
        if not self._egress.private:
            msg = "where Apprise goes cannot be judged, and egress is not private"
            raise ActionError(msg, permanent=True)
        teller = apprise.Apprise()
        for url in self._options.urls:
            if not teller.add(url.get_secret_value()):
                msg = "Apprise does not know what one of the urls means"
                raise ActionError(msg, permanent=True)
        body = delivery.body
        lines = [visible(str(line)) for line in body.get("lines") or ()]
        links = [f"{label}: {url}" for label, url in (body.get("links") or {}).items()]
        headline = visible(str(body.get("headline") or delivery.model))
        if not teller.notify(
            title=headline, body="\n".join([*lines, *links, "driftd"])
        ):
            msg = "Apprise could not tell it everywhere"
            raise ActionError(msg, permanent=False, ambiguous=True)
        return Receipt(detail="Apprise told it")
