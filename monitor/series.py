"""Series: a check's figure along the windows of a monitor, and what lasts in it.

Each is judged by a detector over the stored history and the window at hand. Nothing is
remembered but the verdicts themselves: the same history gives the same answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from checks.correction import Correction
from checks.errors import ChecksError
from checks.registry import Check, get
from checks.sequence.course import FEWEST, Course, Direction, Rule, follow
from checks.suite import WARN_SHARE, Entry
from checks.threshold import Threshold, judge
from checks.verdict import Family, Reason, Status, Verdict
from monitor import wording
from monitor.config import Monitor
from monitor.config import Sequence as Section
from monitor.store.records import Point

MOST = 1000
"""Windows that a history goes back at most."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One figure along the windows, and how it is watched.

    So many windows after a change `forget` makes the new level the usual one.
    """

    section: Section
    check: Check
    column: str | None
    forget: int | None = None

    @property
    def name(self) -> str:
        """The name under which it is judged, such as `cusum(wasserstein)`."""
        return f"{self.section.detector}({self.check.name})"

    @property
    def key(self) -> tuple[str, str | None]:
        """The check and the column whose figure it is."""
        return self.check.name, self.column

    def owns(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is a point of the series."""
        return (verdict.check, verdict.column) == self.key and verdict.segment is None

    def unknown(self, cause: str) -> Verdict:
        """Return the verdict that nothing can be said, and why."""
        return Verdict(
            check=self.name,
            family=self.check.family,
            column=self.column,
            segment=None,
            status=Status.UNKNOWN,
            reason=Reason.UNMEASURABLE,
            cause=cause,
            threshold=self.section.threshold,
        )


def planned(entries: Iterable[Entry], settings: Monitor) -> tuple[Series, ...]:
    """List a monitor's series: each wish's, on its column or all the check is made on.

    A check that no entry makes is listed all the same, so that its absence is told. A
    monitor that compares windows with those before gets used to a new level, in as
    long as these reach back; one that compares them with the training data never does.
    """
    reference = settings.reference
    back = reference.trailing or 7 * _DAY * (reference.same_weekday or 0)
    forget = None if reference.training else max(FEWEST, int(back / settings.every))
    found: list[Series] = []
    made = [(entry.check.name, entry.column) for entry in entries]
    for section in settings.sequence:
        of = section.of
        if of.errors:
            continue  # single outcomes are no check's figure
        columns = [c for name, c in made if name == of.check]
        if of.column is not None or not columns:
            columns = [of.column]
        found += [
            Series(section=section, check=get(of.check), column=column, forget=forget)
            for column in columns
        ]
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The chance of a false alarm that one series may take in a window.

    `window` is the whole window's, which it shares evenly with `family` - 1 others.
    """

    window: float
    family: int
    correction: Correction

    @property
    def factor(self) -> int:
        """By what a series' p-value is multiplied, and its share divided."""
        return 1 if self.correction is Correction.NONE else max(1, self.family)

    @property
    def share(self) -> float:
        """The series' own part."""
        return self.window / self.factor


def judged(
    series: Series,
    past: Iterable[Point],
    start: datetime,
    verdicts: Iterable[Verdict],
    level: Level,
) -> Verdict:
    """Judge a series by its past, oldest first, and the verdicts of the window at hand.

    UNKNOWN where the window has no figure, or where the past is too short.
    """
    now = next((verdict for verdict in verdicts if series.owns(verdict)), None)
    if now is None:
        return series.unknown(f"{series.check.name} is not made on this window")
    if now.statistic is None:
        return series.unknown(now.cause or "no figure")
    last = Point(
        start=start,
        value=now.statistic.value,
        at_reference=now.statistic.at_reference,
        at_current=now.statistic.at_current,
    )
    line = _Line.of(series, [*past, last])
    rule = Rule(
        detector=series.section.detector,
        options=series.section.options,
        convention=series.section.convention,
        direction=line.direction,
        rate=level.share,
        forget=series.forget,
    )
    try:
        found = follow(np.array(line.values), rule)
    except ChecksError as error:
        return series.unknown(str(error))
    return _verdict(series, line, found, level)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The points of a series that could be measured, oldest first."""

    starts: list[datetime]
    values: list[float]
    direction: Direction
    noun: str
    shares: bool

    @classmethod
    def of(cls, series: Series, points: Sequence[Point]) -> "_Line":
        figure = series.section.of.figure
        if figure is None:
            figure = "value" if points[-1].at_current is None else "at_current"
        kept = [
            (point.start, value)
            for point in points
            if (value := getattr(point, figure)) is not None
        ]
        return cls(
            starts=[at for at, _ in kept],
            values=[value for _, value in kept],
            direction=_worse(series, figure, points),
            noun=_noun(series, figure),
            shares=series.check.name in wording.SHARES,
        )


def _worse(
    series: Series,
    figure: Literal["value", "at_current"],
    points: Iterable[Point],
) -> Direction:
    """Tell which way is worse: up for a distance, either for a distribution's level.

    A plain measure is worse the way in which the check's own value grows: accuracy
    downward, an error upward.
    """
    if figure == "value":
        return "up"
    if series.check.family is Family.DRIFT:
        return "both"
    along = sum(
        p.value * np.sign((p.at_current or 0.0) - (p.at_reference or 0.0))
        for p in points
    )
    return "both" if along == 0 else "up" if along > 0 else "down"


_MEANS = ("wasserstein", "mean_shift")


def _noun(series: Series, figure: str) -> str:
    """Name the figure that a series is made of."""
    check = series.check
    if figure == "at_current":
        if check.name in _MEANS:
            return "mean"
        if check.name in wording.SHARES:
            return wording.SHARES[check.name]
    return wording.name(check.name)


def _verdict(series: Series, line: _Line, found: Course, level: Level) -> Verdict:
    """Turn what a detector found into a verdict: certain by its alarm, and material.

    Without a threshold every change that the detector is sure of matters: what it
    tolerates, a CUSUM's slack, is set by the series' own deviation.
    """
    statistic, change = found.statistic, found.change
    p = statistic.p_value
    fail = series.section.threshold
    status, reason = Status.PASS, Reason.NO_DIFFERENCE
    detail = f"no lasting change in {len(line.values)} windows"
    if change is not None:
        status, reason = Status.FAIL, Reason.CERTAIN_AND_MATERIAL
        detail = _told(line, found)
    if change is not None and fail is not None:
        limits = Threshold(fail=fail, warn=fail * WARN_SHARE)
        status, reason = judge(statistic, 0.0, limits, 1.0)
    return Verdict(
        check=series.name,
        family=series.check.family,
        column=series.column,
        segment=None,
        status=status,
        reason=reason,
        statistic=replace(statistic, detail=detail),
        p_adjusted=None if p is None else min(1.0, p * level.factor),
        threshold=fail,
    )


def _told(line: _Line, found: Course) -> str:
    """Say from where to where a level went, and since when."""
    statistic, change = found.statistic, found.change
    old, new = statistic.at_reference or 0.0, statistic.at_current or 0.0
    scale, unit = (100, " %") if line.shares else (1, "")
    before, after = wording.apart(scale * old, scale * new)
    went = "rose" if new > old else "fell"
    first = wording.day(line.starts[change.since if change else -1])
    level = f"{line.noun} {went} from {before}{unit} to {after}{unit}"
    return f"{level} and stays there, from {first} on"
