"""One window evaluated by hand: no incidents, no notices, and nothing is recorded.

The only state is a shelf of baselines, so that a reference is read once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from checks.profile import Profile
from checks.schema import Role
from checks.verdict import Status
from monitor.baseline import Baseline
from monitor.comparison import build_baseline, earlier
from monitor.config import CheckChoice, Checks, Config, Model, Plugin
from monitor.engines.base import Fragmented, Fragments, Rows
from monitor.engines.local import LocalEngine
from monitor.errors import ConfigError, SourceError
from monitor.evaluate import Assessment, Watch, assess
from monitor.feeds import Feeds, door
from monitor.incident import SCHEMA_CHANGE
from monitor.problems import nearest
from monitor.sampling import sampled
from monitor.shelf import Shelf, name_of, remembered
from monitor.skew import replayed
from monitor.sources.base import Identified, open_source
from monitor.sources.endings import type_of
from monitor.versions import current_version
from monitor.window import EPOCH, Window, floor

OF_A_STRETCH = ("volume", "freshness")
"""Checks that mean nothing on a file: it holds whatever somebody put into it."""

_OFF = CheckChoice.model_validate(False)  # noqa: FBT003 - as a config says it


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user wants to have checked.

    `data` is a file or glob that stands in for the model's source: all of it is the
    window, unless `start` or `end` says which part.
    """

    model: str | None = None
    monitor: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    data: str | None = None

    @property
    def whole(self) -> bool:
        """Whether all rows of the data are the window."""
        return self.data is not None and self.start is None and self.end is None


def watch_of(config: Config, model: str | None, monitor: str | None) -> Watch:
    """Return the monitor that is meant; raises ConfigError where that is not clear."""
    name = choice(config, "model", model, list(config.models))
    section = config.models[name]
    key = choice(config, "monitor", monitor, list(section.monitors))
    return Watch(
        model=name, monitor=key, section=section, settings=section.monitors[key]
    )


def choice(config: Config, noun: str, wanted: str | None, names: Sequence[str]) -> str:
    """Return the one that is wanted, or the only one; raises ConfigError."""
    if wanted in names:
        return str(wanted)
    if wanted is not None:
        message = f"there is no {noun} {wanted!r}."
        fix = nearest(wanted, names, noun=f"{noun}s")
        raise ConfigError(str(config.file), f"--{noun}", message, fix)
    if len(names) > 1:
        message = f"there are {len(names)} {noun}s: {', '.join(names)}."
        raise ConfigError(
            str(config.file), f"{noun}s", message, f"choose one with --{noun}."
        )
    return names[0]


def window_of(watch: Watch, asked: Asked, now: datetime) -> Window:
    """Return the window that is meant: by default the last whole one.

    Raises ConfigError when the end is not after the start.
    """
    settings = watch.settings
    end = asked.end
    if end is None and asked.start is not None:
        end = asked.start + settings.window
    end = end or floor(now - settings.delay, settings.every)
    start = asked.start or end - settings.window
    try:
        return Window(start, end)
    except ValueError as error:
        where, fix = "--start, --end", "give an end after the start."
        raise ConfigError(where, "", f"{error}.", fix) from error


def check(watch: Watch, asked: Asked, *, now: datetime, shelf: Shelf) -> Assessment:
    """Evaluate what is asked for; raises SourceError when nothing can be read."""
    section = watch.section
    version = current_version(section.version)
    every = open_source(section.source, timestamp=section.time_column, version=version)
    served = sampled(every, section.sampling, section.table)
    given = every if asked.data is None else _given(asked.data, section)
    predictions = sampled(given, section.sampling, section.table)
    window: Window | None
    if asked.whole:
        watch = _on_a_file(watch)
        window = _span(given, section.time_column)
        predictions = _Whole(predictions)
    else:
        window = window_of(watch, asked, now)
    baseline = _baseline(section, watch.settings.window, version, shelf)
    found = assess(
        watch,
        window,
        version=version,
        baseline=baseline,
        feeds=replace(
            _feeds(section, version, predictions),
            history=served,
            door=door(section) if asked.data is None else None,
            every=_Whole(given) if asked.whole else given,
        ),
        engine=LocalEngine(),
        earlier=_earlier(watch, window, baseline, served),
        as_of=now,
    )
    return replace(found, notes=(*found.notes, *_left_out(watch, asked)))


def _left_out(watch: Watch, asked: Asked) -> Iterator[str]:
    """Say what one window, looked at on its own, cannot tell."""
    if watch.settings.sequence:
        yield "series are not judged: driftd run and serve keep their history"
    if asked.whole:
        yield (
            "volume and freshness are not judged on a whole file: "
            "give --start and --end for that"
        )


