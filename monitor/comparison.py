"""What a window is compared with: the training data, or stretches of time before it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from monitor import baseline
from monitor.baseline import Baseline
from monitor.config import Model, MonitorReference
from monitor.engines.base import Rows
from monitor.window import Window

T = TypeVar("T")


def build_baseline(rows: Rows, model: Model, length: timedelta) -> Baseline:
    """Reduce the rows of a reference to a model's baseline; raises SourceError."""
    return baseline.build(
        rows,
        model.table,
        model.task,
        length=length,
        classes=model.classes,
        segments=model.declared,
        keep_stretches=baseline.keeps_stretches(model),
    )


def earlier(reference: MonitorReference, window: Window) -> list[Window]:
    """List the stretches of time that a window is compared with; none for training."""
    if reference.trailing is not None:
        return [Window(window.start - reference.trailing, window.start)]
    weeks = [timedelta(days=7 * k) for k in range(1, (reference.same_weekday or 0) + 1)]
    return [Window(window.start - week, window.end - week) for week in weeks]


def apart(windows: Iterable[tuple[Window, T]]) -> list[tuple[Window, T]]:
    """Choose, of windows that may overlap, the latest that do not.

    Sliding windows share their rows: merged as they are, each row would be counted
    over and over, and be taken for that many witnesses.

    >>> from datetime import UTC, datetime
    >>> days = [datetime(2026, 3, d, tzinfo=UTC) for d in range(1, 8)]
    >>> sliding = [(Window(a, b), a.day) for a, b in zip(days, days[3:], strict=False)]
    >>> [day for _, day in sliding], [day for _, day in apart(sliding)]
    ([1, 2, 3, 4], [1, 4])
    """
    chosen: list[tuple[Window, T]] = []
    for window, held in sorted(windows, key=lambda pair: pair[0].start, reverse=True):
        if not chosen or window.end <= chosen[-1][0].start:
            chosen.append((window, held))
    return chosen[::-1]
