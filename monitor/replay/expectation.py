"""What a scenario expects of a step, held against what came of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.replay.recipients import Sent
from monitor.replay.scenario import Message
from monitor.replay.telling import Came
from monitor.window import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was expected of a step and what came, both as a scenario writes them."""

    expected: str
    came: str


def differences(came: Came) -> list[Difference]:
    """Return in what a step came out otherwise than the scenario says."""
    return [*_sent(came), *_states(came), *_decided(came)]


def _sent(came: Came) -> Iterator[Difference]:
    """Compare what was sent: all of it, to each in order."""
    wanted, found = came.step.sent, came.sent
    if not _agree(wanted, found):
        yield Difference(
            expected=f"sent: {_many(written_message(one) for one in wanted)}",
            came=f"sent: {_many(written(one) for one in found)}",
        )


def _agree(wanted: tuple[Message, ...], found: tuple[Sent, ...]) -> bool:
    if len(wanted) != len(found):
        return False
    left = list(found)
    for message in wanted:
        # To one recipient things come in order; among several there is none.
        fits = [one for one in left if message.to in (None, one.to)]
        if not fits or not _fits(message, fits[0]):
            return False
        left.remove(fits[0])
    return True


def _fits(message: Message, sent: Sent) -> bool:
    return (
        message.reason in (None, sent.reason)
        and message.at in (None, sent.at)
        and message.hushed in (None, sent.hushed)
        and all(
            _same(getattr(message, sort), getattr(sent, sort))
            for sort in ("firing", "muted", "resolved")
        )
        and (message.says is None or any(message.says in line for line in sent.lines))
    )


def _same(wanted: tuple[str, ...] | int | None, found: tuple[str, ...] | int) -> bool:
    """Compare incidents, by name or by number."""
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return wanted == (found if isinstance(found, int) else len(found))
    return not isinstance(found, int) and sorted(wanted) == sorted(found)


def _states(came: Came) -> Iterator[Difference]:
    for sort in ("firing", "pending"):
        wanted, found = getattr(came.step, sort), getattr(came, sort)
        if not _same(wanted, found):
            yield Difference(
                expected=f"{sort}: {names(wanted)}", came=f"{sort}: {names(found)}"
            )


def _decided(came: Came) -> Iterator[Difference]:
    wanted, found = came.step.retraining, dict(came.decided)
    if wanted is None:
        return
    if isinstance(wanted, dict):
        if wanted != {name: found.get(name) for name in wanted}:
            yield Difference(
                expected=f"retraining: {_mapping(wanted)}",
                came=f"retraining: {_mapping(found)}",
            )
    elif set(found.values()) != {wanted}:
        came_of = _mapping(found) if len(found) > 1 else _many(found.values())
        yield Difference(
            expected=f"retraining: {wanted}", came=f"retraining: {came_of}"
        )


# ── as a scenario writes it ──────────────────────────────────────────────────────


def written(sent: Sent) -> str:
    """Write what was sent as a scenario expects it."""
    parts = {"to": sent.to, "reason": sent.reason}
    for sort in ("firing", "muted", "resolved"):
        found = getattr(sent, sort)
        if found:
            parts[sort] = names(found)
    if sent.hushed:
        parts["hushed"] = str(sent.hushed)
    if not (sent.firing or sent.muted or sent.resolved) and sent.lines:
        parts["says"] = repr(sent.lines[0])
    parts["at"] = rfc3339(sent.at)
    return _mapping(parts)


def written_message(message: Message) -> str:
    """Write what was expected as it was written."""
    parts: dict[str, str] = {}
    for name in message.model_fields_set:
        value = getattr(message, name)
        if isinstance(value, datetime):
            parts[name] = rfc3339(value)
        elif isinstance(value, tuple):
            parts[name] = names(value)
        else:
            parts[name] = str(value)
    return _mapping(parts)


def names(found: tuple[str, ...] | int) -> str:
    """Write incidents: by name, or how many."""
    return str(found) if isinstance(found, int) else _many(found)


def _many(parts: Iterable[object]) -> str:
    return "[" + ", ".join(map(str, parts)) + "]"


def _mapping(parts: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in parts.items()) + "}"
