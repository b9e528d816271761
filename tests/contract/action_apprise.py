"""A service that Apprise knows, for the contract suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Answer, Loopback

REACHES_OUT = False  # Apprise says of an answer only whether it was a good one
CANARIES = ("canary-path",)


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with Loopback(lambda _: Answer(status=200)) as receiver:
        place = receiver.url.removeprefix("http://")
        yield (receiver, {"urls": f"json://{place}/canary-path"})
