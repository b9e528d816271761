"""One turn of the daemon: every window that is due, evaluated and committed.

The question is always which windows should exist by now and do not. A window's
verdicts, what follows from them and what is to be sent commit in one transaction;
sending is another's work.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog

from checks import codec
from checks.errors import ProfileError
from checks.profile import Profile
from checks.verdict import Reason, Status, Verdict
from monitor import baseline as baselines
from monitor.action import Action
from monitor.baseline import Baseline
from monitor.comparison import build_baseline, earlier
from monitor.config import Config, Model, Monitor, Plugin
from monitor.consequence import Listener, Outcome, Situation, Trainer, follow, rotate
from monitor.engines.base import Engine, Rows
from monitor.errors import SourceError
from monitor.evaluate import Assessment, Feeds, Watch, assess
from monitor.incident import Policy
from monitor.notice import Routing
from monitor.retraining import RetrainPolicy, promoted
from monitor.store import Store
from monitor.store.records import Consequences, Run, RunRecord, StoredReference
from monitor.versions import current_version
from monitor.window import Window, floor, windows_due

log = structlog.get_logger(__name__)

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
class Turn:
    """What became of one due window; no assessment where it could not be evaluated."""

    watch: Watch
    window: Window
    assessment: Assessment | None
    baseline: Baseline | None
    outcome: Outcome
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A new model version that was seen, and what followed."""

    model: str
    old: str | None
    new: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a cycle is put together from; all that acts or is random comes in here."""

    config: Config
    store: Store
    actions: Mapping[str, Action]
    engine: Engine
    open_source: OpenSource
    new_id: Callable[[], str]
    links: Callable[[Watch, Window], Mapping[str, str]] = field(
        default=lambda _watch, _window: {}
    )


class Cycle:
    """Evaluates what is due, in order, for every model of a config."""

    def __init__(self, parts: Parts) -> None:
        """Hold the parts; nothing is opened yet."""
        self._parts = parts
        self._baselines: dict[tuple[str, str, timedelta], Baseline] = {}

    def run(self, now: datetime) -> Iterator[Turn | Rotation]:
        """Walk over everything that is due at `now`; each is committed when yielded.

        A model that cannot be evaluated is told as such and holds up no other.
        """
        for name, model in self._parts.config.models.items():
            yield from self._rotate(name, model, now)
            for monitor, settings in model.monitors.items():
                watch = Watch(
                    model=name, monitor=monitor, section=model, settings=settings
                )
                for window in self.due(watch, now):
                    turn = self._evaluate(watch, window, now)
                    if turn is None:
                        break
                    yield turn

    def due(self, watch: Watch, now: datetime) -> list[Window]:
        """List a monitor's windows that should exist by now and do not.

        A monitor without history begins with the last whole window.
        """
        settings = watch.settings
        done = self._parts.store.windows_done(watch.model, watch.monitor)
        last = floor(now - settings.delay, settings.every) - settings.window
        return windows_due(
            length=settings.window,
            every=settings.every,
            since=min(done, default=last),
            now=now,
            delay=settings.delay,
            done=done,
        )

    # ── one window ───────────────────────────────────────────────────────────────

    def _evaluate(self, watch: Watch, window: Window, now: datetime) -> Turn | None:
        """Evaluate and commit one window; None when it must be tried again later."""
        bound = log.bind(model=watch.model, monitor=watch.monitor, window=str(window))
        version = self._parts.store.current_version(watch.model)
        baseline: Baseline | None = None
        assessment: Assessment | None = None
        cause: str | None = None
        try:
            known = _known(version)
            baseline = self.baseline(watch, known, now)
            assessment = self.assess(watch, window, known, baseline, now)
        except SourceError as error:
            cause = str(error)
            late = now - window.end - watch.settings.delay
            if not error.permanent and late < watch.settings.every:
                bound.warning("window_put_off", cause=cause)
                return None
        verdicts = assessment.verdicts if assessment else unknown(watch, str(cause))
        situation = self.situation(
            watch.model,
            watch.monitor,
            window,
            version=version,
            reference_id=baseline.id if baseline else None,
            actions=watch.settings.actions,
            repeat=watch.settings.repeat,
            links=self._parts.links(watch, window),
        )
        outcome = follow(
            situation,
            verdicts,
            policy=policy(watch.settings, watch.section),
            now=now,
            new_id=self._parts.new_id,
        )
        run = Run(
            model=watch.model,
            monitor=watch.monitor,
            window=window,
            model_version=version,
            reference_id=situation.reference_id,
            status=Status.worst(verdict.status for verdict in verdicts),
            evaluated=now,
            cause=cause,
            config_hash=self._parts.config.hash,
            verdicts=tuple(verdicts),
        )
        if not self._parts.store.record_run(_record(run, assessment, outcome)):
            bound.info("window_evaluated_elsewhere")
            return None
        bound.info("window_evaluated", status=run.status.value, cause=cause)
        return Turn(
            watch=watch,
            window=window,
            assessment=assessment,
            baseline=baseline,
            outcome=outcome,
            cause=cause,
        )

    def assess(
        self,
        watch: Watch,
        window: Window,
        version: str,
        baseline: Baseline,
        now: datetime,
    ) -> Assessment:
        """Evaluate one window against a baseline; nothing is committed."""
        return assess(
            watch,
            window,
            version=version,
            baseline=baseline,
            feeds=self.feeds(watch.section, version),
            engine=self._parts.engine,
            earlier=self._earlier(watch, window, baseline),
            as_of=now,
        )

    def situation(  # noqa: PLR0913 - each is one fact of the situation
        self,
        model: str,
        monitor: str,
        window: Window,
        *,
        version: str | None,
        reference_id: str | None,
        actions: Sequence[str],
        repeat: timedelta | None,
        links: Mapping[str, str],
    ) -> Situation:
        """Gather what is known of a model when something has been judged."""
        store = self._parts.store
        listeners, trainers = [], []
        for name in actions:
            action = self._parts.actions[name]
            if isinstance(action, Trains):
                trainers.append(Trainer(action=name, policy=action.policy))
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
            links=links,
            data=_data(self._parts.config.models[model]),
        )

    def _earlier(
        self, watch: Watch, window: Window, baseline: Baseline
    ) -> list[Profile] | None:
        """Return the stored profiles of a trailing reference; None for training."""
        if watch.settings.reference.training:
            return None
        found = []
        for span in earlier(watch.settings.reference, window):
            for _, content in self._parts.store.profiles_between(
                watch.model, watch.monitor, span.start, span.end
            ):
                try:
                    found.append(baseline.reference.bins.read(content))
                except ProfileError:
                    continue  # counted in the bins of another reference
        return found

    # ── versions, baselines, sources ─────────────────────────────────────────────

    def look(self, name: str, now: datetime) -> None:
        """Note which version of a model is in production, if none ever was."""
        if self._parts.store.current_version(name) is None:
            for _ in self._rotate(name, self._parts.config.models[name], now):
                pass

    def _rotate(self, name: str, model: Model, now: datetime) -> Iterator[Rotation]:
        """Look which version is in production; on a new one, start afresh."""
        store = self._parts.store
        old = store.current_version(name)
        try:
            new = current_version(model.version)
        except SourceError as error:
            log.warning("version_unreadable", model=name, cause=str(error))
            return
        if new == old:
            return
        outcomes = [
            rotate(
                self.situation(
                    name,
                    monitor,
                    Window(now - settings.every, now),
                    version=new,
                    reference_id=None,
                    actions=settings.actions,
                    repeat=None,
                    links={},
                ),
                now=now,
            )
            for monitor, settings in watched(model).items()
        ]
        outcome = merged(outcomes)
        done = promoted(store.retrainings(name), new, now)
        consequences = replace(outcome.consequences, retrainings=tuple(done))
        if not store.see_version(name, new, now, consequences):
            return
        log.info("version_seen", model=name, old=old, new=new)
        yield Rotation(model=name, old=old, new=new, outcome=outcome)

    def baseline(self, watch: Watch, version: str, now: datetime) -> Baseline:
        """Return the frozen baseline of a model version, built at first use.

        One for each length of window: how much a stream's stretches differ depends
        on how long they are. Raises SourceError when it must be built and cannot be.
        """
        length = watch.settings.window
        key = (watch.model, version, length)
        if key not in self._baselines:
            self._baselines[key] = self._frozen(watch, length, version, now)
        return self._baselines[key]

    def _frozen(
        self, watch: Watch, length: timedelta, version: str, now: datetime
    ) -> Baseline:
        """Read the baseline that is frozen in the store, or build and freeze it."""
        name = f"training/{length // timedelta(seconds=1)}s"
        kept = self._parts.store.reference_for(watch.model, version, name)
        if kept is None:
            rows = self._parts.open_source(watch.section.reference, None, version)
            built = build_baseline(rows, watch.section, length)
            content = built.to_bytes()
            kept = self._parts.store.save_reference(
                StoredReference(
                    id=codec.digest(content),
                    model=watch.model,
                    version=version,
                    created=now,
                    content=content,
                    name=name,
                    rows=built.reference.profile.rows,
                )
            )
        return Baseline.from_bytes(kept.content)

    def feeds(self, model: Model, version: str) -> Feeds:
        """Open the sources of a model; raises SourceError."""
        moment = model.time_column
        opened = self._parts.open_source
        return Feeds(
            predictions=opened(model.source, moment, version),
            labels=opened(model.labels.source, model.labels.timestamp, version)
            if model.labels
            else None,
            recomputed=opened(model.recomputed.source, moment, version)
            if model.recomputed
            else None,
        )


def _known(version: str | None) -> str:
    if version is None:
        msg = "the model's version is not known yet"
        raise SourceError(msg, permanent=False)
    return version


def _record(run: Run, assessment: Assessment | None, outcome: Outcome) -> RunRecord:
    """Put a run together with what it was made from and what follows from it."""
    if assessment is None:
        return RunRecord(run=run, consequences=outcome.consequences)
    profile = assessment.profile
    return RunRecord(
        run=replace(
            run,
            rows=profile.rows,
            sampled=assessment.sample.num_rows,
            profile_hash=profile.hash,
        ),
        profile=profile.to_bytes(),
        sample=baselines.write_table(assessment.sample),
        consequences=outcome.consequences,
    )


def unknown(watch: Watch, cause: str) -> tuple[Verdict, ...]:
    """Return the verdicts of a window that could not be read: UNKNOWN, each."""
    return tuple(
        Verdict(
            check=entry.check.name,
            family=entry.check.family,
            column=entry.column,
            segment=None,
            status=Status.UNKNOWN,
            reason=Reason.UNMEASURABLE,
            cause=cause,
            threshold=entry.threshold.fail,
        )
        for entry in watch.entries
    )


def policy(settings: Monitor, model: Model) -> Policy:
    """Return a monitor's incident policy."""
    return Policy(
        for_=settings.for_,
        of=settings.of,
        keep_firing_for=settings.keep_firing_for,
        no_data_after=model.no_data_after,
    )


