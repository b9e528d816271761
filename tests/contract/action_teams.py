"""A Teams workflow for the contract suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Answer, Loopback

REACHES_OUT = True
CANARIES = ("canary-path",)


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with Loopback(lambda _: Answer(status=202)) as receiver:
        yield (
            receiver,
            {
                "webhook_url": f"{receiver.url}/workflows/canary-path?sig=canary-path",
                "timeout": 0.5,
            },
        )
