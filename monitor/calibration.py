"""What a monitor can see and how often it is wrong, told before anything happens.

Nothing is read but the reference, and that only where its baseline is not at hand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checks.correction import Correction
from checks.errors import ChecksError, Unmeasurable
from checks.family import family_of, level_of
from checks.power import POWER, UNITS, Reach, Unit, reach, waiting
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Subject
from checks.suite import Entry
from monitor import wording
from monitor.errors import ConfigError
from monitor.evaluate import Watch
from monitor.mrkdwn import visible
from monitor.notes import named
from monitor.portion import Portion, too_small
from monitor.wording import number, percent

QUARTER = timedelta(days=365.25 / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What one monitor of a model can see in windows of so many rows.

    `alpha` is the chance of a false alarm that one window may take, `level` what the
    correction leaves the strictest of its `family` checks. `silent` names the checks
    whose power is not known or that cannot be made on a column, each with the cause,
    `small` the segments in which nothing can fire. `theirs` counts the checks that
    follow another system's rule, which the budget has no part in. Where these are
    alone, `rows` is None: nothing follows from the number of rows.
    """

    watch: Watch
    version: str
    rows: int | None
    family: int
    level: float
    reaches: tuple[Reach, ...]
    silent: tuple[tuple[str, str, str], ...]
    small: tuple[Portion, ...] = ()
    theirs: int = 0

    @property
    def ruled(self) -> bool:
        """Whether another system's rule decides alone."""
        return self.rows is None

    @property
    def windows(self) -> float:
        """Windows in a quarter of a year."""
        return QUARTER / self.watch.settings.every

    @property
    def false_alarms(self) -> float:
        """Windows of a quarter that may fail at most, on average, with no change."""
        return self.windows * self.watch.window_alpha

    @property
    def delay(self) -> float:
        """Windows until it fires, on average, at a shift of the smallest size."""
        settings = self.watch.settings
        return waiting(POWER, settings.for_, settings.of)

    @property
    def policy(self) -> str:
        """Say in words what turns failing windows into an incident."""
        settings = self.watch.settings
        if settings.for_ == 1:
            return "one failing window is an incident"
        among = (
            f"{settings.for_} failing windows in a row"
            if settings.of is None
            else f"{settings.for_} failing windows among {settings.of}"
        )
        return f"an incident takes {among}, of the same check: false ones are rarer"

    @property
    def mute(self) -> tuple[Reach, ...]:
        """The checks that can never fire at this size of window."""
        return tuple(found for found in self.reaches if found.shift is None)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration in the JSON form that scripts rely on."""
        settings = self.watch.settings
        return {
            "model": self.watch.model,
            "monitor": self.watch.monitor,
            "model_version": self.version,
            "rows": self.rows,
            "windows_per_quarter": self.windows,
            "window_level": None if self.ruled else self.watch.window_alpha,
            "false_alarms_per_quarter": None if self.ruled else self.false_alarms,
            "policy": {"for": settings.for_, "of": settings.of, "said": self.policy},
            "checks_in_family": self.family,
            "checks_by_a_peers_rule": self.theirs,
            "preset": self.watch.settings.preset,
            "check_level": None if self.ruled else self.level,
            "power": POWER,
            "delay_windows": None if self.ruled else self.delay,
            "checks": [_reach_dict(found, self.delay) for found in self.reaches],
            "not_computed": [
                {"check": check, "column": column, "cause": cause}
                for check, column, cause in self.silent
            ],
            "segments_too_small": [
                {
                    "segment": one.segment,
                    "rows": one.rows,
                    "cause": one.cause,
                    "rows_needed": one.needed,
                }
                for one in self.small
            ],
        }


def _reach_dict(found: Reach, delay: float) -> dict[str, Any]:
    return {
        "check": found.check,
        "column": found.column,
        "rows": found.rows,
        "effective_rows": found.effective,
        "smallest_shift": found.shift,
        "unit": found.unit.value,
        "delay_windows": None if found.shift is None else delay,
        "can_fire": found.shift is not None,
        "cause": found.cause,
        "rows_needed": found.needed,
    }


def calibrate(
    watch: Watch, reference: Reference, *, version: str, rows: int | None
) -> Calibration:
    """Work out what a monitor sees; raises ConfigError where its rows are unknown.

    `rows` are those of a window; None takes the median of the reference's own
    stretches of a window's length.
    """
    entries, planned = watch.entries, watch.planned(reference)
    family = family_of(planned, reference)
    theirs = sum(entry.check.peer is not None for entry in entries)
    correction = Correction(watch.settings.correction)
    level = level_of(watch.alpha, family, correction)
    own = theirs < len(entries) or bool(watch.series)
    rows = (rows or usual_rows(reference)) if own else None
    found: list[Reach] = []
    silent: list[tuple[str, str, str]] = []
    for entry in entries:
        raw_or_counted = entry.check.subject in (Subject.COLUMN, Subject.VALUES)
        known = raw_or_counted or entry.check.name in UNITS
        if entry.check.peer is not None or not known or rows is None:
            continue
        seen = _reach(entry, reference, rows, level)
        if isinstance(seen, Reach):
            found.append(seen)
        else:
            silent.append((entry.check.name, entry.column or "", seen))
    return Calibration(
        watch=watch,
        version=version,
        rows=rows,
        family=family,
        level=level,
        reaches=tuple(sorted(found, key=lambda r: (r.shift is not None, r.column))),
        silent=tuple(silent),
        small=tuple(_small(watch, planned, reference, rows or 0, level)) if own else (),
        theirs=theirs,
    )


def _small(
    watch: Watch,
    planned: Iterable[Entry],
    reference: Reference,
    rows: int,
    level: float,
) -> Iterator[Portion]:
    """Walk over the segments in which nothing can fire."""
    asked = watch.section.segments
    if asked is not None:
        yield from too_small(planned, reference, rows, level, asked.min_rows)


def _reach(entry: Entry, reference: Reference, rows: int, level: float) -> Reach | str:
    """Return what a check sees, or why that is not known."""
    try:
        found = reach(entry, reference, rows, level)
    except Unmeasurable as unmeasurable:
        return unmeasurable.cause
    except ChecksError as error:
        return str(error)
    if found is not None:
        return found
    if entry.check.name in UNITS:
        return "the reference has no usable column of this name and kind"
    return "its smallest shift is not computed"


def usual_rows(reference: Reference) -> int:
    """Return the rows of a usual window; raises ConfigError where that is unknown."""
    if len(reference.block_rows) < MIN_BLOCKS:
        message = "the reference does not tell how many rows a window has."
        fix = "say it with --rows, or give a column of the reference role: timestamp."
        where = "calibrate"
        raise ConfigError(where, "--rows", message, fix)
    return int(np.median(reference.block_rows))


def table(found: Calibration) -> RenderableType:
    """Draw a calibration for a terminal; what can never fire comes first."""
    if found.ruled:
        return Group(*map(Text, _ruled(found)))
    parts: list[RenderableType] = [Text(line) for line in _head(found)]
    grid = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    grid.add_column("column", no_wrap=True, overflow="ellipsis", max_width=28)
    grid.add_column("check", no_wrap=True)
    grid.add_column("effective rows", justify="right", no_wrap=True)
    grid.add_column("smallest shift caught", no_wrap=True)
    grid.add_column("delay", justify="right", no_wrap=True)
    grid.add_column("")
    for one in found.reaches:
        grid.add_row(
            visible(one.column or "(table)"),
            one.check,
            f"{one.effective:,.0f}",
            Text("never fires", style="yellow") if one.shift is None else _shift(one),
            "" if one.shift is None else f"{found.delay:.1f}",
            _why(one),
        )
    parts.append(Padding(grid, (1, 0, 1, 0), expand=False))
    parts += [Text(line, style="yellow") for line in _narrow(found)]
    parts += [Text(line, style="dim") for line in _foot(found)]
    return Group(*parts)


def _head(found: Calibration) -> Iterator[str]:
    watch = found.watch
    yield _title(found)
    yield (
        f"One window may be wrong with a chance of {number(watch.window_alpha)}; of "
        f"{found.windows:,.0f} windows a quarter at most {found.false_alarms:.2g} fail "
        f"by chance; {found.policy}."
    )
    series = len(watch.series)
    beside = f" and {series} series" if series else ""
    yield (
        f"{wording.count(found.family, 'check')}{beside} share that: "
        f"one alone is certain at p ≤ {found.level:.2g} "
        f"({watch.settings.correction.value})."
    )


def _title(found: Calibration) -> str:
    watch = found.watch
    said = f"{watch.model} version {found.version}, monitor {watch.monitor}"
    if found.rows is None:
        return said
    return f"{said}: windows of {wording.count(found.rows, 'row')}"


def _ruled(found: Calibration) -> Iterator[str]:
    """Say that another system's rule decides alone, and what follows from that."""
    preset = found.watch.settings.preset
    yield _title(found)
    yield f"{_theirs(found)}, and the monitor makes no others."
    yield (
        "Computed: nothing. That rule has no level that the budget could set: how "
        "often it is wrong follows from the rows of a window, the number of columns "
        "and the days of the stream, and so does the smallest shift it catches. "
        "docs/detection.md has measured both for evidently's and NannyML's defaults."
    )
    yield (
        f"For windows that keep the budget, add `checks: default` beside "
        f"`preset: {preset}`, or take the preset out."
    )


