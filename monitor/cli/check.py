"""`driftd check`: one window, evaluated now; nothing is recorded."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from monitor.cli import lean, shell
from monitor.cli.options import Format

if TYPE_CHECKING:
    from monitor.evaluate import Assessment, Watch


def check(  # noqa: PLR0913 - the options of a command
    config: shell.ConfigPath,
    *,
    model: Annotated[
        str | None, typer.Option(help="Which model, where there are several.")
    ] = None,
    monitor: Annotated[
        str | None, typer.Option(help="Which monitor, where there are several.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="The window's start, in UTC.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="The window's end, in UTC.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="File, folder or glob to check, whole, as the window; read by its "
            "ending: Parquet, CSV, JSON lines, Arrow.",
        ),
    ] = None,
    style: Annotated[
        Format, typer.Option("--format", help="How to write it.")
    ] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file.")
    ] = None,
    log_level: shell.LogLevel = None,
) -> int:
    """Evaluate one window: by default the last whole one.

    Exits 0 where no check fails, 1 where one does, 2 for a mistake in the command or
    the config, and 3 where nothing could be evaluated.
    """
    shell.log_later(log_level)
    settings = shell.read(config)
    from monitor.clock import SystemClock
    from monitor.errors import SourceError
    from monitor.shelf import Shelf, folder
    from monitor.spotcheck import Asked, answered, watch_of
    from monitor.spotcheck import check as checked

    lean.settle()
    asked = Asked(
        start=shell.moment(start, "--start"),
        end=shell.moment(end, "--end"),
        data=data,
    )
    watch = watch_of(settings, model, monitor)
    if watch.section.time_column is None and not asked.whole:
        raise shell.untimed(settings)
    try:
        found = checked(
            watch,
            asked,
            now=SystemClock().now(),
            shelf=Shelf(folder=folder(os.environ)),
        )
    except SourceError as error:
        if style is Format.JSON:
            shell.show(_unread(watch, str(error)), output)
        raise
    shell.show(_written(found, style), output)
    if not answered(found):
        return shell.UNEVALUATED
    return shell.exit_of(found.status)


def _written(found: "Assessment", style: Format) -> RenderableType | str:
    from monitor import present

    if style is Format.JSON:
        return present.as_json(found)
    if style is Format.MARKDOWN:
        return present.markdown(found)
    return present.table(found)


def _unread(watch: "Watch", cause: str) -> str:
    """Write the object of a window that could not be read."""
    import json

    from monitor.evaluate import unevaluated
    from monitor.judging import unknown

    told = unevaluated(watch, None, unknown(watch, cause), cause)
    return json.dumps(told, indent=2, allow_nan=False)
