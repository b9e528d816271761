"""A mail server on the loopback, as far as a client needs one (RFC 5321)."""

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self


class MailServer:
    """Keeps what it is sent; `replies` are what it says instead, to the next commands.

    `hang_up` closes the line after the message, as a server does that fell over.
    """

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.replies: dict[str, str] = {}
        self.hang_up = False
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.session(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def session(self, line: socketserver.StreamRequestHandler) -> None:
        def say(reply: str) -> None:
            line.wfile.write(f"{reply}\r\n".encode())

        say("220 loopback")
        while written := line.rfile.readline():
            verb = written.split()[0].decode().upper() if written.split() else ""
            if verb in self.replies:
                say(self.replies.pop(verb))
            elif verb == "DATA":
                say("354 go on")
                self._take(line)
                if self.hang_up:
                    return
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def _take(self, line: socketserver.StreamRequestHandler) -> None:
        content = b""
        while (part := line.rfile.readline()) not in (b".\r\n", b""):
            content += part[1:] if part.startswith(b"..") else part
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append(message)
