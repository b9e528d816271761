"""How much may wait at once: what is beyond is refused at the door, never held."""

from http import HTTPStatus
from typing import Self

from monitor.ingest.refusal import Refusal

MOST_BYTES = 128 << 20
"""Bytes of bodies that may be in hand at once."""
MOST_REQUESTS = 4096
"""Requests that may be in hand at once; one whose body is on its way is none."""
BACKLOG = 1 << 30
"""Bytes of a log that may wait to be landed."""


class Held:
    """What one request holds of the room there is; `with` gives it back."""

    __slots__ = ("_bytes", "_entered", "_room")

    def __init__(self, room: "Room") -> None:
        """Hold nothing yet."""
        self._room = room
        self._bytes = 0
        self._entered = False

    def enter(self) -> None:
        """Count the request: it is here as a whole. Raises Refusal."""
        self._room.enter()
        self._entered = True

    def grow(self, count: int) -> None:
        """Hold more; raises Refusal where there is no room."""
        self._room.take(count)
        self._bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.leave(self._bytes, entered=self._entered)


class Room:
    """The room for requests; used by the server's event loop alone."""

    def __init__(self, most: int = MOST_BYTES, requests: int = MOST_REQUESTS) -> None:
        """Hold nothing yet."""
        self._most = most
        self._requests_at_most = requests
        self.bytes = 0
        self.requests = 0

    def held(self) -> Held:
        """Return what a request holds: nothing yet."""
        return Held(self)

    def enter(self) -> None:
        """Let one more request in; raises Refusal where there is no room."""
        if self.requests >= self._requests_at_most:
            raise _full()
        self.requests += 1

    def leave(self, count: int, *, entered: bool) -> None:
        """Let a request go, with all that it held."""
        self.requests -= entered
        self.bytes -= count

    def take(self, count: int) -> None:
        """Hold more bytes; raises Refusal where there is no room."""
        if self.bytes + count > self._most:
            raise _full()
        self.bytes += count


def _full() -> Refusal:
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "more rows are coming than can be written",
        fix="send the same rows again later, in larger batches",
        retry_after=1,
    )
