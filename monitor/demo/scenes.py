"""What the demo says as it goes: each event of a day in a line or two."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from checks.verdict import Family
from monitor import wording
from monitor.app import Event
from monitor.cycle import Rotation, Turn
from monitor.demo.pipeline import Run
from monitor.demo.slack_stand_in import Message
from monitor.demo.slack_text import plain
from monitor.incident import Cause, Move, State
from monitor.reevaluate import Reevaluation

COLOURS = {
    "DRIFT": "yellow",
    "SKEW": "magenta",
    "QUALITY": "magenta",
    "PERFORMANCE": "red",
    "RESOLVED": "green",
    "EVALUATED": "cyan",
    "VERSION": "blue",
    "SLACK": "dim",
    "PIPELINE": "blue",
    "DECISION": "bold",
}


def line(day: str, kind: str, said: str) -> Table:
    """Return one line of the story; what is said wraps under itself."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=10)
    grid.add_column(width=11)
    grid.add_column(overflow="fold")
    style = COLOURS.get(kind, "")
    quiet = "dim" if kind == "SLACK" else ""
    grid.add_row(Text(day, "dim"), Text(kind, style), Text(said, quiet))
    return grid


def of(event: Event, day: str) -> Iterator[Table]:
    """Tell one event; a day without news has no lines."""
    if isinstance(event, Turn):
        yield from _turn(event, day)
    elif isinstance(event, Rotation):
        yield from _rotation(event, day)
    else:
        yield from _evaluation(event, day)


def _turn(turn: Turn, day: str) -> Iterator[Table]:
    if turn.cause is not None:
        yield line(day, "UNKNOWN", f"{turn.window}: {turn.cause}")
    moves = turn.outcome.consequences.moves
    yield from _moves(moves, day)
    begun = any(_fires(move) for move in moves)
    if begun or turn.outcome.consequences.retrainings:
        for said in turn.outcome.said:
            yield line("", "DECISION", said)


def _moves(moves: tuple[Move, ...], day: str) -> Iterator[Table]:
    for move in moves:
        incident = move.incident
        if _fires(move):
            kind = incident.key.family.value.upper()
            yield line(day, kind, wording.brief(incident))
    ended = [m.incident for m in moves if _ends(m)]
    if ended:
        titles = ", ".join(wording.title(incident.key) for incident in ended)
        yield line(day, "RESOLVED", titles)


def _fires(move: Move) -> bool:
    return move.transition is not None and move.transition.new is State.FIRING


def _ends(move: Move) -> bool:
    return move.transition is not None and move.transition.new is State.RESOLVED


def _rotation(rotation: Rotation, day: str) -> Iterator[Table]:
    closed = [
        wording.title(move.incident.key)
        for move in rotation.outcome.consequences.moves
        if move.transition and move.transition.reason is Cause.REFERENCE_ROTATED
    ]
    said = f"version {rotation.new} is in production, with a reference of its own"
    if closed:
        said += f"; closed: {', '.join(closed)}"
    yield line(day, "VERSION", said)


def _evaluation(done: Reevaluation, day: str) -> Iterator[Table]:
    found = done.evaluation
    figures = [
        f"{wording.name(v.check)} {wording.number(v.statistic.at_reference)} → "
        f"{wording.number(v.statistic.at_current)}"
        for v in found.verdicts
        if v.family is Family.PERFORMANCE
        and v.statistic
        and v.statistic.at_reference is not None
        and v.statistic.at_current is not None
    ]
    month = f"{found.period.start:%B}"
    said = f"{month} on {found.labelled:,} labels ({wording.percent(found.coverage)}): "
    yield line(day, "EVALUATED", said + f"{', '.join(figures)}: {found.status.value}")
    for decided in done.outcome.said:
        yield line("", "DECISION", decided)


def message(heard: Message) -> Table:
    """Tell that Slack got a message."""
    where = "in the thread" if heard.thread_ts else heard.channel
    said = (
        (plain(heard.text) or heard.render()).splitlines()[0].partition(", worst: ")[0]
    )
    return line("", "SLACK", f"{where}: {said}")


def training(run: Run) -> Table:
    """Tell what the pipeline did."""
    log_loss = wording.number(run.performance.get("log_loss", 0.0))
    said = f"retrained for real: version {run.version}, log loss {log_loss} out of fold"
    return line("", "PIPELINE", said)
