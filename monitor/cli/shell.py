"""What all commands share: exit codes, errors in one line, and where output goes."""

import contextlib
import functools
import getpass
import io
import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType

from checks.errors import ChecksError, OptionError
from monitor.errors import (
    ConfigError,
    ConfigErrors,
    DriftdError,
    PluginError,
    ServerError,
)
from monitor.logs import Level, configure, expect
from monitor.window import parse_time

if TYPE_CHECKING:
    from checks.verdict import Status
    from monitor.config import Config

OK, FAILED, USAGE, UNEVALUATED = range(4)
"""No FAIL; a FAIL; a mistake of the user's; nothing could be evaluated."""
INTERRUPTED, CUT_OFF = 130, 141
"""Ended by Ctrl-C; nobody read the output to its end: 128 and the signal's number."""
WIDTH = 140
"""Columns of a table that is written to no terminal."""

ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The config, a YAML file.")
]
LogLevel = Annotated[
    Level | None,
    typer.Option(
        "--log-level",
        envvar="DRIFTD_LOG_LEVEL",
        case_sensitive=False,
        help="What is logged to stderr.",
        show_default=False,
    ),
]


def command(function: Callable[..., int], *, stuck: int) -> Callable[..., None]:
    """Return a command that exits with what a function returns.

    What it raises on purpose is a line on stderr, anything else a traceback; all that
    is no mistake in what the user wrote exits with `stuck`.
    """

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - any command's
        raise typer.Exit(guarded(lambda: function(*arguments, **options), stuck=stuck))

    return called


def operator() -> str:
    """Return who is at work here, for the audit."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


_MISTAKES = (ConfigError, ConfigErrors, PluginError, ServerError, OptionError)
"""What a user has written, or left unwritten, can be wrong in these ways."""


def guarded(act: Callable[[], int], *, stuck: int) -> int:
    """Return an act's exit code, its errors told in words."""
    try:
        return act()
    except _MISTAKES as error:
        complain(str(error))
        return USAGE
    except (DriftdError, ChecksError) as error:
        complain(f"driftd: {error}")
        return stuck
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return CUT_OFF
    except Exception:  # noqa: BLE001 - the interpreter's 1 would say that a check failed
        traceback.print_exc()
        return stuck


def complain(text: str) -> None:
    """Write lines to stderr; control characters are spelled out."""
    from monitor.mrkdwn import visible

    for line in text.splitlines():
        print(visible(line), file=sys.stderr)  # noqa: T201 - the command line speaks


def read(path: Path, *, scheduled: bool = False) -> "Config":
    """Read and verify a config; raises ConfigErrors with all that is wrong.

    Where windows are to be `scheduled`, every model needs a column that tells the time.
    """
    from monitor.opening import read_config

    config = read_config(path)
    wrong = untimed(config)
    if scheduled and wrong.errors:
        raise wrong
    return config


def untimed(config: "Config") -> ConfigErrors:
    """Return what keeps windows of time from being cut, if anything does."""
    from monitor.config import unscheduled
    from monitor.config.load import as_errors

    return as_errors(config.file, unscheduled(config))


def exit_of(status: "Status") -> int:
    """Return the exit code of what was evaluated."""
    return FAILED if status.value == "FAIL" else OK


def log_from(level: Level | None, default: Level = Level.WARNING) -> None:
    """Set the log up."""
    configure(level or default)


def log_later(level: Level | None) -> None:
    """Set the log up when something is logged: a check hardly ever has to."""
    expect(level or Level.WARNING)


def moment(text: str | None, option: str) -> datetime | None:
    """Read a time that an option gives; raises ConfigError."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        fix = "write for example 2026-10-31 or 2026-10-31T06:00:00Z."
        raise ConfigError(option, "", f"{text!r} is no time.", fix) from error


def console(file: io.TextIOBase | None = None) -> Console:
    """Return a console: with colours on a terminal alone, wide where there is none."""
    found = Console(file=file, highlight=False, emoji=False)  # type: ignore[arg-type]
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = WIDTH
    return found


def show(content: RenderableType | str, output: Path | None = None) -> None:
    """Write a text or a table to stdout or to a file.

    A file is whole or not there: ConfigError says why it cannot be written.
    """
    if output is None:
        _write(content, None)
        return
    fresh = output.with_name(f".{output.name}.{os.getpid()}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            _write(content, file)
        fresh.replace(output)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        message = f"it cannot be written ({error.strerror})."
        fix = "name a file in a folder that may be written to."
        raise ConfigError(str(output), "", message, fix) from error


def _write(content: RenderableType | str, file: io.TextIOBase | None) -> None:
    text = content
    if not isinstance(text, str):
        found = console(file)
        if found.is_terminal:
            found.print(text)
            return
        with found.capture() as drawn:
            found.print(text)
        text = "\n".join(line.rstrip() for line in drawn.get().splitlines())
    (file or sys.stdout).write(text if text.endswith("\n") else text + "\n")


def speak_plainly() -> None:
    """Let no character of a column's name break the output where it is not UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flushed(code: int) -> int:
    """Return the exit code once all is written; quietly, where nobody reads it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    return code
