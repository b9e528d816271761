"""A receiver of webhooks for the contract suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Answer, Loopback

REACHES_OUT = True
CANARIES = ("Y2FuYXJ5" * 5, "canary-bearer", "canary-path", "canary-header")


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with Loopback(lambda _: Answer(status=200)) as receiver:
        yield (
            receiver,
            {
                "url": f"{receiver.url}/hook/canary-path?key=canary-path",
                "secret": "whsec_" + CANARIES[0],
                "bearer": CANARIES[1],
                "headers": {"x-key": "canary-header"},
                "timeout": 1.0,
            },
        )