EVALUATION = "evaluation"
"""The monitor under whose name the incidents of re-evaluations stand."""


def watched(model: Model) -> dict[str, Monitor]:
    """Return a model's monitors, with one that stands for its re-evaluation."""
    found = dict(model.monitors)
    if model.evaluation is not None:
        day = timedelta(days=1)
        found[EVALUATION] = Monitor(
            window=day, every=day, actions=model.evaluation.actions
        )
    return found


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Put the consequences of several decisions together, to commit them as one."""
    parts = [outcome.consequences for outcome in outcomes]
    return Outcome(
        consequences=Consequences(
            moves=tuple(m for part in parts for m in part.moves),
            deliveries=tuple(d for part in parts for d in part.deliveries),
            retrainings=tuple(r for part in parts for r in part.retrainings),
        ),
        said=tuple(said for outcome in outcomes for said in outcome.said),
    )


def _data(model: Model) -> dict[str, object]:
    """Say where a model's rows lie, for the pipeline that trains on them."""
    told: dict[str, object] = {"predictions": location(model.source)}
    if model.labels is not None:
        told["labels"] = location(model.labels.source)
    return told


def location(section: Plugin) -> object:
    """Return a source's path, absolute, as it may be told to others."""
    path = section.options.get("path")
    if isinstance(path, str):
        return str((section.base / path).absolute())
    if isinstance(path, list | tuple):
        return [str((section.base / part).absolute()) for part in path]
    return None
