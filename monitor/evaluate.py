"""One window of one monitor: read, counted, compared, judged.

Reading is the only effect here. Everything that follows from the verdicts (incidents,
notices, the store) is decided elsewhere, on the Assessment that this returns.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa

from checks.correction import Correction
from checks.errors import Unmeasurable
from checks.evidence import Evidence
from checks.outcomes import Outcomes
from checks.profile import Profile, merge_all
from checks.reference import Reference
from checks.registry import Subject
from checks.sample import fair
from checks.schema import Role
from checks.suite import Entry, evaluate, in_segments, plan
from checks.traffic import ROWS, Captured
from checks.verdict import Status, Verdict, overall
from checks.wish import Wish, Wishes
from monitor import budget
from monitor.arrival import NOTHING_SEEN, Past, Standing
from monitor.baseline import KEPT_ROWS, Baseline
from monitor.capture import captured
from monitor.config import Model, Monitor
from monitor.crowd import EVERYONE, Crowd, least_rows
from monitor.engines.base import Counted, Engine, remarks
from monitor.engines.local import usual_threads
from monitor.feeds import Feeds, with_outcomes
from monitor.finding import explanation
from monitor.mistakes import ErrorSeries, Mistakes
from monitor.notes import left_out_of, notes, of_rows
from monitor.raw import (
    CHANGED_PAST,
    CHANGED_REFERENCE,
    CHANGED_WINDOW,
    RawRows,
    Side,
)
from monitor.series import Level, Series, planned
from monitor.skew import NO_SKEW, Skew, compared_names, row_skew
from monitor.window import Window, rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One monitor of one model, as the config describes both."""

    model: str
    monitor: str
    section: Model
    settings: Monitor

    @property
    def alpha(self) -> float:
        """The chance of a false alarm that the checks of one window may take.

        The model's budget, spread evenly over time and over its monitors; less the
        part of the monitor's series, of which each is as good as a check.
        """
        if not self.settings.sequence:
            return self.window_alpha
        return self.window_alpha * (1 - len(self.series) / self.level.family)

    @property
    def spending(self) -> tuple[float, Correction]:
        """That chance, and how the checks share it."""
        return self.alpha, Correction(self.settings.correction)

    @property
    def window_alpha(self) -> float:
        """The chance of a false alarm that one window may take in all."""
        return budget.of_window(self.section, self.settings.every)

    @property
    def series(self) -> tuple[Series, ...]:
        """The series that are judged along the windows."""
        settings = self.settings
        return planned(self.entries, settings) if settings.sequence else ()

    @property
    def error_series(self) -> tuple[ErrorSeries, ...]:
        """The detectors that look at the model's single outcomes."""
        every = self.settings.sequence
        return tuple(ErrorSeries(section=one) for one in every if one.of.errors)

    @property
    def level(self) -> Level:
        """The chance of a false alarm that one series may take in a window."""
        return Level(
            window=self.window_alpha,
            family=len(self.entries) + len(self.series),
            correction=Correction(self.settings.correction),
        )

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The checks to make; raises OptionError for a wish that none can fulfil."""
        chosen = self.settings.checks
        return plan(
            self.section.table,
            self.section.task,
            Wishes(
                standard=self.settings.standard,
                preset=self.settings.preset,
                named={
                    name: Wish(
                        threshold=choice.threshold,
                        warn=choice.warn,
                        columns=choice.columns,
                        min_rows=choice.min_rows,
                        options=choice.options,
                    )
                    for name, choice in chosen.chosen.items()
                },
                off=chosen.off,
            ),
            min_rows=self.settings.min_rows,
            sample=self.settings.reference.training,
            pairs=compared_names(self.section),
            outcomes=self.section.labels is not None,
            capture=self.section.captures(self.settings.window),
        )

    def planned(self, reference: Reference) -> tuple[Entry, ...]:
        """The checks to make of all rows, and of each segment of the reference.

        A level that is rare in the reference itself is no segment worth watching; one
        that a user has named is told as such. Raises OptionError as `entries` does.
        """
        entries = self.entries
        asked = self.section.segments
        if asked is None:
            return entries
        segments = [
            segment
            for segment in reference.bins.segments
            if segment.name in asked.where
            or _rows(reference.segments.get(segment.name))
            >= least_rows(segment, asked.min_rows, self.section.source.personal)
        ]
        checks = None if asked.checks is None else frozenset(asked.checks)
        inside = in_segments(entries, segments, checks=checks, min_rows=asked.min_rows)
        return (*entries, *inside)


def _rows(reference: Reference | None) -> int:
    return 0 if reference is None else reference.profile.rows


_NOTHING = Captured()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What one window came to: the verdicts, and what they were made from.

    There is no window where rows were evaluated that carry no time. `crowd` has made
    of verdicts and notes what people may read, and makes it of rows.
    """

    watch: Watch
    version: str
    window: Window | None
    baseline_id: str
    reference_rows: int
    verdicts: tuple[Verdict, ...]
    profile: Profile
    sample: pa.Table
    outcomes: Outcomes | None = None
    captured: Captured = _NOTHING
    skew: Skew = NO_SKEW
    mistakes: Mistakes | None = None
    standing: Standing | None = None
    notes: tuple[str, ...] = ()
    crowd: Crowd = EVERYONE

    @property
    def traffic(self) -> int:
        """How many rows there were: by the counters, or as the sampled ones say."""
        full = self.captured.full
        return full.count(ROWS) if full and full.count(ROWS) else self.profile.traffic

    @property
    def status(self) -> Status:
        """The worst of the verdicts."""
        return overall(self.verdicts)

    def to_dict(self, incidents: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Return the assessment in the JSON form that scripts rely on."""
        return {
            "model": self.watch.model,
            "monitor": self.watch.monitor,
            "model_version": self.version,
            "window": {
                "start": rfc3339(self.window.start) if self.window else None,
                "end": rfc3339(self.window.end) if self.window else None,
                "rows": self.traffic,
                "sampled": self.profile.rows,
            },
            "reference": {"id": self.baseline_id, "rows": self.reference_rows},
            "status": self.status.value,
            "verdicts": [verdict_dict(verdict) for verdict in self.verdicts],
            "labels": self.standing.to_dict() if self.standing else None,
            "row_skew": self.crowd.told(self.skew.to_dict()),
            "incidents": list(incidents),
            "notes": list(self.notes),
        }


def unevaluated(
    watch: Watch, window: Window | None, verdicts: Iterable[Verdict], cause: str
) -> dict[str, Any]:
    """Return the same form for a window that could not be read."""
    return {
        "model": watch.model,
        "monitor": watch.monitor,
        "model_version": None,
        "window": {
            "start": rfc3339(window.start) if window else None,
            "end": rfc3339(window.end) if window else None,
            "rows": 0,
            "sampled": 0,
        },
        "reference": {"id": None, "rows": 0},
        "status": Status.UNKNOWN.value,
        "verdicts": [verdict_dict(verdict) for verdict in verdicts],
        "labels": None,
        "row_skew": None,
        "incidents": [],
        "notes": [cause],
    }


FIGURES = (
    *("value", "low", "high", "p_value", "n_reference", "n_current"),
    *("at_reference", "at_current", "hidden"),
)
"""What a verdict tells of its statistic."""


def verdict_dict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict in its JSON form; what was not measured is null."""
    found = verdict.statistic
    return {
        "check": verdict.check,
        "family": verdict.family.value,
        "column": verdict.column,
        "segment": verdict.segment,
        "status": verdict.status.value,
        "reason": verdict.reason.value,
        "cause": verdict.cause,
        **{name: getattr(found, name) if found else None for name in FIGURES},
        "p_adjusted": verdict.p_adjusted,
        "threshold": verdict.threshold,
        "detail": found.detail if found else "",
        "explained_by": explanation(found),
    }


def assess(  # noqa: PLR0913 - all that one window depends on
    watch: Watch,
    window: Window | None,
    *,
    version: str,
    baseline: Baseline,
    feeds: Feeds,
    engine: Engine,
    earlier: Iterable[tuple[Window, Profile]] | None,
    as_of: datetime,
    labels: Past = NOTHING_SEEN,
) -> Assessment:
    """Evaluate one window; None stands for all rows there are.

    `earlier` holds the windows that a trailing reference is made of, with their stored
    profiles; None where the reference is the training data. Labels known after `as_of`
    are not looked at; `labels` is what was seen of them before. Raises SourceError when
    the predictions cannot be read; recomputed features and labels that cannot be are
    UNKNOWN with the cause, and take nothing else along.
    """
    section = watch.section
    bins, key = baseline.reference.bins, section.table.first(Role.ID)
    counted = engine.count(feeds.predictions, window, bins, keep=KEPT_ROWS, by=key)
    left_out = remarks(feeds.predictions)
    reference, past, earlier_told = _compared_with(baseline.reference, earlier)
    entries = labels.asked(watch.planned(reference))
    subjects = {entry.check.subject for entry in entries}
    paired = Subject.PAIRS in subjects
    skew = row_skew(section, window, feeds) if paired else NO_SKEW
    evidence = _seen(watch, baseline, counted, window, skew)
    if Subject.CAPTURE in subjects:
        log = captured(section, window, feeds, counted.profile)
        evidence = replace(evidence, captured=log)
    standing = None
    if labelled := _labelled(watch, entries):
        known = (evidence, section, window, feeds, baseline, as_of)
        joined = with_outcomes(*known, by_row=Subject.SAMPLE in labelled)
        evidence, standing = labels.beside(*joined, section)
    raw = _raw(window, feeds, reference, past, counted.profile)
    verdicts = _judged(watch, entries, reference, evidence, raw)
    small = notes(entries, verdicts, reference, counted.profile, *watch.spending)
    told = (*left_out_of(left_out, feeds), *earlier_told, *of_rows(standing, skew))
    crowd = Crowd.of(section.source.personal, reference.profile, counted.profile)
    return Assessment(
        watch=watch,
        version=version,
        window=window,
        baseline_id=baseline.id,
        reference_rows=reference.profile.rows,
        verdicts=tuple(map(crowd.verdict, verdicts)),
        profile=counted.profile,
        sample=counted.sample.table,
        outcomes=evidence.outcomes,
        captured=evidence.captured,
        skew=skew,
        mistakes=_mistakes(watch, window, evidence),
        standing=standing,
        notes=tuple(map(crowd.text, (*told, *small))),
        crowd=crowd,
    )


def _seen(
    watch: Watch,
    baseline: Baseline,
    counted: Counted,
    window: Window | None,
    skew: Skew,
) -> Evidence:
    """Return what is known of a window before labels are looked at."""
    return Evidence(
        profile=counted.profile,
        centre=window.centre if window else None,
        span=window.span if window else None,
        reference_outcomes=baseline.outcomes,
        segments=_parts(counted.profile, window),
        **_sampled(watch, baseline, counted, window),
        **skew.evidence,
    )


def _labelled(watch: Watch, entries: Iterable[Entry]) -> frozenset[Subject]:
    """Say what is compared that labels are needed for."""
    found = {entry.check.subject for entry in entries if entry.check.tasks}
    return frozenset(found | ({Subject.SAMPLE} if watch.error_series else set()))


def _mistakes(
    watch: Watch, window: Window | None, evidence: Evidence
) -> Mistakes | None:
    """Return the single outcomes of a window, where they are watched and known."""
    if not watch.error_series or window is None or evidence.sample is None:
        return None
    every = min(watch.settings.every, window.end - window.start)
    return Mistakes.of(evidence.sample, watch.section.table, window, every)


def _judged(
    watch: Watch,
    entries: Sequence[Entry],
    reference: Reference,
    evidence: Evidence,
    raw: RawRows,
) -> list[Verdict]:
    """Make the checks and judge them; columns are read again side by side."""
    ordered = {entry.column for entry in entries if entry.check.ordered}
    evidence = replace(evidence, values=raw.keeping_order(ordered))
    again = any(entry.check.subject is Subject.VALUES for entry in entries)
    with ThreadPoolExecutor(usual_threads()) as pool:
        return evaluate(
            entries,
            reference,
            replace(evidence, walk=pool.map) if again else evidence,
            alpha=watch.alpha,
            correction=Correction(watch.settings.correction),
        )


def _parts(profile: Profile, window: Window | None) -> dict[str, Evidence]:
    """Return what is known of each segment by its counts alone."""
    return {
        name: Evidence(profile=part, centre=window.centre if window else None)
        for name, part in profile.segments.items()
    }


def _sampled(
    watch: Watch, baseline: Baseline, counted: Counted, window: Window | None
) -> dict[str, Any]:
    """Lay the window's sampled rows beside the reference's, or say why not."""
    if not watch.settings.reference.training:
        return {"sample_cause": _NO_EARLIER_ROWS}
    table = watch.section.table
    features = (*table.with_role(Role.FEATURE), *table.with_role(Role.SEGMENT))
    rarity = partial(baseline.reference.rarity, at=window.centre if window else None)
    known = replace(baseline.known(features), rarity=rarity)
    try:
        rows = fair(counted.sample.table, table)
    except Unmeasurable as unmeasurable:
        return {"sample_cause": unmeasurable.cause}
    return {"known": known, "sample": rows}


_NO_EARLIER_ROWS = (
    "rows are compared with the training data alone: of earlier windows only counts "
    "are. Fix: make this check in a monitor with reference: training"
)


def _compared_with(
    training: Reference, earlier: Iterable[tuple[Window, Profile]] | None
) -> tuple[Reference, tuple[Window, ...], tuple[str, ...]]:
    """Return the reference that earlier windows make, or the training data's.

    Also returns these windows, and what is to be told.
    """
    if earlier is None:
        return training, (), ()
    past = [(w, p) for w, p in earlier if p.bins_id == training.bins.id]
    if not past:
        told = "no earlier windows yet: compared with the training data"
        return training, (), (told,)
    found = training.against(merge_all(profile for _, profile in past))
    return found, tuple(window for window, _ in past), ()


def _raw(
    window: Window | None,
    feeds: Feeds,
    reference: Reference,
    past: Sequence[Window],
    current: Profile,
) -> RawRows:
    """Give a way to the rows of both sides, column by column; nothing is read yet."""
    known: Side | None = None
    if past:
        rows = feeds.history or feeds.predictions
        known = Side(rows, past, reference.profile, CHANGED_PAST)
    elif feeds.reference is not None:
        known = Side(feeds.reference, (None,), reference.profile, CHANGED_REFERENCE)
    served = Side(feeds.predictions, (window,), current, CHANGED_WINDOW)
    return RawRows(reference.bins.schema, known, served)
