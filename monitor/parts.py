"""What the daemon's rounds are put together from, and what they gather from it."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from checks import codec
from monitor.absent import absent
from monitor.action import Action
from monitor.baseline import Baseline, keeps_stretches
from monitor.comparison import build_baseline
from monitor.config import Config, Model, Plugin
from monitor.consequence import Listener, Situation, Trainer
from monitor.crowd import Crowd
from monitor.engines.base import Engine, Rows
from monitor.errors import SourceError
from monitor.evaluate import Watch
from monitor.feeds import Feeds, door
from monitor.incident import Incident
from monitor.logs import logger
from monitor.notice import PICTURED, Routing
from monitor.retraining import Facts, RetrainPolicy
from monitor.sampling import sampled
from monitor.skew import replayed
from monitor.store import Lease, Run, Store
from monitor.store.records import StoredReference
from monitor.versions import is_deploying
from monitor.window import EPOCH, Window

log = logger(__name__)

OpenSource = Callable[[Plugin, str | None, str | None], Rows]
"""Opens a section's source: the section, the time column, and the model's version."""


@runtime_checkable
class Trains(Protocol):
    """An action that asks for retraining, and when it may."""

    @property
    def policy(self) -> RetrainPolicy:
        """When it may ask."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a round is put together from; all that acts or is random comes in here."""

    config: Config
    store: Store
    actions: Mapping[str, Action]
    engine: Engine
    open_source: OpenSource
    new_id: Callable[[], str]
    hold: Callable[[str], AbstractContextManager[Lease | None]]
    """Takes the lease on a model while it is worked on; None: another works on it."""
    links: Callable[[Watch, Window], Mapping[str, str]] = field(
        default=lambda _watch, _window: {}
    )

    def feeds(self, model: Model, version: str) -> Feeds:
        """Open the sources of a model; raises SourceError."""
        moment, opened = model.time_column, self.open_source
        labels, recomputed = model.labels, model.recomputed
        every = opened(model.source, moment, version)
        counters = model.capture and model.capture.counters
        return Feeds(
            predictions=sampled(every, model.sampling, model.table),
            every=every,
            counters=opened(counters.source, counters.time, version)
            if counters
            else None,
            door=door(model),
            reference=opened(model.reference, None, version),
            labels=opened(labels.source, labels.timestamp, version) if labels else None,
            recomputed=opened(recomputed.source, moment, version)
            if recomputed
            else None,
            replay=replayed(model, version),
        )

    def situation(  # noqa: PLR0913 - each is one fact of the situation
        self,
        model: str,
        monitor: str,
        window: Window,
        *,
        now: datetime,
        version: str | None,
        reference_id: str | None,
        actions: Sequence[str],
        repeat: timedelta | None = None,
        links: Mapping[str, str] | None = None,
    ) -> Situation:
        """Gather what is known of a model when something has been judged."""
        store = self.store
        section = self.config.models[model]
        deploying = is_deploying(section.version)
        listeners, trainers = [], []
        for name in actions:
            action = self.actions[name]
            if isinstance(action, Trains):
                facts = self._facts(model, name, action.policy, window)
                facts = replace(facts, deploying=deploying)
                trainers.append(Trainer(action=name, policy=action.policy, facts=facts))
                continue
            routing = Routing(on=action.on, repeat=repeat)
            told = store.told(model, monitor, name)
            listeners.append(Listener(action=name, routing=routing, told=told))
        heard = {i for one in listeners if one.told for i in one.told.incident_ids}
        return Situation(
            model=model,
            monitor=monitor,
            model_version=version,
            reference_id=reference_id,
            window=window,
            incidents=tuple(store.open_incidents(model)),
            ended=tuple(i for i in store.incidents(heard) if not i.state.open),
            listeners=tuple(listeners),
            trainers=tuple(trainers),
            past=tuple(store.retrainings(model)),
            links=links or {},
            home=self.config.server.url,
            quiet=store.silences.quiet(now, model),
            hold=_hold(section, monitor, now, deploying=deploying),
            data=data(section),
            measured=lambda incident: self._measured(
                incident, window, version, reference_id
            ),
        )

    def _measured(
        self,
        incident: Incident,
        window: Window,
        version: str | None,
        reference_id: str | None,
    ) -> tuple[float, ...]:
        """Return what an incident's check measured before; nothing of a segment."""
        key = incident.key
        if key.segment is not None:
            return ()
        like = Run(
            model=key.model,
            monitor=key.monitor,
            window=window,
            model_version=version,
            reference_id=reference_id,
            status=incident.verdict.status,
            evaluated=window.end,
        )
        found = self.store.points_before(like, [key.check], PICTURED - 1)
        points = found.get((key.check, key.column), [])
        return tuple(p.value for p in points if math.isfinite(p.value))

    def _facts(
        self, model: str, action: str, policy: RetrainPolicy, window: Window
    ) -> Facts:
        """Gather what a decision to retrain depends on beside the model's own past."""
        every = [r for r in self.store.retrainings() if r.action == action]
        labels = 0
        if policy.min_labels:
            # The first version was trained on what was there before driftd was.
            later = [at for _, at in self.store.versions(model)[1:]]
            own = [r for r in every if r.model == model and r.state.asked]
            last = max([*(r.window.end for r in own), *later], default=EPOCH)
            labels = self.store.labelled_since(model, last)
        return Facts(
            until=window.end,
            labels=labels,
            busy=sum(r.model != model and r.state.under_way for r in every),
            closed=self.store.approvals.breaker_closed(model, action),
        )


