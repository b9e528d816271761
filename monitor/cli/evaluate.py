"""`driftd evaluate`: a period on the labels that have come, beside the looks before."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import shell
from monitor.cli.options import Written
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.window import Window


def evaluate(  # noqa: PLR0913 - the options of a command
    config: shell.ConfigPath,
    *,
    period: Annotated[
        str, typer.Option(help="2026, 2026-Q4, 2026-10, 2026-W40 or 2026-10-31.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Which model, where there are several.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Use the labels that were known then."),
    ] = None,
    style: Annotated[
        Written, typer.Option("--format", help="How to write it.")
    ] = Written.TABLE,
    log_level: shell.LogLevel = None,
) -> int:
    """Evaluate a period with labels and record it as one more revision.

    Exits 0 where no metric fails, 1 where one does, 2 for a mistake in the command or
    the config, and 3 where nothing could be evaluated.
    """
    shell.log_from(log_level)
    window, known = _period(period), shell.moment(as_of, "--as-of")
    settings = shell.read(config, scheduled=True)
    from checks.verdict import Status
    from monitor import review
    from monitor.app import App
    from monitor.reevaluate import to_dict
    from monitor.spotcheck import choice

    labelled = [name for name, found in settings.models.items() if found.labels]
    name = choice(settings, "model", model, labelled or list(settings.models))
    with App(settings) as app:
        earlier = app.store.evaluations(name, window)
        found = app.reevaluate(name, window, known).evaluation
        app.deliver()
    if style is Written.JSON:
        shell.show(json.dumps(to_dict(found), indent=2, allow_nan=False))
    else:
        shell.show(review.table(found, earlier[-1] if earlier else None))
    if all(verdict.status is Status.UNKNOWN for verdict in found.verdicts):
        return shell.UNEVALUATED
    return shell.exit_of(found.status)


def _period(text: str) -> "Window":
    from monitor.periods import parse

    try:
        return parse(text)
    except ValueError as error:
        option = "--period"
        fix = "write for example 2026-10, 2026-Q4, 2026-W40 or 2026."
        raise ConfigError(option, "", f"{text!r} is no period.", fix) from error
