"""Slack for the contract suite, by incoming webhook."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Loopback
from monitor.demo.slack_stand_in import SlackStandIn

REACHES_OUT = True
CANARIES = ("/services/T000/B000/demo", "canary-signing")


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with SlackStandIn() as slack:
        yield (
            slack,
            {
                "webhook_url": slack.webhook_url,
                "signing_secret": CANARIES[1],
                "timeout": 1,
            },
        )
