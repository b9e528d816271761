"""`driftd calibrate`: what a monitor will catch, and how often it will be wrong."""

import json
import os
from typing import Annotated

import typer

from monitor.cli import shell
from monitor.cli.options import Written


def calibrate(  # noqa: PLR0913 - the options of a command
    config: shell.ConfigPath,
    *,
    model: Annotated[
        str | None, typer.Option(help="Which model, where there are several.")
    ] = None,
    monitor: Annotated[
        str | None, typer.Option(help="Which monitor, where there are several.")
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of a window, where not those of the reference."),
    ] = None,
    style: Annotated[
        Written, typer.Option("--format", help="How to write it.")
    ] = Written.TABLE,
    log_level: shell.LogLevel = None,
) -> int:
    """Tell the false alarms to expect and the smallest shift that each check catches.

    Reads the reference alone. Exits 0, 2 for a mistake in the command or the config,
    and 3 where the reference cannot be read.
    """
    shell.log_from(log_level)
    settings = shell.read(config)
    from monitor import calibration
    from monitor.shelf import Shelf, folder
    from monitor.spotcheck import frozen, watch_of

    watch = watch_of(settings, model, monitor)
    version, baseline = frozen(watch, Shelf(folder=folder(os.environ)))
    found = calibration.calibrate(watch, baseline.reference, version=version, rows=rows)
    if style is Written.JSON:
        shell.show(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        shell.show(calibration.table(found))
    return shell.OK
