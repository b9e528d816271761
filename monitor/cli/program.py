"""All commands of `driftd`, put together."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from monitor import processor
from monitor.cli import lean, shell
from monitor.cli.calibrate import calibrate
from monitor.cli.check import check
from monitor.cli.demo import demo
from monitor.cli.evaluate import evaluate
from monitor.cli.init import init
from monitor.cli.operate import deliveries, incidents, retrainings, send_trial
from monitor.cli.replay import replay
from monitor.cli.run import run
from monitor.cli.serve import serve
from monitor.cli.silence import ack, silence
from monitor.cli.validate import validate

app = typer.Typer(
    name="driftd",
    help="Watch models in production: drift, training-serving skew, data quality and "
    "performance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_COMMANDS: Mapping[str, tuple[Callable[..., int], int]] = {
    "demo": (demo, shell.FAILED),
    "init": (init, shell.USAGE),
    "validate": (validate, shell.USAGE),
    "check": (check, shell.UNEVALUATED),
    "calibrate": (calibrate, shell.UNEVALUATED),
    "run": (run, shell.UNEVALUATED),
    "replay": (replay, shell.UNEVALUATED),
    "serve": (serve, shell.UNEVALUATED),
    "evaluate": (evaluate, shell.UNEVALUATED),
    "incidents": (incidents, shell.USAGE),
    "deliveries": (deliveries, shell.USAGE),
    "retrainings": (retrainings, shell.USAGE),
    "silence": (silence, shell.USAGE),
    "ack": (ack, shell.USAGE),
    "test-action": (send_trial, shell.USAGE),
}
"""Each command, and how it exits where it cannot do its work."""

for _name, (_function, _stuck) in _COMMANDS.items():
    app.command(_name)(shell.command(_function, stuck=_stuck))


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - as typer calls it
    if wanted:
        from monitor.versions import driftd_version

        typer.echo(f"driftd {driftd_version()}")
        raise typer.Exit


@app.callback()
def driftd(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_tell_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Watch models in production: drift, skew, data quality and performance."""
    del version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    shell.speak_plainly()
    processor.prepare(os.environ)
    processor.share_memory()
    if arguments is None and sys.argv[1:2] == ["check"]:
        lean.leave_out()
    try:
        app(args=arguments, prog_name="driftd")
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        return shell.INTERRUPTED
    else:
        code = 0
    return shell.flushed(code if isinstance(code, int) else shell.USAGE)
