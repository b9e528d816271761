"""`driftd incidents`, `deliveries`, `retrainings` and `test-action`: look, and try."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from monitor.cli import shell
from monitor.cli.options import Written
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.incident import Incident
    from monitor.retraining import Retraining
    from monitor.store import Store

Style = Annotated[Written, typer.Option("--format", help="How to write it.")]
STATES = {"firing": "bold red", "pending": "yellow", "resolved": "green"}
ENDS = {"delivered": "green", "pending": "yellow", "dead": "bold red"}


def incidents(
    config: shell.ConfigPath,
    *,
    ended: Annotated[
        bool, typer.Option("--all", help="Also those that have ended, newest first.")
    ] = False,
    style: Style = Written.TABLE,
) -> int:
    """List the open incidents, the worst first."""
    shell.log_from(None)
    settings = shell.read(config)
    from monitor.finding import gravity
    from monitor.store import Store

    with Store.open(settings.store) as store:
        around = store.open_incidents()
        found = store.newest_incidents() if ended else sorted(around, key=gravity)
        rows = [_incident(settings, store, one, around) for one in found]
    if style is Written.JSON:
        shell.show(_object("incidents", rows))
    elif not rows:
        shell.show("No incident is open." if not ended else "There was no incident.")
    else:
        shell.show(_incidents(rows))
    return shell.OK


def _incident(
    config: "Config", store: "Store", one: "Incident", around: "Sequence[Incident]"
) -> dict[str, Any]:
    """Return an incident as JSON types: what, since when, who knows, what mutes it."""
    from monitor.cycle import watched
    from monitor.finding import Finding
    from monitor.incident import inhibited
    from monitor.window import rfc3339

    key = one.key
    cause = inhibited(one, [i for i in around if i.key.model == key.model])
    model = config.models.get(key.model)
    monitor = watched(model).get(key.monitor) if model else None
    heard = []
    for action in monitor.actions if monitor else ():
        told = store.told(key.model, key.monitor, action)
        if told is not None and one.id in told.incident_ids:
            heard.append(action)
    return {
        "state": one.state.value,
        "model": key.model,
        "monitor": key.monitor,
        "resolved": rfc3339(one.resolved) if one.resolved else None,
        "told": heard,
        **Finding.of(one, cause if one.state.open else None).to_dict(),
    }


def _incidents(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    from monitor.mrkdwn import visible

    grid = _grid("state", "since", "model/monitor", "what", "told to")
    for row in rows:
        grid.add_row(
            Text(row["state"], style=STATES.get(row["state"], "")),
            Text(row["since"][:16].replace("T", " ")),
            Text(f"{row['model']}/{row['monitor']}"),
            Text(visible(row["sentence"].partition(", since ")[0]) + _muted(row)),
            Text(", ".join(row["told"]) or "no one"),
        )
    return grid


def _muted(row: Mapping[str, Any]) -> str:
    return f"; muted by {row['muted_by']}" if row["muted_by"] else ""


def deliveries(
    config: shell.ConfigPath,
    *,
    replay: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Send a dead or unknown one once more."),
    ] = None,
    style: Style = Written.TABLE,
) -> int:
    """List the newest deliveries and what became of them, or send one again."""
    shell.log_from(None)
    settings = shell.read(config)
    from monitor.store import Store
    from monitor.window import rfc3339

    with Store.open(settings.store) as store:
        if replay is not None:
            return _replayed(store, replay)
        posted = store.deliveries()
    rows = [
        {
            "id": one.delivery.id,
            "created": rfc3339(one.delivery.created),
            "action": one.delivery.action,
            "model": one.delivery.model,
            "monitor": one.delivery.monitor,
            "reason": str(one.delivery.reason),
            "outcome": one.outcome.value,
            "attempts": len(one.attempts),
            "headline": one.delivery.body.get("headline"),
            "detail": one.detail,
        }
        for one in posted
    ]
    names = ("created", "action", "reason", "outcome", "attempts", "headline", "detail")
    return _listed("deliveries", rows, names, style)


def _replayed(store: "Store", name: str) -> int:
    """Send a delivery again, with the same id and body."""
    from monitor.app import World

    if not store.replay(name, World().clock.now()):
        message = f"{name!r} is no delivery that is dead or unknown."
        option, fix = "--replay", "list them: driftd deliveries CONFIG --format json"
        raise ConfigError(option, "", message, fix)
    shell.show(f"Delivery {name} is sent again, with the same id and body.")
    return shell.OK


def retrainings(
    config: shell.ConfigPath,
    *,
    approve: Annotated[
        str | None, typer.Option(metavar="ID", help="Ask for a proposed one.")
    ] = None,
    decline: Annotated[
        str | None, typer.Option(metavar="ID", help="Let a proposed one be.")
    ] = None,
    close_breaker: Annotated[
        str | None,
        typer.Option(metavar="MODEL/ACTION", help="Ask again after useless ones."),
    ] = None,
    style: Style = Written.TABLE,
) -> int:
    """List the retrainings and how far each has come, or decide on one.

    An id may be shortened to where it is still told from the others.
    """
    shell.log_from(None)
    settings = shell.read(config)
    from monitor.store import Store

    with Store.open(settings.store) as store:
        if approve is not None or decline is not None:
            return _decided(store, str(approve or decline), yes=approve is not None)
        if close_breaker is not None:
            return _closed(settings, store, str(config), close_breaker)
        rows = [_retraining(one) for one in store.retrainings()]
    names = (
        *("id", "requested", "model", "action", "state", "changed"),
        *("evidence", "detail"),
    )
    if style is Written.TABLE:
        rows = [{**row, "id": str(row["id"])[:8]} for row in rows]
    return _listed("retrainings", rows, names, style)


def _retraining(one: "Retraining") -> dict[str, Any]:
    from monitor.window import rfc3339

    return {
        "id": one.id,
        "requested": rfc3339(one.requested),
        "model": one.model,
        "monitor": one.monitor,
        "model_version": one.model_version,
        "action": one.action,
        "state": one.state.value,
        "changed": rfc3339(one.changed),
        "remote_id": one.remote_id,
        "evidence": one.evidence,
        "detail": one.detail,
    }


def _decided(store: "Store", written: str, *, yes: bool) -> int:
    """Approve or decline a proposed retraining, by the beginning of its id."""
    from monitor.app import World
    from monitor.retraining import State

    found = [one for one in store.retrainings() if one.id.startswith(written)]
    option = "--approve" if yes else "--decline"
    if len(found) != 1:
        known = "names several retrainings" if found else "names no retraining"
        message, fix = f"{written!r} {known}.", "list them: driftd retrainings CONFIG"
        raise ConfigError(option, "", message, fix)
    (one,) = found
    now = World().clock.now()
    decide = store.approvals.approve if yes else store.approvals.decline
    if not decide(one.id, now, actor=shell.operator()):
        state = next(r.state.value for r in store.retrainings() if r.id == one.id)
        message = f"retraining {one.id} is {state}."
        fix = f"only a {State.PROPOSED} one can be decided on."
        raise ConfigError(option, "", message, fix)
    shell.show(f"Retraining {one.id} is {'requested' if yes else 'declined'}.")
    return shell.OK


def _closed(settings: "Config", store: "Store", file: str, written: str) -> int:
    """Close the circuit breaker of a model and an action."""
    from monitor.app import World
    from monitor.problems import nearest

    model, _, action = written.partition("/")
    for noun, name, known in (
        ("model", model, settings.models),
        ("action", action, settings.actions),
    ):
        if name not in known:
            message = f"there is no {noun} {name!r}."
            fix = nearest(name, known, noun=f"{noun}s")
            raise ConfigError(file, f"{noun}s", message, fix)
    store.approvals.close_breaker(
        model, action, World().clock.now(), actor=shell.operator()
    )
    shell.show(f"{action} may ask for retrainings of {model} again.")
    return shell.OK


def send_trial(
    config: shell.ConfigPath,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An action's name.")],
    *,
    really: Annotated[
        bool,
        typer.Option("--yes", help="Also where that starts a pipeline."),
    ] = False,
    log_level: shell.LogLevel = None,
) -> int:
    """Send one message by an action, to see that it arrives."""
    from monitor.logs import Level

    shell.log_from(log_level, Level.INFO)
    settings = shell.read(config)
    from monitor import trial
    from monitor.actions.base import open_action
    from monitor.app import World
    from monitor.problems import nearest

    if name not in settings.actions:
        message = f"there is no action {name!r}."
        fix = nearest(name, settings.actions, noun="actions")
        raise ConfigError(str(config), "actions", message, fix)
    world = World()
    receipt = trial.perform(
        open_action(name, settings.actions[name], clock=world.clock),
        model=next(iter(settings.models)),
        now=world.clock.now(),
        about=world.new_id(),
        really=really,
    )
    shell.show(
        f"{name}: delivered" + (f" ({receipt.detail})" if receipt.detail else "")
    )
    return shell.OK


def _listed(
    noun: str, rows: Sequence[Mapping[str, Any]], names: Iterable[str], style: Written
) -> int:
    """Show a list of rows, some of their columns where it is a table."""
    from monitor.mrkdwn import visible

    if style is Written.JSON:
        shell.show(_object(noun, rows))
        return shell.OK
    if not rows:
        shell.show(f"There are no {noun}.")
        return shell.OK
    chosen = tuple(names)
    grid = _grid(*chosen)
    for row in rows:
        cells = [Text(visible(str(row[name] or ""))) for name in chosen]
        for cell in cells:
            cell.stylize(ENDS.get(cell.plain, ""))
        grid.add_row(*cells)
    shell.show(grid)
    return shell.OK


def _object(noun: str, rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({noun: list(rows)}, indent=2, allow_nan=False)


def _grid(*columns: str) -> Table:
    """Return a table without lines, its last columns wrapping where need be."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        wraps = column in ("what", "headline", "detail", "evidence", "told to")
        grid.add_column(column, no_wrap=not wraps)
    return grid