def frozen(watch: Watch, shelf: Shelf) -> tuple[str, Baseline]:
    """Return a model's version and the baseline that its windows are compared with.

    Raises SourceError when the reference must be read and cannot be.
    """
    version = current_version(watch.section.version)
    length = watch.settings.window
    return version, _baseline(watch.section, length, version, shelf)


def answered(assessment: Assessment) -> bool:
    """Tell whether anything could be said of the rows themselves.

    Checks of the whole table, such as the schema's, can be made on an empty one.
    """
    told = assessment.verdicts
    if any(verdict.status is Status.FAIL for verdict in told):
        return True
    whole = (SCHEMA_CHANGE, *OF_A_STRETCH)
    own = [verdict for verdict in told if verdict.check not in whole]
    return any(verdict.status is not Status.UNKNOWN for verdict in own or told)


def _given(path: str, section: Model) -> Rows:
    """Open the file that a user names, relative to where the user is."""
    kind = type_of(path, Path.cwd())
    options = section.source.options if section.source.type == kind else {}
    options = {**options, "path": path}
    hidden = section.source.personal
    given = Plugin(type=kind, options=options, base=Path.cwd(), personal=hidden)
    return open_source(given, timestamp=section.time_column)


@dataclass(frozen=True, slots=True)
class _Whole:
    """Rows of which every window holds all."""

    rows: Rows

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Walk over all rows."""
        del window
        return self.rows.read(None, columns)

    def fragments(self, window: Window | None) -> Fragments | None:
        """Return all rows as fragments, where the rows themselves come in such."""
        del window
        rows = self.rows
        return rows.fragments(None) if isinstance(rows, Fragmented) else None


def _on_a_file(watch: Watch) -> Watch:
    if not watch.settings.standard and watch.settings.preset is not None:
        return watch  # naming what is off would name the standard suite too
    off = dict.fromkeys(OF_A_STRETCH, _OFF)
    checks = Checks({**watch.settings.checks.root, **off})
    return replace(watch, settings=watch.settings.model_copy(update={"checks": checks}))


def _span(rows: Rows, column: str | None) -> Window | None:
    """Return the stretch from the first to the last row; None where none has a time."""
    if column is None:
        return None
    ends: list[datetime] = []
    try:
        for batch in rows.read(None, [column]):
            if column not in batch.schema.names:
                return None
            times = pc.cast(batch.column(column), pa.timestamp("us", "UTC"), safe=False)
            found = pc.min_max(times)
            ends += [
                EPOCH + timedelta(microseconds=end.value)
                for end in (found["min"], found["max"])
                if end.is_valid
            ]
        if not ends:
            return None
        return Window(min(ends), max(ends) + timedelta(microseconds=1))
    except (pa.ArrowException, OverflowError, ValueError):
        return None  # times that no calendar knows


def _baseline(
    section: Model, length: timedelta, version: str, shelf: Shelf
) -> Baseline:
    """Take the baseline from the shelf, or read the reference."""
    rows = open_source(section.reference, timestamp=None, version=version)
    name = None
    if isinstance(rows, Identified):
        name = name_of(section, length, rows.identity())
    return remembered(shelf, name, lambda: build_baseline(rows, section, length))


def _feeds(section: Model, version: str, predictions: Rows) -> Feeds:
    labels, recomputed = section.labels, section.recomputed
    moment, counters = section.time_column, section.capture and section.capture.counters
    return Feeds(
        predictions=predictions,
        reference=open_source(section.reference, timestamp=None, version=version),
        labels=open_source(labels.source, timestamp=labels.timestamp, version=version)
        if labels
        else None,
        recomputed=open_source(recomputed.source, timestamp=moment, version=version)
        if recomputed
        else None,
        replay=replayed(section, version),
        counters=open_source(counters.source, timestamp=counters.time, version=version)
        if counters
        else None,
    )


def _earlier(
    watch: Watch, window: Window | None, baseline: Baseline, rows: Rows
) -> list[tuple[Window, Profile]] | None:
    """Count the stretches that the window is compared with, from the source itself.

    None where that is the training data; none where they cannot be read.
    """
    if watch.settings.reference.training:
        return None
    spans = earlier(watch.settings.reference, window) if window else []
    id_column = watch.section.table.first(Role.ID)
    found = []
    for span in spans:
        try:
            counted = LocalEngine().count(
                rows, span, baseline.reference.bins, keep=0, by=id_column
            )
        except SourceError:
            continue
        if counted.profile.rows:
            found.append((span, counted.profile))
    return found
