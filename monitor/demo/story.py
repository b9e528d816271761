"""The demo: nine months of real flights through the real pipeline, as they pass."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from monitor import wording
from monitor.demo import ending, gain, scenes
from monitor.demo.gain import Gain
from monitor.demo.stage import BUG, CONFIG, END, MODEL, MORNING, START, Stage, set_up
from monitor.serve import serve as stay

DAY = timedelta(days=1)
REPORTS_WAIT = 60.0
"""Seconds that the end waits for reports that are still being drawn."""

PROLOGUE = f"""\
A classifier says, before a flight leaves New York, whether it will arrive more than 15
minutes late. Version 1 has learned from January to March 2013; now it serves April to
December, and driftd watches: each day's inputs and scores against what the version has
learned, each served feature against the same feature as training computes it, and each
month's scores against the labels once they have come.
Slack and the training pipeline are stand-ins on this machine; all else is real.
From {BUG.start:%d %B} the serving code will send distances in kilometres by mistake.
"""


def tell(
    keep: Path | None = None,
    *,
    serve: bool = False,
    console: Console | None = None,
    progress: bool = True,
    end: datetime = END,
) -> int:
    """Run the demo in a folder (a temporary one for None); return the exit code.

    The folder is left as it is, for a look at the reports; one that a demo left in the
    middle of the story is taken up where it stopped. With `serve` the daemon stays on
    it, its clock standing at the story's end, until it is told to stop. 0 when every
    step of the story happened.
    """
    console = console or Console(width=110 if not Console().is_terminal else None)
    folder = keep or Path(tempfile.mkdtemp(prefix="driftd-demo-"))
    with _quiet(folder), set_up(folder.absolute(), START) as stage:
        _play(stage, console, end, progress=progress)
        code = _close(stage, console)
        if serve:
            stay(stage.app, say=console.print)
        return code


@contextmanager
def _quiet(folder: Path) -> Iterator[None]:
    """Send the daemon's own log to a file, so that the terminal tells the story."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "driftd.log").open("a", encoding="utf-8") as file:
        before = structlog.get_config()
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)


def _play(stage: Stage, console: Console, end: datetime, *, progress: bool) -> None:
    """Let day after day pass, and tell what comes of each."""
    day = _first_day(stage)
    if day == START:
        console.print(Panel(PROLOGUE.strip(), title="driftd demo", width=92))
    else:
        console.print(f"Taking up the story again on {day:%Y-%m-%d}.")
    console.print()
    heard, trained = 0, len(stage.pipeline.runs)
    with _progress(console, shown=progress) as bar:
        task = bar.add_task(
            "", total=(end - START) // DAY, completed=(day - START) // DAY
        )
        while day < end:
            stage.live(day)
            day += DAY
            stage.clock.move_to(day + MORNING)
            today = f"{stage.clock.now():%Y-%m-%d}"
            bar.update(task, description=today)
            for event in stage.app.round():
                for line in scenes.of(event, today):
                    console.print(line)
            stage.app.deliver()
            stage.wait_for_pipeline()
            heard = _tell_messages(stage, console, heard)
            for run in stage.pipeline.runs[trained:]:
                console.print(scenes.training(run))
                trained += 1
            bar.advance(task)


def _first_day(stage: Stage) -> datetime:
    """Return the first day whose window has not been evaluated."""
    done = stage.app.store.windows_done(MODEL, "daily")
    return max(done) + DAY if done else START


def _tell_messages(stage: Stage, console: Console, heard: int) -> int:
    """Show what Slack got since last time: the first message whole, then headlines."""
    messages = stage.slack.messages
    for message in messages[heard:]:
        if heard == 0:
            panel = Panel(
                Text(message.render()), title=f"Slack, {message.channel}", width=92
            )
            console.print(Padding(panel, (0, 0, 0, 11)))
        else:
            console.print(scenes.message(message))
        heard += 1
    return heard


def _progress(console: Console, *, shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description:<11}"),
        BarColumn(bar_width=40),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )


def _close(stage: Stage, console: Console) -> int:
    """Sum the story up, and return its exit code."""
    drawn = stage.app.reports.drain(REPORTS_WAIT)
    versions = stage.app.store.versions(MODEL)
    worth: Gain | None = None
    if len(versions) > 1:
        worth = gain.measure(stage.registry, stage.flights, versions, END)
    console.print()
    if worth is not None:
        console.print(_comparison(worth))
    happened = list(ending.steps(stage, worth))
    for step in happened:
        mark = (
            Text("  ✓ ", style="green") if step.happened else Text("  ✗ ", "bold red")
        )
        console.print(mark + Text(step.said))
    console.print(_files(stage, late=not drawn))
    missing = [step for step in happened if not step.happened]
    if missing:
        console.print(
            Text(f"{len(missing)} of {len(happened)} steps did not happen.", "bold red")
        )
        return 1
    return 0


def _comparison(worth: Gain) -> Group:
    """Draw realised performance with and without retraining."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("version 1 left alone", justify="right")
    table.add_column("as served, retrained", justify="right")
    table.add_column("change", justify="right")
    rows = [
        ("log loss", worth.alone.log_loss, worth.retrained.log_loss),
        ("ROC AUC", worth.alone.roc_auc, worth.retrained.roc_auc),
        ("F1", worth.alone.f1, worth.retrained.f1),
    ]
    for name, alone, served in rows:
        said = f"{served - alone:+.3f}"
        if name == "log loss":
            said += f" [{worth.low:+.3f}, {worth.high:+.3f}]"
        table.add_row(name, f"{alone:.3f}", f"{served:.3f}", said)
    title = (
        f"Realised performance, {worth.start:%d %B} to {worth.end - DAY:%d %B}, "
        f"{wording.count(worth.flights, 'flight')} with labels"
    )
    return Group(Text(title, style="bold"), Padding(table, (1, 0, 1, 2)))


def _files(stage: Stage, *, late: bool) -> Padding:
    """Say where everything lies."""
    drawn = ending.reports(stage)
    grid = Table.grid(padding=(0, 2))
    grid.add_row("config", str(stage.folder / CONFIG))
    grid.add_row("state", str(stage.folder / "driftd.db"))
    grid.add_row("log", str(stage.folder / "driftd.log"))
    for report in drawn[:3]:
        grid.add_row("report", str(report))
    if len(drawn) > 3:  # noqa: PLR2004 - three paths make the point
        grid.add_row("", f"and {len(drawn) - 3} more beside it")
    if late:
        grid.add_row("", "some reports were still being drawn")
    return Padding(grid, (1, 0, 1, 0))
