"""The log action: a notice as one structured event in the daemon's own log."""

from typing import Literal

from pydantic import Field

from checks.verdict import Family
from monitor import plugins
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.logs import logger

_COUNTS = ("n_firing", "n_muted", "n_resolved")


@ACTIONS.register("log")
class LogAction:
    """Writes each notice into the log; nothing can be lost on the way, nor answered."""

    type = "log"
    idempotent = True
    takes = Kind.NOTICE

    class Options(plugins.Options):
        """What a user may set."""

        on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
        """The families of incidents that it tells of; all unless named."""
        level: Literal["info", "warning", "error"] = "warning"

    def __init__(
        self, name: str, options: Options, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config; the log has a clock of its own."""
        del clock, egress
        self.name = name
        self.on = options.on
        self._level = options.level
        self._log = logger("driftd.notice")

    def perform(self, delivery: Delivery) -> Receipt:
        """Write the event."""
        body = delivery.body
        write = getattr(self._log, self._level)
        write(
            "notice",
            action=self.name,
            delivery=delivery.id,
            model=delivery.model,
            monitor=delivery.monitor,
            reason=delivery.reason,
            headline=body.get("headline"),
            lines=body.get("lines"),
            window=body.get("window"),
            **{name: body[name] for name in _COUNTS if name in body},
        )
        return Receipt(detail="written to the log")
