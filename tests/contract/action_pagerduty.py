"""A PagerDuty for the contract suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Answer, Loopback

REACHES_OUT = True
CANARIES = ("canary-routing-key",)


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with Loopback(lambda _: Answer(status=202)) as receiver:
        yield (
            receiver,
            {
                "url": receiver.url,
                "routing_key": CANARIES[0],
                "timeout": 0.5,
            },
        )
