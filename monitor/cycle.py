"""One turn of the daemon: every window that is due, evaluated and committed.

The question is always which windows should exist by now and do not. A window's
verdicts, what follows from them and what is to be sent commit in one transaction;
sending is another's work.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from checks.verdict import Verdict, overall
from monitor import baseline as baselines
from monitor.baseline import Baseline
from monitor.config import Model, Monitor
from monitor.consequence import Outcome, follow, rotate
from monitor.errors import FencedError, SourceError, StoreError
from monitor.evaluate import Assessment, Watch
from monitor.incident import Policy
from monitor.judging import Judge
from monitor.logs import logger
from monitor.parts import Parts
from monitor.retraining import promoted
from monitor.store.records import Consequences, Lease, Run, RunRecord
from monitor.versions import current_version
from monitor.window import Window, floor, windows_due

log = logger(__name__)


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


class Cycle:
    """Evaluates what is due, in order, for every model of a config."""

    def __init__(self, parts: Parts, judge: Judge) -> None:
        """Hold the parts, and who says what is to be said of a window."""
        self._parts = parts
        self._judge = judge
        self._whole: dict[tuple[str, str], tuple[datetime, datetime]] = {}

    def run(self, now: datetime) -> Generator[Turn | Rotation, None, None]:
        """Walk over everything that is due at `now`; each is committed when yielded.

        A model that cannot be evaluated is told as such and holds up no other; one
        that another replica works on is left to it. What nobody foresaw is raised
        when all the others have had their turn.
        """
        failures: list[Exception] = []
        for name, model in self._parts.config.models.items():
            try:
                yield from self._walk(name, model, now)
            except FencedError as error:
                log.warning("model_taken_over", model=name, cause=str(error))
            except StoreError:
                raise
            except Exception as error:
                log.exception("model_failed", model=name)
                failures.append(error)
        if failures:
            raise failures[0]

    def _walk(
        self, name: str, model: Model, now: datetime
    ) -> Iterator[Turn | Rotation]:
        """Walk over everything that is due for one model, while it is ours alone."""
        watches = [
            Watch(model=name, monitor=monitor, section=model, settings=settings)
            for monitor, settings in model.monitors.items()
        ]
        new = self._unseen(name, model)
        if new is None and not any(self.due(watch, now) for watch in watches):
            return
        with self._parts.hold(name) as lease:
            if lease is None:
                return
            if new is not None:
                yield from self._rotate(name, new, now, lease)
            for watch in watches:
                for window in self.due(watch, now):
                    turn = self._evaluate(watch, window, now, lease)
                    if turn is None:
                        break
                    yield turn

    def due(self, watch: Watch, now: datetime) -> list[Window]:
        """List a monitor's windows that should exist by now and do not.

        A monitor without history begins with the last whole window; one of a model
        that never had any, with the last when the model was first seen: what cannot
        be evaluated from the first day on is told, not passed over day by day.
        """
        settings, store = watch.settings, self._parts.store
        key = (watch.model, watch.monitor)
        first, began = store.first_window(*key), now
        others = watch.section.monitors
        if first is None and not any(store.first_window(key[0], m) for m in others):
            began = min([now, *(seen for _, seen in store.versions(watch.model))])
        newest = floor(now - settings.delay, settings.every) - settings.window
        last = floor(began - settings.delay, settings.every) - settings.window
        # Runs are never taken back: what was whole once need not be asked for again,
        # unless an earlier window was evaluated since.
        start, whole = self._whole.get(key, (None, None))
        since = whole if start == first else first
        found = windows_due(
            length=settings.window,
            every=settings.every,
            since=last if since is None else since,
            now=now,
            delay=settings.delay,
            done=store.windows_done(*key, since=since) if since else (),
        )
        if first is not None and since is not None:
            whole = found[0].start if found else max(newest, since)
            self._whole[key] = (first, whole)
        return found

    # ── one window ───────────────────────────────────────────────────────────────

    def _evaluate(
        self, watch: Watch, window: Window, now: datetime, lease: Lease
    ) -> Turn | None:
        """Evaluate and commit one window; None when it must be tried again later."""
        bound = log.bind(model=watch.model, monitor=watch.monitor, window=str(window))
        version = self._parts.store.current_version(watch.model)
        judged = self._judge(watch, window, version, now)
        told, settings = judged.told, watch.settings
        last = window.end + settings.delay + settings.every
        if judged.may_still_be_read and now < last:
            bound.warning("window_put_off", cause=told)
            return None
        verdicts = judged.verdicts
        reference_id = judged.baseline.id if judged.baseline else None
        outcome = self._decide(watch, window, version, reference_id, verdicts, now)
        run = Run(
            model=watch.model,
            monitor=watch.monitor,
            window=window,
            model_version=version,
            reference_id=reference_id,
            status=overall(verdicts),
            evaluated=now,
            cause=told,
            config_hash=self._parts.config.hash,
            verdicts=verdicts,
        )
        record = _record(run, judged.assessment, outcome)
        if not self._parts.store.record_run(record, under=lease):
            bound.info("window_evaluated_elsewhere")
            return None
        notes, status = judged.notes, run.status.value
        bound.info("window_evaluated", status=status, cause=told, notes=notes)
        return Turn(
            watch=watch,
            window=window,
            assessment=judged.assessment,
            baseline=judged.baseline,
            outcome=outcome,
            cause=told,
        )

    def _decide(  # noqa: PLR0913, PLR0917 - all that a decision depends on
        self,
        watch: Watch,
        window: Window,
        version: str | None,
        reference_id: str | None,
        verdicts: Sequence[Verdict],
        now: datetime,
    ) -> Outcome:
        """Decide what follows from a window's verdicts; nothing is committed."""
        situation = self._parts.situation(
            watch.model,
            watch.monitor,
            window,
            now=now,
            version=version,
            reference_id=reference_id,
            actions=watch.settings.actions,
            repeat=watch.settings.repeat,
            links=self._parts.links(watch, window),
        )
        return follow(
            situation,
            verdicts,
            policy=policy(watch.settings, watch.section),
            now=now,
            new_id=self._parts.new_id,
        )

    # ── versions ─────────────────────────────────────────────────────────────────

    def look(self, name: str, now: datetime, lease: Lease) -> None:
        """Note which version of a model is in production, if none ever was."""
        if self._parts.store.current_version(name) is None:
            new = self._unseen(name, self._parts.config.models[name])
            if new is not None:
                for _ in self._rotate(name, new, now, lease):
                    pass

    def _unseen(self, name: str, model: Model) -> str | None:
        """Look which version is in production; None where it is the known one."""
        try:
            found = current_version(model.version)
        except SourceError as error:
            log.warning("version_unreadable", model=name, cause=str(error))
            return None
        return None if found == self._parts.store.current_version(name) else found

    def _rotate(
        self, name: str, new: str, now: datetime, lease: Lease
    ) -> Iterator[Rotation]:
        """Start afresh with a new version."""
        store, model = self._parts.store, self._parts.config.models[name]
        old = store.current_version(name)
        outcomes = [
            rotate(
                self._parts.situation(
                    name,
                    monitor,
                    Window(now - settings.every, now),
                    now=now,
                    version=new,
                    reference_id=None,
                    actions=settings.actions,
                ),
                now=now,
            )
            for monitor, settings in watched(model).items()
        ]
        outcome = merged(outcomes)
        done = promoted(store.retrainings(name), new, now)
        consequences = replace(outcome.consequences, retrainings=tuple(done))
        if not store.see_version(name, new, now, consequences, under=lease):
            return
        log.info("version_seen", model=name, old=old, new=new)
        yield Rotation(model=name, old=old, new=new, outcome=outcome)


def _record(run: Run, assessment: Assessment | None, outcome: Outcome) -> RunRecord:
    """Put a run together with what it was made from and what follows from it."""
    if assessment is None:
        return RunRecord(run=run, consequences=outcome.consequences)
    profile, standing = assessment.profile, assessment.standing
    return RunRecord(
        arrival=standing.arrival(run) if standing else None,
        run=replace(
            run,
            rows=profile.rows,
            sampled=assessment.sample.num_rows,
            profile_hash=profile.hash,
        ),
        profile=profile.to_bytes(),
        sample=baselines.write_table(assessment.sample),
        errors=assessment.mistakes.to_bytes() if assessment.mistakes else None,
        consequences=outcome.consequences,
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
        decisions=tuple(d for outcome in outcomes for d in outcome.decisions),
    )
