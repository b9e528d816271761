"""A replay as people read it: a row a step, and a diff where it is not as expected."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from monitor import wording
from monitor.config.scalars import spoken
from monitor.mrkdwn import visible
from monitor.replay.expectation import Difference
from monitor.replay.recipients import Sent
from monitor.replay.scenario import Deed, Step
from monitor.replay.telling import Came

SHOWN = 3
"""Names that a cell spells out; the rest are a number."""


def table(
    told: Sequence[tuple[Came, Sequence[Difference]]],
) -> Iterator[RenderableType | str]:
    """Show what came of each step, and what was expected where that is otherwise."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "when", "what", "incidents", "sent", "retraining"):
        grid.add_column(column, overflow="fold")
    for number, (came, other) in enumerate(told, 1):
        mark = Text(f"{number} ✗", style="bold red") if other else Text(f"{number}")
        grid.add_row(mark, *(Text(visible(cell)) for cell in _cells(came)))
    yield grid
    for number, (_, other) in enumerate(told, 1):
        if not other:
            continue
        # In one piece, however narrow the terminal: it is to be copied.
        yield f"step {number} is not as expected"
        for one in other:
            yield visible(f"  - {one.expected}")
            yield visible(f"  + {one.came}")


def _cells(came: Came) -> tuple[str, ...]:
    return (
        wording.day(came.at),
        _what(came),
        "\n".join(_states(came)),
        "\n".join(map(_sent, came.sent)),
        "\n".join(f"{action}: {reason}" for action, reason in came.decided),
    )


def _what(came: Came) -> str:
    step = came.step
    if step.says is not None:
        first, last = came.windows[0], came.windows[-1]
        span = wording.day(first.start)
        if step.times > 1:
            span = f"{step.times} windows, {span} to {wording.day(last.start)}"
        return f"{span}: {_says(step)}"
    if step.do is not None:
        return _deed(step.do)
    if step.skip is not None:
        return f"down for {spoken(step.skip)}"
    return f"{spoken(step.advance)} pass" if step.advance else ""


def _says(step: Step) -> str:
    said = step.says or {}
    if set(said) == {"*"}:
        return str(said["*"])
    return ", ".join(f"{name} {status}" for name, status in said.items()) or "PASS"


def _deed(deed: Deed) -> str:
    """Write a deed as a scenario does."""
    parts = []
    for name in type(deed).model_fields:
        value = getattr(deed, name)
        if value is None:
            continue
        if name == "silence":
            value = ", ".join(f"{k}={v}" for k, v in value.items()) or "everything"
        elif name == "report":
            value = " ".join(f"{k} {v}" for k, v in value.items())
        elif name == "for_":
            value = spoken(value)
        parts.append(f"{name.rstrip('_')} {value}")
    return " ".join(parts).replace("_", " ")


def _states(came: Came) -> Iterator[str]:
    for sort in ("firing", "pending"):
        found: tuple[str, ...] = getattr(came, sort)
        if found:
            yield f"{sort}: {_few(found)}"


def _sent(sent: Sent) -> str:
    said = f"{sent.to}: {sent.reason}"
    for sort in ("firing", "muted", "resolved"):
        found = getattr(sent, sort)
        if found:
            said += f", {sort} {found if isinstance(found, int) else _few(found)}"
    return said + (f", {sent.hushed} hushed" if sent.hushed else "")


def _few(found: tuple[str, ...]) -> str:
    if len(found) <= SHOWN:
        return ", ".join(found)
    return f"{', '.join(found[:SHOWN])} and {len(found) - SHOWN:,} more"
