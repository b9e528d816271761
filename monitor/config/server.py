"""Where the daemon listens."""

from typing import Annotated

from pydantic import AfterValidator, Field

from monitor.config.node import Node
from monitor.config.scalars import web_address


class Server(Node):
    """Where the daemon listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65_535)
    url: Annotated[str, AfterValidator(web_address)] | None = None
    """Where people reach it, for the links in messages."""