def _hold(
    section: Model, monitor: str, now: datetime, *, deploying: bool
) -> str | None:
    """Say why nobody is told anything now; None where people are."""
    if deploying:
        return "a version of the model is being deployed"
    settings = section.monitors.get(monitor)
    muted = settings is not None and any(time.covers(now) for time in settings.mute)
    return "nobody is told at this time" if muted else None


class Baselines:
    """The frozen baselines of model versions, each built at its first use.

    One for each length of window: how much a stream's stretches differ depends on how
    long they are. And one for each way the columns were declared: who adds a column
    to the config wants it watched.
    """

    def __init__(self, store: Store, open_source: OpenSource) -> None:
        """Read nothing yet."""
        self._store = store
        self._open = open_source
        self._read: dict[tuple[str, str, str], Baseline] = {}

    def of(self, watch: Watch, version: str, now: datetime) -> Baseline:
        """Return a baseline; raises SourceError when it must be built and cannot be."""
        key = (watch.model, version, label(watch))
        if key not in self._read:
            self._read[key] = self._frozen(watch, version, now)
        return self._read[key]

    def _frozen(self, watch: Watch, version: str, now: datetime) -> Baseline:
        """Read the baseline that is frozen in the store, or build and freeze it."""
        kept = self._store.reference_for(watch.model, version, label(watch))
        if kept is None:
            built = self._built(watch, version)
            kept = self._store.save_reference(
                StoredReference(
                    id=built.id,
                    model=watch.model,
                    version=version,
                    created=now,
                    content=built.content,
                    name=label(watch),
                    rows=built.reference.profile.rows,
                )
            )
            personal = watch.section.source.personal
            crowd = Crowd.of(personal, built.reference.profile)
            for doubt in map(crowd.text, absent(built.reference.bins)):
                log.warning("segment_value_absent", model=watch.model, note=doubt)
        return Baseline.from_bytes(kept.content)

    def _built(self, watch: Watch, version: str) -> Baseline:
        """Build a baseline; what stands in the way is never taken for permanent.

        Deployment may write the new version a moment before its reference.
        """
        try:
            rows = self._open(watch.section.reference, None, version)
            return build_baseline(rows, watch.section, watch.settings.window)
        except SourceError as error:
            msg = f"the reference of version {version}: {error}"
            raise SourceError(msg, permanent=False) from error


def label(watch: Watch) -> str:
    """Name the baseline that a monitor is compared with, among those of a version."""
    section = watch.section
    declared: dict[str, object] = {
        "columns": [[c.name, c.kind.value, c.role.value] for c in section.table],
        "task": section.task.value,
        "positive": section.positive,
    }
    if section.segments is not None:
        declared["segments"] = section.declared.to_list()
    if keeps_stretches(section):
        declared["stretches"] = True
    schema = codec.digest(codec.pack("schema", declared, {}))
    return f"training/{watch.settings.window // timedelta(seconds=1)}s/{schema[:8]}"


def data(model: Model) -> dict[str, object]:
    """Say where a model's rows lie, for the pipeline that trains on them."""
    told: dict[str, object] = {"predictions": location(model.source)}
    if model.labels is not None:
        told["labels"] = location(model.labels.source)
    return told


def location(section: Plugin) -> object:
    """Return a source's path, absolute, as it may be told to others."""
    path = section.options.get("path")
    if isinstance(path, str):
        return _absolute(section.base, path)
    if isinstance(path, list | tuple):
        return [_absolute(section.base, part) for part in path]
    return None


def _absolute(base: Path, path: str) -> str:
    """Return a path that does not depend on a folder; an address is one already."""
    return path if "://" in path else str((base / path).absolute())