def _theirs(found: Calibration) -> str:
    preset = found.watch.settings.preset
    whose = f"{preset}'s own rule" if preset else "another system's own rule"
    checks = wording.count(found.theirs, "check")
    follow = "follows" if found.theirs == 1 else "follow"
    return (
        f"{checks} {follow} {whose}: on the threshold alone, with no share of the "
        "false-alarm budget"
    )


def _narrow(found: Calibration) -> Iterator[str]:
    """Name the segments in which nothing can fire, in one line."""
    if not found.small:
        return
    said = [
        f"{one.segment} ({one.cause}"
        + (")" if one.needed is None else f"; {one.needed:,} rows would do)")
        for one in found.small
    ]
    segments = wording.count(len(said), "segment")
    yield f"{segments} can never fire in such a window: {named(said)}"


def _foot(found: Calibration) -> Iterator[str]:
    if found.theirs:
        yield f"{_theirs(found)}: its errors and its smallest shift are not computed."
    yield (
        f"Caught: in {percent(POWER)} of the windows both keys turn. Delay: windows "
        "until it fires, on average, at that shift."
    )
    yield (
        "All this is for days that vary as the design effect of the reference says; "
        "levels or seasons of whole days bring more false alarms."
    )
    causes: dict[str, list[str]] = {}
    for check, column, cause in found.silent:
        of = f" of {visible(column)}" if column else ""
        causes.setdefault(cause, []).append(f"{check}{of}")
    for cause, names in causes.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"Not computed: {names[0]}{more}: {visible(cause)}"


def _shift(found: Reach) -> str:
    size = found.shift or 0.0
    if found.unit is Unit.SHARE:
        return f"+{percent(size)} of rows"
    if found.unit is Unit.FACTOR:
        return f"{number(size)} or {number(1 / size)} {found.unit.value}"
    return f"{number(size)} {found.unit.value}"


def _why(found: Reach) -> str:
    if found.cause is None:
        return ""
    if found.needed is None:
        return f"{found.cause}, and no window would do"
    return f"{found.cause}; {wording.count(found.needed, 'row')} would do"
