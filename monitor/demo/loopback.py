"""An HTTP server on the loopback that stands in for someone else's, and can break."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

LARGEST = 50_000_000  # bytes of a request that are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the client gets."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A way to fail: an answer instead of the right one, or none at all.

    With `carried_out` the request does its work first, and only the answer is lost or
    spoiled: what a client cannot tell from a request that never arrived.
    """

    answer: Answer | None = None
    hold: float = 0.0
    carried_out: bool = False


def rate_limited(retry_after: int) -> Fault:
    """Return the fault of a client told to slow down."""
    headers = {"retry-after": str(retry_after)}
    return Fault(answer=Answer(status=429, headers=headers))


def server_error() -> Fault:
    """Return the fault of a server that fell over."""
    return Fault(answer=Answer(status=500, body=b"internal error"))


def no_answer(hold: float, *, carried_out: bool = False) -> Fault:
    """Return the fault of silence: the line is held for some seconds, then dropped."""
    return Fault(hold=hold, carried_out=carried_out)


class Loopback:
    """A server in a thread of its own; `with` starts it and stops it."""

    def __init__(self, handle: Callable[[Request], Answer], port: int = 0) -> None:
        """Listen on the loopback at once, on a free port unless one is asked for."""
        self._handle = handle
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.daemon = True

    @property
    def url(self) -> str:
        """Where the server listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, fault: Fault, *, times: int = 1, path: str = "/") -> None:
        """Break the next requests whose path starts so; faults queue up."""
        with self._lock:
            self._faults.extend([(path, fault)] * times)

    def heal(self) -> None:
        """Forget the faults still to come."""
        with self._lock:
            self._faults.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: Request) -> Answer | None:
        """Answer a request, or fail as told; None hangs up."""
        fault = self._next_fault(request.path)
        if fault is None:
            return self._handle(request)
        if fault.carried_out:
            self._handle(request)
        self._closing.wait(fault.hold)
        return fault.answer

    def _next_fault(self, path: str) -> Fault | None:
        """Take the first fault in the queue that is meant for a path."""
        with self._lock:
            for place, (start, fault) in enumerate(self._faults):
                if path.startswith(start):
                    del self._faults[place]
                    return fault
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        """Make the class that the standard library wants, bound to this server."""
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing: the terminal belongs to the story."""

            def _serve(self) -> None:
                reply = answer(_request(self))
                self.close_connection = True
                if reply is None:
                    return
                with contextlib.suppress(ConnectionError):  # the client hung up
                    self._send(reply)

            def _send(self, reply: Answer) -> None:
                self.send_response(reply.status)
                headers = {"content-type": "text/plain; charset=utf-8", **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(reply.body)

        return Handler


def _request(handler: BaseHTTPRequestHandler) -> Request:
    """Read what the client sent."""
    length = min(int(handler.headers.get("content-length") or 0), LARGEST)
    target = urlsplit(handler.path)
    return Request(
        method=handler.command,
        path=target.path,
        query=dict(parse_qsl(target.query)),
        headers={name.lower(): value for name, value in handler.headers.items()},
        body=handler.rfile.read(length),
    )
