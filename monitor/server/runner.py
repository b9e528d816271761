"""uvicorn in a thread of the daemon's, with a start that waits and a stop that ends."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn

from monitor.errors import ServerError

GRACE = 5
"""Seconds that requests under way get when the daemon stops."""


class Server:
    """A running server; `with` starts it and stops it.

    uvicorn leaves signals alone in any thread but the first: they are the daemon's.
    """

    def __init__(
        self, app: Callable[..., Any], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Listen at once, on a free port where 0 is asked for; raises ServerError."""
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="server",
            daemon=True,
        )

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Answer requests from now on; what came since it listens has waited."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way, then end; a second stop does nothing."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(GRACE + 1)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ServerError(_cannot(host, port, error)) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ServerError(_cannot(host, port, error)) from error
    return listening


def _cannot(host: str, port: int, error: OSError) -> str:
    """Say what is wrong and what to do."""
    why = error.strerror or str(error)
    return (
        f"server: cannot listen on {host}:{port}: {why}."
        " Fix: set server.host and server.port to an address that is free."
    )
