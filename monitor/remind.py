"""Reminders: what is to be told although no window says anything new.

A repeat that is due, and what a silence, a mute time or a deployment has kept back.
"""

from datetime import datetime, timedelta

from monitor import consequence
from monitor.cycle import watched
from monitor.incident import Incident, State
from monitor.logs import logger
from monitor.parts import Parts
from monitor.store import Lease
from monitor.store.records import Consequences
from monitor.window import Window

log = logger(__name__)

ENDED = timedelta(days=14)
"""How long after its end an incident may still have to be told to have ended."""


def remind(parts: Parts, now: datetime) -> int:
    """Post what is to be told; return how many deliveries that were.

    A model that another replica works on is left to it.
    """
    posted = 0
    ended = parts.store.incidents_ended(now - ENDED)
    standing = [
        one for one in parts.store.open_incidents() if one.state is State.FIRING
    ]
    by_model: dict[str, dict[str, list[Incident]]] = {}
    for one in (*standing, *ended):
        monitors = by_model.setdefault(one.key.model, {})
        monitors.setdefault(one.key.monitor, []).append(one)
    for model, monitors in by_model.items():
        due = [m for m, found in monitors.items() if _due(parts, model, m, found, now)]
        if not due:
            continue
        with parts.hold(model) as lease:
            if lease is None:
                continue
            for monitor in due:
                # Looked at again under the lease: another may have told it meanwhile.
                made = _due(parts, model, monitor, monitors[monitor], now)
                posted += _post(parts, made, lease)
    if posted:
        log.info("reminded", deliveries=posted)
    return posted


def _due(
    parts: Parts, model: str, monitor: str, found: list[Incident], now: datetime
) -> Consequences | None:
    """Return what is to be told about one monitor; None for nothing."""
    section = parts.config.models.get(model)
    settings = watched(section).get(monitor) if section else None
    if settings is None:
        return None
    last = max(one.last_window for one in found)
    situation = parts.situation(
        model,
        monitor,
        Window(last, last + settings.window),
        now=now,
        version=parts.store.current_version(model),
        reference_id=None,
        actions=settings.actions,
        repeat=settings.repeat,
    )
    made = consequence.remind(situation, now=now).consequences
    return made if made.deliveries else None


def _post(parts: Parts, made: Consequences | None, lease: Lease) -> int:
    if made is None:
        return 0
    parts.store.decide(made, under=lease)
    return len(made.deliveries)
