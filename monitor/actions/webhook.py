"""The webhook action: a notice as signed JSON for any receiver."""

from pydantic import Field

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.webhooks import Receiver, Request, send
from monitor.window import rfc3339


@ACTIONS.register("webhook")
class WebhookAction:
    """Posts each notice; a repeat carries the same `webhook-id` and the same body."""

    type = "webhook"
    takes = Kind.NOTICE

    class Options(Receiver):
        """What a user may set."""

        on: frozenset[Family] = Field(default=frozenset(Family), min_length=1)
        """The families of incidents that it tells of; all unless named."""
        idempotent: bool = True
        """Whether the receiver takes two requests of one `webhook-id` for one."""

    def __init__(
        self, name: str, options: Options, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config; the clock dates the signatures."""
        self.name = name
        self.on = options.on
        self.idempotent = options.idempotent
        self._options = options
        self._clock = clock
        self._egress = egress

    def perform(self, delivery: Delivery) -> Receipt:
        """Post the notice once."""
        body = {
            **delivery.body,
            "type": f"driftd.notice.{delivery.reason}",
            "timestamp": rfc3339(delivery.created),
        }
        request = Request.of(delivery.id, body, self._options.cloudevents)
        answer = send(self._options, request, self._clock, self._egress)
        return Receipt(detail=f"{self._options.place} answered {answer.status}")
