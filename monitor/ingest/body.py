"""The body of a request: received, and unpacked, within bounds."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

import pyarrow as pa

from monitor.ingest.admission import Held
from monitor.ingest.refusal import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

LARGEST = 32 << 20
"""Bytes of a body at most, as it is sent and unpacked."""
PATIENCE = 60.0
"""Seconds that a body may take to come."""
_PIECE = 1 << 20


class Disconnected(Exception):  # noqa: N818 - nobody is there to be told of an error
    """The sender left before the body was whole."""


def announced(headers: Mapping[bytes, bytes]) -> int | None:
    """Return how long a body is said to be; raises Refusal where that is too long."""
    told = headers.get(b"content-length")
    if told is None:
        return None
    try:
        length = int(told)
    except ValueError:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "content-length is no number",
            fix="send the number of bytes",
        ) from None
    if length > LARGEST:
        raise _too_large()
    return length


async def received(receive: Receive, held: Held, patience: float = PATIENCE) -> bytes:
    """Return a whole body; raises Refusal once it is too long, and Disconnected.

    No more is taken from the socket than there is room for, and who dawdles is let go.
    """
    try:
        async with asyncio.timeout(patience):
            return await _received(receive, held)
    except TimeoutError:
        raise Refusal(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the body took longer than {patience:g} s",
            fix="send it in smaller parts",
            closing=True,
        ) from None


async def _received(receive: Receive, held: Held) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > LARGEST:
            raise _too_large()
        held.grow(len(body))
        return body
    parts, length = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        length += len(part)
        if length > LARGEST:
            raise _too_large()
        held.grow(len(part))
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def unpacked(body: bytes, encoding: bytes) -> bytes:
    """Undo a content-encoding; raises Refusal for another one, or for too much."""
    if encoding in (b"", b"identity"):
        return body
    if encoding == b"gzip":
        return _whole(_inflated(body), "gzip")
    if encoding == b"zstd":
        return _whole(_decompressed(body), "zstd")
    raise Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"content-encoding {encoding.decode('latin-1')[:40]!r} is not read",
        fix="send gzip, zstd, or none",
    )


def _whole(pieces: Iterator[bytes], name: str) -> bytes:
    parts, length = [], 0
    try:
        for piece in pieces:
            length += len(piece)
            if length > LARGEST:
                raise _too_large(unpacked=True)
            parts.append(piece)
    except (zlib.error, EOFError, OSError, pa.ArrowException) as error:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            f"the body is no whole {name} ({error})",
            fix=f"compress it with {name}, or send no content-encoding",
        ) from None
    return b"".join(parts)


def _inflated(body: bytes) -> Iterator[bytes]:
    """Unpack gzip, of several members if need be, a piece at a time."""
    while body:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            piece = stream.decompress(body, _PIECE)
            body = stream.unconsumed_tail
            if not piece and not stream.eof:
                cause = "it ends too early"
                raise EOFError(cause)
            yield piece
        body = stream.unused_data


def _decompressed(body: bytes) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _too_large(*, unpacked: bool = False) -> Refusal:
    when = " once it is unpacked" if unpacked else ""
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is larger than {LARGEST >> 20} MiB{when}",
        fix="send it in several requests",
    )
