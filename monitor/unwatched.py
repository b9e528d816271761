"""What is watched no longer: open incidents that no window will speak about again.

Whoever takes a column, a check or a monitor out of the config has ended what was known
of it. Left open, such an incident would fire, mute others and hold retraining back for
ever. A model that is not in this config is left alone: another config may watch it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from checks.verdict import Family
from monitor.config import Model
from monitor.consequence import end
from monitor.cycle import watched
from monitor.evaluate import Watch
from monitor.incident import NO_DATA, Cause, Incident, Key
from monitor.logs import logger
from monitor.parts import Parts
from monitor.reevaluate import watch_of
from monitor.store import Lease
from monitor.window import Window

log = logger(__name__)


def close(parts: Parts, now: datetime) -> list[Incident]:
    """Close the open incidents about what is watched no longer, and return them.

    Each monitor's commit together, with the notices to those who heard of them. A
    model that another replica works on is left to it.
    """
    closed: list[Incident] = []
    for name, model in parts.config.models.items():
        if not _gone(parts, name, model):
            continue
        with parts.hold(name) as lease:
            gone = _gone(parts, name, model) if lease else []
            for monitor in sorted({incident.key.monitor for incident in gone}):
                ended = [i for i in gone if i.key.monitor == monitor]
                _end(parts, name, monitor, ended, now, lease)
                closed += ended
    return closed


def _gone(parts: Parts, name: str, model: Model) -> list[Incident]:
    """Return a model's open incidents about what is watched no longer."""
    found = parts.store.open_incidents(name)
    known = set(_keys(name, model)) if found else set()
    return [
        i
        for i in found
        if replace(i.key, segment=None) not in known
        or not _divides(model, i.key.segment)
    ]


def _divides(model: Model, segment: str | None) -> bool:
    """Tell whether rows can still lie in a segment that is known by its name."""
    if segment is None:
        return True
    asked = model.segments
    return asked is not None and (
        segment in asked.where
        or any(segment.startswith(f"{c} = ") for c in asked.divided(model.table))
    )


def _keys(name: str, model: Model) -> Iterator[Key]:
    """Walk over all that an incident of a model can be about."""
    watches = [
        Watch(model=name, monitor=monitor, section=model, settings=settings)
        for monitor, settings in model.monitors.items()
    ]
    if model.labels is not None:
        watches.append(watch_of(name, model))
    for watch in watches:
        key = Key(
            model=name, monitor=watch.monitor, family=Family.QUALITY, check=NO_DATA
        )
        yield key
        for entry in watch.entries:
            yield replace(key, column=entry.column)
            yield replace(
                key,
                family=entry.check.family,
                check=entry.check.name,
                column=entry.column,
            )
        for one in watch.series:
            family = one.check.family
            yield replace(key, family=family, check=one.name, column=one.column)
        for errors in watch.error_series:
            yield replace(key, family=errors.family, check=errors.name)


def _end(  # noqa: PLR0913, PLR0917 - whose incidents, when, by which right
    parts: Parts,
    name: str,
    monitor: str,
    gone: list[Incident],
    now: datetime,
    lease: Lease | None,
) -> None:
    """Close some incidents of one monitor, and tell who heard of them."""
    settings = watched(parts.config.models[name]).get(monitor)
    situation = parts.situation(
        name,
        monitor,
        Window(now - (settings.every if settings else timedelta(days=1)), now),
        now=now,
        version=parts.store.current_version(name),
        reference_id=None,
        # Whom a monitor told that is gone itself stands in the outbox alone.
        actions=settings.actions if settings else tuple(parts.actions),
    )
    outcome = end(situation, gone, Cause.NO_LONGER_WATCHED, now=now)
    parts.store.decide(outcome.consequences, under=lease)
    log.info("no_longer_watched", model=name, monitor=monitor, incidents=len(gone))
