"""`driftd silence` and `driftd ack`: what need not be told, and what people say."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from monitor.cli import shell
from monitor.cli.options import Written
from monitor.errors import ConfigError
from monitor.judgement import MATCHED, Judgement

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from monitor.silence import Silence
    from monitor.store import Store


def silence(  # noqa: PLR0913 - a command's options
    config: shell.ConfigPath,
    matchers: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=GLOB", help="What: column=temp*, model=churn, …"),
    ] = None,
    *,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="2h", help="How long from now.")
    ] = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    end: Annotated[
        str | None, typer.Option(metavar="ID", help="End a silence now.")
    ] = None,
    style: Annotated[
        Written, typer.Option("--format", help="How to write it.")
    ] = Written.TABLE,
) -> int:
    """Keep incidents from being told for a while, or list what is silenced.

    They go on being judged: who heard of one hears of its end.
    """
    shell.log_from(None)
    settings = shell.read(config)
    from monitor.app import World
    from monitor.store import Store

    world = World()
    now = world.clock.now()
    with Store.open(settings.store) as store:
        if end is not None:
            return _ended(store, end, now)
        if matchers or for_ is not None:
            made = _made(world.new_id(), matchers or [], for_, comment, now)
            store.silences.add(made, now)
            shell.show(
                f"Silence {made.id[:8]} stands until {made.ends:%Y-%m-%d %H:%M}Z."
            )
            return shell.OK
        standing = store.silences.standing(now)
    if style is Written.JSON:
        shell.show(json.dumps({"silences": [_row(one) for one in standing]}, indent=2))
    elif not standing:
        shell.show("Nothing is silenced.")
    else:
        shell.show(_table(standing))
    return shell.OK


def _made(
    name: str, matchers: list[str], length: str | None, comment: str, now: "datetime"
) -> "Silence":
    from monitor.problems import nearest
    from monitor.silence import Silence

    found: dict[str, str] = {}
    for written in matchers:
        key, equals, glob = written.partition("=")
        if key not in MATCHED or not equals or not glob:
            message = f"{written!r} is no NAME=GLOB."
            fix = nearest(key, MATCHED, noun="names")
            option = "MATCHERS"
            raise ConfigError(option, "", message, fix)
        found[key] = glob
    return Silence(
        id=name,
        matchers=found,
        starts=now,
        ends=now + _length(length),
        author=shell.operator(),
        comment=comment,
    )


def _length(written: str | None) -> "timedelta":
    from pydantic_core import PydanticCustomError

    from monitor.config.scalars import duration

    option = "--for"
    if written is None:
        message, fix = "a silence has an end.", "add --for 2h."
        raise ConfigError(option, "", message, fix)
    try:
        return duration(written)
    except PydanticCustomError:
        message, fix = f"{written!r} is not a duration.", "write 30m, 2h or 7d."
        raise ConfigError(option, "", message, fix) from None


def _ended(store: "Store", written: str, now: "datetime") -> int:
    standing = store.silences.standing(now)
    found = [one.id for one in standing if one.id.startswith(written)]
    if len(found) != 1:
        message = f"{written!r} names {'several silences' if found else 'no silence'}."
        option, fix = "--end", "list them: driftd silence CONFIG"
        raise ConfigError(option, "", message, fix)
    store.silences.end(found[0], now, actor=shell.operator())
    shell.show(f"Silence {found[0][:8]} has ended.")
    return shell.OK


def _row(one: "Silence") -> dict[str, Any]:
    from monitor.window import rfc3339

    return {
        "id": one.id,
        "matchers": dict(one.matchers),
        "starts": rfc3339(one.starts),
        "ends": rfc3339(one.ends),
        "author": one.author,
        "comment": one.comment,
    }


def _table(standing: "list[Silence]") -> Table:
    from monitor.mrkdwn import visible

    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("id", "what", "until", "by", "why"):
        grid.add_column(column)
    for one in standing:
        what = ", ".join(f"{k}={v}" for k, v in one.matchers.items()) or "everything"
        until = f"{one.ends:%Y-%m-%d %H:%M}Z"
        cells = (one.id[:8], what, until, one.author, one.comment)
        grid.add_row(*(Text(visible(cell)) for cell in cells))
    return grid


def ack(
    config: shell.ConfigPath,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id.")],
    judgement: Annotated[
        Judgement,
        typer.Option("--as", help="What it is, now that somebody has looked."),
    ] = Judgement.REAL,
    comment: Annotated[str, typer.Option(help="What was found.")] = "",
) -> int:
    """Say of an incident that somebody has looked: it is real, noise, or expected.

    Of a real one no reminder is sent. Noise, and what was expected, are not told any
    more until they end, and speak for no retraining.
    """
    shell.log_from(None)
    settings = shell.read(config)
    from monitor.app import World
    from monitor.silence import Acknowledgement
    from monitor.store import Store

    now = World().clock.now()
    with Store.open(settings.store) as store:
        every = [*store.open_incidents(), *store.newest_incidents(1_000)]
        found = sorted({one.id for one in every if one.id.startswith(incident)})
        if len(found) != 1:
            known = "names several incidents" if found else "names no incident"
            message, fix = (
                f"{incident!r} {known}.",
                "list them: driftd incidents CONFIG",
            )
            option = "INCIDENT"
            raise ConfigError(option, "", message, fix)
        word = Acknowledgement(
            incident=found[0],
            judgement=judgement,
            author=shell.operator(),
            at=now,
            comment=comment,
        )
        store.silences.acknowledge(word)
    shell.show(f"Incident {found[0]} is acknowledged as {judgement.value}.")
    return shell.OK
