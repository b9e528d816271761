"""`driftd init`: a first config for a model, written from its reference data."""

import os
import stat
import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli import shell
from monitor.errors import ConfigError

Column = Annotated[str | None, typer.Option(metavar="COLUMN", show_default=False)]


def init(  # noqa: PLR0913 - the options of a command
    *,
    reference: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="What the model was trained on: a file, or a folder of them, read by "
            "its ending: Parquet, CSV, JSON lines, Arrow; or a Delta table.",
        ),
    ],
    label: Column = None,
    score: Column = None,
    prediction: Column = None,
    row_id: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", show_default=False)
    ] = None,
    timestamp: Column = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="File, folder or glob of production rows."),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call the model.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
) -> int:
    """Print a commented config inferred from the reference.

    Roles that the columns' names do not tell are given by the options.
    """
    shell.log_from(None)
    from checks.schema import Role
    from monitor.onboarding import draft

    if output is not None and output.exists() and not force:
        message = "the file is there already."
        raise ConfigError(str(output), "", message, "name a new one, or add --force.")
    named = {
        Role.LABEL: label,
        Role.SCORE: score,
        Role.PREDICTION: prediction,
        Role.ID: row_id,
        Role.TIMESTAMP: timestamp,
    }
    chosen = {role: column for role, column in named.items() if column is not None}
    folder = output.absolute().parent if output else stdout_folder()
    text = draft(reference, chosen=chosen, beside=folder, name=name, data=data)
    shell.show(text, output)
    if output is not None:
        shell.complain(f"Wrote {output}. Next: driftd validate {output}")
    return shell.OK


def stdout_folder() -> Path | None:
    """Return the folder of the file that the output is redirected to, if it is.

    Where that cannot be told nobody knows what a relative path would start from.
    """
    try:
        number = sys.stdout.fileno()
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return None
        return Path(f"/proc/self/fd/{number}").readlink().parent
    except (OSError, ValueError):
        return None
