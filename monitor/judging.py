"""Judging a due window by its data: read, counted, compared, followed along its series.

Nothing is committed here, and nothing follows from it yet.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from checks.errors import ChecksError, ProfileError
from checks.profile import Profile
from checks.verdict import Reason, Status, Verdict
from monitor import mistakes, series
from monitor.baseline import Baseline
from monitor.comparison import apart, earlier
from monitor.errors import SourceError
from monitor.evaluate import Assessment, Watch, assess
from monitor.learning import labels_before, learn_daily
from monitor.mistakes import Mistakes
from monitor.parts import Baselines, Parts
from monitor.recall import Recall
from monitor.store.records import Run
from monitor.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was said of a window; with no assessment where its data said nothing."""

    verdicts: tuple[Verdict, ...]
    baseline: Baseline | None = None
    assessment: Assessment | None = None
    cause: SourceError | None = None

    @property
    def notes(self) -> list[str]:
        """What there is to know beside the verdicts."""
        return [*self.assessment.notes] if self.assessment else []

    @property
    def may_still_be_read(self) -> bool:
        """Whether it may be worth trying again."""
        return self.cause is not None and not self.cause.permanent

    @property
    def told(self) -> str | None:
        """Why nothing could be evaluated, in words."""
        return None if self.cause is None else str(self.cause)


Judge = Callable[[Watch, Window, str | None, datetime], Judged]
"""Says what is to be said of a window, for the version in production, at a moment."""


class ByData:
    """The judge that reads a window's rows."""

    def __init__(self, parts: Parts, baselines: Baselines) -> None:
        """Hold the parts; nothing is opened yet."""
        self._parts = parts
        self._baselines = baselines
        self._learned: dict[str, datetime] = {}
        self._recall = Recall()

    def __call__(
        self, watch: Watch, window: Window, version: str | None, now: datetime
    ) -> Judged:
        """Evaluate one window as far as it goes."""
        if self._learned.get(watch.model) != now:  # windows are caught up at one moment
            self._learned[watch.model] = now
            learn_daily(self._parts, watch.model, watch.section, now, self._recall)
        baseline, assessment, cause = self._attempt(watch, window, version, now)
        if assessment is not None:
            return Judged(
                verdicts=assessment.verdicts, baseline=baseline, assessment=assessment
            )
        return Judged(
            verdicts=unknown(watch, str(cause)), baseline=baseline, cause=cause
        )

    def _attempt(
        self, watch: Watch, window: Window, version: str | None, now: datetime
    ) -> tuple[Baseline | None, Assessment | None, SourceError | None]:
        baseline: Baseline | None = None
        try:
            known = _known(version)
            baseline = self._baselines.of(watch, known, now)
            assessment = assess(
                watch,
                window,
                version=known,
                baseline=baseline,
                feeds=self._parts.feeds(watch.section, known),
                engine=self._parts.engine,
                earlier=self._earlier(watch, window, baseline),
                as_of=now,
                labels=labels_before(self._parts, watch, window, now),
            )
        except SourceError as error:
            return baseline, None, error
        except (ChecksError, pa.ArrowException) as error:
            # A baseline that a newer driftd froze, or rows that Arrow cannot put
            # together: no answer, and no reason to stop.
            return baseline, None, SourceError(str(error), permanent=False)
        return baseline, self._followed(assessment, window, now), None

    def _followed(
        self, assessment: Assessment, window: Window, now: datetime
    ) -> Assessment:
        """Return an assessment with the verdicts on the monitor's series."""
        watch = assessment.watch
        if not watch.settings.sequence:
            return assessment
        like = Run(
            model=watch.model,
            monitor=watch.monitor,
            window=window,
            model_version=assessment.version,
            reference_id=assessment.baseline_id,
            status=assessment.status,
            evaluated=now,
        )
        told = assessment.verdicts
        lasting = (*self._along(watch, like, told), *self._errors(assessment, like))
        return replace(assessment, verdicts=(*told, *lasting))

    def _along(
        self, watch: Watch, like: Run, told: Sequence[Verdict]
    ) -> Iterator[Verdict]:
        """Judge the figures of checks along the windows."""
        every, level = watch.series, watch.level
        names = {one.check.name for one in every}
        past = self._parts.store.points_before(like, names, series.MOST)
        for one in every:
            points = past.get(one.key, ())
            yield series.judged(one, points, like.window.start, told, level)

    def _errors(self, assessment: Assessment, like: Run) -> Iterator[Verdict]:
        """Judge the single outcomes of the windows."""
        every = assessment.watch.error_series
        if not every:
            return
        kept = self._parts.store.errors_before(like, mistakes.MOST)
        past = [Mistakes.from_bytes(start, content) for start, content in kept]
        for one in every:
            yield one.judged(past, assessment.mistakes)

    def _earlier(
        self, watch: Watch, window: Window, baseline: Baseline
    ) -> list[tuple[Window, Profile]] | None:
        """Return the windows of a trailing reference, counted; None for training."""
        if watch.settings.reference.training:
            return None
        found = []
        for span in earlier(watch.settings.reference, window):
            kept = self._parts.store.profiles_between(
                watch.model, watch.monitor, span.start, span.end
            )
            for past, content in apart(kept):
                try:
                    found.append((past, baseline.reference.bins.read(content)))
                except ProfileError:
                    continue  # counted in the bins of another reference
        return found


def _known(version: str | None) -> str:
    if version is None:
        msg = "the model's version is not known yet"
        raise SourceError(msg, permanent=False)
    return version


def unknown(watch: Watch, cause: str) -> tuple[Verdict, ...]:
    """Return the verdicts of a window that could not be read: UNKNOWN, each."""
    checks = (
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
    lasting = (one.unknown(cause) for one in watch.series)
    return (*checks, *lasting, *(one.unknown(cause) for one in watch.error_series))
