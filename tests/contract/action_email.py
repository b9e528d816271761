"""A mail server for the contract suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.demo.loopback import Loopback
from tests.monitor.actions.mail_server import MailServer

REACHES_OUT = False  # not by HTTP: see tests/monitor/actions/test_email.py
CANARIES = ("canary-password",)


@contextmanager
def receiving() -> Iterator[tuple[Loopback | None, dict[str, Any]]]:
    """Give the options of an action, and who receives from it."""
    with MailServer() as server:
        yield (
            None,
            {
                "host": "127.0.0.1",
                "port": server.port,
                "security": "none",
                "sender": "driftd@example.org",
                "to": ["team@example.org"],
            },
        )
