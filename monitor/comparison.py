"""What a window is compared with: the training data, or stretches of time before it."""

from datetime import timedelta

import pyarrow as pa

from monitor import baseline
from monitor.baseline import Baseline
from monitor.config import Model, MonitorReference
from monitor.engines.base import Rows
from monitor.window import Window


def build_baseline(rows: Rows, model: Model, length: timedelta) -> Baseline:
    """Reduce the rows of a reference to a model's baseline; raises SourceError."""
    return baseline.build(
        pa.Table.from_batches(list(rows.read(None, None))),
        model.table,
        model.task,
        length=length,
        classes=model.classes,
    )


def earlier(reference: MonitorReference, window: Window) -> list[Window]:
    """List the stretches of time that a window is compared with; none for training."""
    if reference.trailing is not None:
        return [Window(window.start - reference.trailing, window.start)]
    weeks = [timedelta(days=7 * k) for k in range(1, (reference.same_weekday or 0) + 1)]
    return [Window(window.start - week, window.end - week) for week in weeks]
