"""`driftd replay`: what a config makes of a story, held against what is expected."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from monitor.cli import shell


def replay(
    config: shell.ConfigPath,
    *,
    expect: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A scenario; may be given several times."),
    ],
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart the daemon after every step.")
    ] = False,
    log_level: shell.LogLevel = None,
) -> int:
    """Tell the config a story of windows and people, and see whom it would tell what.

    No data is read and nothing is sent. Exits 0 where all comes out as the scenario
    says, 1 where it does not, and 2 for a mistake in the config or the scenario.
    """
    shell.log_from(log_level)
    settings = shell.read(config, scheduled=True)
    from monitor.mrkdwn import visible
    from monitor.replay.replay import replay as replayed
    from monitor.replay.table import table

    unexpected = 0
    for file in expect:
        done = replayed(settings, file, restart=restart)
        shell.show(visible(f"{file}: {done.scenario.about}"))
        for part in table(done.steps):
            shell.show(part)
        if not done.expected:
            unexpected += 1
        ended = "as expected" if done.expected else "not as expected"
        shell.show(Text(ended, style="green" if done.expected else "bold red"))
    return shell.FAILED if unexpected else shell.OK
