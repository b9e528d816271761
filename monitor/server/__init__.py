"""What the daemon shows to the outside: metrics, health, a page, a reading API."""

from monitor.server.live import LiveState
from monitor.server.routes import create
from monitor.server.runner import Server
from monitor.server.state import ModelState, MonitorState, ServerState

__all__ = [
    "LiveState",
    "ModelState",
    "MonitorState",
    "Server",
    "ServerState",
    "create",
]
