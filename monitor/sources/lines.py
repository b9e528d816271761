"""Blocks of whole lines out of a stream, in memory that no line can burst."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol

from monitor.errors import MalformedError
from monitor.quarantine import Quarantine

BLOCK = 4 << 20
"""Bytes that are read at once."""
LONGEST = 16 << 20
"""Bytes that a line may have; a longer one is left out."""


class Stream(Protocol):
    """Bytes that are read once."""

    def read(self, size: int) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return the next bytes, none at the end."""
        ...


def blocks(
    stream: Stream,
    name: str,
    left_out: Quarantine,
    quote: bytes = b"",
    delimiter: bytes = b"",
) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines, many at once, with the number of the first of them.

    With a `quote` a line ends where none is open: what it encloses may hold line ends.
    A line that does not end, or whose quote is never closed, is left out.
    """
    line, held, at_end = 1, b"", False
    while not at_end or held:
        if not at_end:
            piece = stream.read(BLOCK)
            at_end = not piece
            held += piece
        end = _end(held, quote, delimiter) if quote else held.rfind(b"\n") + 1
        if at_end and held and not end and open_quote(held, quote, delimiter) is None:
            end = len(held)  # the last line, which nothing ends
        if end:
            yield line, held[:end]
            line += held.count(b"\n", 0, end)
            held = held[end:]
        elif at_end or len(held) > LONGEST:
            if not held:
                return
            held = _without_first(held, stream, f"{name}: line {line}", left_out)
            line += 1


def _without_first(
    held: bytes, stream: Stream, place: str, left_out: Quarantine
) -> bytes:
    """Leave out the first line, which may be longer than what is held."""
    end = held.find(b"\n") + 1
    if end:
        left_out.add(MalformedError("a quote is never closed"), place)
        return held[end:]
    if len(held) <= LONGEST:
        left_out.add(MalformedError("a quote is never closed"), place)
        return b""
    reason = f"the line is longer than {LONGEST >> 20} MiB"
    left_out.add(MalformedError(reason), place)
    while piece := stream.read(BLOCK):
        end = piece.find(b"\n") + 1
        if end:
            return bytes(piece[end:])
    return b""


def _end(held: bytes, quote: bytes, delimiter: bytes) -> int:
    """Return where the last line ends that no open quote goes on from; 0 for none."""
    end = held.rfind(b"\n") + 1
    if held.count(quote, 0, end) % 2 == 0:
        return end
    start = open_quote(held, quote, delimiter)
    return end if start is None else held.rfind(b"\n", 0, start) + 1


def open_quote(held: bytes, quote: bytes, delimiter: bytes) -> int | None:
    """Return where a quote is opened and not closed; None where there is none."""
    if not quote or quote not in held:
        return None
    plain = _quoted(quote, delimiter).sub(lambda m: b"x" * len(m[0]), held)
    found = _opening(quote, delimiter).search(plain)
    return found.start() if found else None


def quoted(held: bytes, quote: bytes, delimiter: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the values that stand in quotes, and where each ends.

    >>> [*quoted(b'a,"b,c",d', b'"', b",")]
    [(b'"b,c"', 7)]
    """
    for match in _quoted(quote, delimiter).finditer(held):
        yield match[0], match.end()


@lru_cache(maxsize=16)
def _quoted(quote: bytes, delimiter: bytes) -> re.Pattern[bytes]:
    """Return what finds values in quotes, in which a doubled one is one of them."""
    q, d = re.escape(quote), re.escape(delimiter)
    plain = rb"[^" + q + rb"]*+"
    inside = plain + rb"(?:" + q + q + plain + rb")*+"
    return re.compile(rb"(?:(?<=[\n\r" + d + rb"])|\A)" + q + inside + q)


@lru_cache(maxsize=16)
def _opening(quote: bytes, delimiter: bytes) -> re.Pattern[bytes]:
    q, d = re.escape(quote), re.escape(delimiter)
    return re.compile(rb"(?:(?<=[\n\r" + d + rb"])|\A)" + q)
