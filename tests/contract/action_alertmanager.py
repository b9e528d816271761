"""An Alertmanager for the contract suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Answer, Loopback

REACHES_OUT = True
CANARIES = ("canary-password", "canary-bearer")


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with Loopback(lambda _: Answer(status=200)) as receiver:
        yield (
            receiver,
            {
                "url": receiver.url,
                "bearer": CANARIES[1],
                "labels": {"team": "fraud"},
                "timeout": 0.5,
            },
        )
