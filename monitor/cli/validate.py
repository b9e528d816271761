"""`driftd validate`: every mistake in a config; with --data, also in what it names."""

from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import shell

if TYPE_CHECKING:
    from monitor.config import Config


def validate(
    config: shell.ConfigPath,
    *,
    data: Annotated[
        bool, typer.Option("--data", help="Also look into the data it names.")
    ] = False,
) -> int:
    """Tell every mistake in a config, with file, path and fix; exits 2 for any."""
    shell.log_from(None)
    settings = shell.read(config)
    if data:
        from monitor.config.load import as_errors
        from monitor.inspection import doubts, troubles

        found = as_errors(settings.file, troubles(settings))
        if found.errors:
            raise found
    for error in shell.untimed(settings).errors:
        shell.complain(f"{error} Until then `driftd check --data` alone works.")
    shell.show(summary(settings))
    for doubt in doubts(settings) if data else ():
        shell.show(f"note: {doubt}")
    return shell.OK


def summary(config: "Config") -> str:
    """Say in one line what a config watches."""
    from monitor import wording

    told = []
    for name, model in config.models.items():
        columns = wording.count(len(model.table.profiled), "column")
        monitors = ", ".join(model.monitors)
        labels = " with labels" if model.labels else ""
        told.append(f"{name} ({columns}{labels}; {monitors})")
    tells = ", ".join(config.actions) or "nobody"
    return f"{config.file} is valid: it watches {', '.join(told)} and tells {tells}."
