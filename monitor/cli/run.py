"""`driftd run`: every window that is due, once; for cron, Kubernetes and Airflow."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from monitor.cli import shell
from monitor.cli.options import Written

if TYPE_CHECKING:
    from monitor.app import App, Event
    from monitor.cycle import Turn
    from monitor.deliver import Counts
    from monitor.evaluate import Watch

DRAWING = 120.0
"""Seconds that reports get to be drawn before it ends without them."""


def run(
    config: shell.ConfigPath,
    *,
    now: Annotated[
        str | None, typer.Option(metavar="TIME", help="Act as if it were this time.")
    ] = None,
    style: Annotated[
        Written, typer.Option("--format", help="How to write it.")
    ] = Written.TABLE,
    log_level: shell.LogLevel = None,
) -> int:
    """Evaluate every window that is due, deliver what follows, and stop.

    Exits 0 where no check fails, 1 where one does, 2 for a mistake in the command or
    the config, and 3 where a due window could not be evaluated.
    """
    shell.log_from(log_level)
    moment = shell.moment(now, "--now")
    settings = shell.read(config, scheduled=True)
    from monitor.app import App, World
    from monitor.clock import ManualClock, SystemClock

    clock = ManualClock(moment) if moment else SystemClock()
    with App(settings, World(clock=clock)) as app:
        told = [(event, _told(app, event)) for event in app.round()]
        app.remind()
        counts = app.deliver()
        app.follow_up()
        app.refresh()
        waiting = list(put_off(app, clock.now()))
        app.reports.drain(DRAWING)
        told = [(event, one | _report(app, event)) for event, one in told]
    events = [event for event, _ in told]
    if style is Written.JSON:
        shell.show(_as_json(events, [one for _, one in told], counts, waiting))
    else:
        shell.show(Group(*_lines(events, counts, waiting)))
        for one in (one for _, one in told if one.get("report")):
            # In one piece, however narrow the terminal: it is to be copied.
            shell.show(f"report: {one['report']}")
    return _exit(events, waiting)


def put_off(app: "App", now: datetime) -> Iterable["Watch"]:
    """Walk over the monitors whose due windows could not be evaluated yet."""
    from monitor.evaluate import Watch

    for name, model in app.config.models.items():
        for monitor, settings in model.monitors.items():
            watch = Watch(model=name, monitor=monitor, section=model, settings=settings)
            if app.cycle.due(watch, now):
                yield watch


def _exit(events: "Sequence[Event]", waiting: "Sequence[Watch]") -> int:
    from checks.verdict import Status
    from monitor.cycle import Turn
    from monitor.reevaluate import Reevaluation
    from monitor.spotcheck import answered

    statuses = [
        event.assessment.status
        for event in events
        if isinstance(event, Turn) and event.assessment
    ]
    statuses += [e.evaluation.status for e in events if isinstance(e, Reevaluation)]
    if Status.FAIL in statuses:
        return shell.FAILED
    silent = any(
        event.assessment is None or not answered(event.assessment)
        for event in events
        if isinstance(event, Turn)
    )
    return shell.UNEVALUATED if silent or waiting else shell.OK


def _told(app: "App", event: "Event") -> dict[str, Any]:
    """Return an event as JSON types, with the incidents that are open after it."""
    from monitor import reevaluate
    from monitor.cycle import Turn
    from monitor.evaluate import unevaluated
    from monitor.finding import Finding, gravity
    from monitor.judging import unknown
    from monitor.reevaluate import Reevaluation

    if isinstance(event, Reevaluation):
        return reevaluate.to_dict(event.evaluation)
    if not isinstance(event, Turn):
        return {"model": event.model, "old": event.old, "new": event.new}
    watch = event.watch
    standing = sorted(app.store.open_incidents(watch.model, watch.monitor), key=gravity)
    incidents = [
        {"state": incident.state.value, **Finding.of(incident).to_dict()}
        for incident in standing
    ]
    if event.assessment is not None:
        return event.assessment.to_dict(incidents)
    cause = event.cause or ""
    told = unevaluated(watch, event.window, unknown(watch, cause), cause)
    return {**told, "incidents": incidents}


def _report(app: "App", event: "Event") -> dict[str, Any]:
    """Say where a window's report is, once it is drawn; nothing of other events."""
    from monitor.cycle import Turn

    return {"report": app.report_of(event)} if isinstance(event, Turn) else {}


def _as_json(
    events: "Sequence[Event]",
    told: Sequence[dict[str, Any]],
    counts: "Counts",
    waiting: "Sequence[Watch]",
) -> str:
    from dataclasses import asdict

    from checks.verdict import Status
    from monitor.cycle import Rotation, Turn
    from monitor.reevaluate import Reevaluation

    pairs = list(zip(events, told, strict=True))
    sorts = {"runs": Turn, "evaluations": Reevaluation, "new_versions": Rotation}
    lists = {
        name: [one for event, one in pairs if isinstance(event, sort)]
        for name, sort in sorts.items()
    }
    judged = [*lists["runs"], *lists["evaluations"]]
    worst = Status.worst(Status(one["status"]) for one in judged) if judged else None
    body = {
        "status": worst.value if worst else None,
        **lists,
        "put_off": [{"model": w.model, "monitor": w.monitor} for w in waiting],
        "deliveries": asdict(counts),
    }
    return json.dumps(body, indent=2, allow_nan=False)


def _lines(
    events: "Sequence[Event]", counts: "Counts", waiting: "Sequence[Watch]"
) -> Iterable[RenderableType]:
    from monitor import review
    from monitor.cycle import Turn
    from monitor.reevaluate import Reevaluation

    for event in events:
        if isinstance(event, Turn):
            yield from _turn(event)
        elif isinstance(event, Reevaluation):
            yield review.table(event.evaluation)
        else:
            was = f" after {event.old}" if event.old else ""
            yield Text(f"{event.model}: version {event.new} is in production{was}")
        for said in event.outcome.said:
            yield Text(said, style="bold")
    for watch in waiting:
        yield Text(
            f"{watch.model}, monitor {watch.monitor}: a window is due and could not be "
            "evaluated; the next run tries again (the log says why)",
            style="yellow",
        )
    if not events and not waiting:
        yield Text("Nothing is due.")
    if counts.total:
        yield Text(_delivered(counts))


def _turn(turn: "Turn") -> Iterable[RenderableType]:
    """Tell a window in one line where all is well, and with its verdicts otherwise."""
    from checks.verdict import Status
    from monitor import present, wording

    if turn.assessment is None:
        title = f"{turn.watch.model}, monitor {turn.watch.monitor}"
        when = f"{wording.day(turn.window.start)} to {wording.day(turn.window.end)}"
        yield Text(f"{title}: {when}: UNKNOWN: {turn.cause}", style="magenta")
    elif turn.assessment.status in (Status.FAIL, Status.WARN):
        yield present.table(turn.assessment)
    else:
        said = f"{present.title(turn.assessment)}: {present.summary(turn.assessment)}"
        yield Text(said)


def _delivered(counts: "Counts") -> str:
    """Say what became of the deliveries."""
    ends = {
        "delivered": counts.delivered,
        "to be tried again": counts.failed,
        "given up": counts.dead,
        "of unknown fate": counts.unknown,
    }
    said = ", ".join(f"{count} {end}" for end, count in ends.items() if count)
    noun = "delivery" if counts.total == 1 else "deliveries"
    return f"{counts.total} {noun}: {said}"
