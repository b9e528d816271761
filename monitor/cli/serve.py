"""`driftd serve`: the daemon."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli import shell
from monitor.logs import Level


def serve(
    config: shell.ConfigPath,
    *,
    host: Annotated[
        str | None, typer.Option(help="Listen here instead of server.host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="Listen here instead of server.port; 0: any."
        ),
    ] = None,
    log_level: shell.LogLevel = None,
) -> int:
    """Evaluate windows as they fall due, deliver, and answer over HTTP.

    Exits 0 when it is told to stop by SIGTERM or Ctrl-C.
    """
    shell.log_from(log_level, Level.INFO)
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        return _serve(config, host, port)
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(*_: object) -> None:
    """End at once: nothing has begun yet."""
    sys.exit(shell.OK)


def _serve(config: Path, host: str | None, port: int | None) -> int:
    settings = shell.read(config, scheduled=True)
    from monitor.app import App
    from monitor.serve import serve as served

    with App(settings) as app, app.store.only_daemon():
        finished = served(app, host=host, port=port, say=say)
    if not finished:
        # What hangs would be waited for; all it has done is committed or undone.
        sys.stdout.flush()
        os._exit(shell.OK)
    return shell.OK


def say(line: str) -> None:
    """Write a line that is read at once, by a person or by whoever started it."""
    shell.show(line)
    sys.stdout.flush()
