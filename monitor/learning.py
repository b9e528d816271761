"""What was seen of labels before: learned once a day, and read at each look."""

from datetime import datetime, timedelta

import pyarrow as pa

from checks.errors import ChecksError
from monitor.arrival import NOTHING_SEEN, Past, curve_of, learn, usual
from monitor.config import Labels, Model
from monitor.errors import SourceError
from monitor.evaluate import Watch
from monitor.logs import logger
from monitor.parts import Parts
from monitor.recall import Recall
from monitor.store import Arrival
from monitor.window import Window

log = logger(__name__)

LEARN_EVERY = timedelta(days=1)
"""How often it is learned how long labels take."""
FARTHEST = timedelta(days=730)
"""How far back predictions are looked at, however long labels take."""
MOST_SEEN = 30
"""Earlier windows whose labels tell what is usual."""


def learn_daily(
    parts: Parts, name: str, model: Model, now: datetime, recall: Recall
) -> None:
    """Learn how long a model's labels take, unless that was done today.

    `recall` is what was read before. What cannot be read is told, and keeps nobody
    from anything.
    """
    store = parts.store
    version = store.current_version(name)
    if model.labels is None or version is None:
        return
    last = store.arrivals.learned(name, now)
    if last is not None and now - last.as_of < LEARN_EVERY:
        return
    try:
        back = _looks_back(model.labels, last)
        feeds = parts.feeds(model, version)
        found = learn(model, feeds, now, back, recall=recall, name=name)
    except (SourceError, ChecksError, pa.ArrowException) as error:
        log.warning("delays_not_learned", model=name, cause=str(error))
        return
    if found is not None:
        store.arrivals.keep(found.arrival(name))


def _looks_back(labels: Labels, last: Arrival | None) -> timedelta:
    """Return how far back to look: farther, where labels took longer than was seen."""
    if labels.horizon is not None or last is None:
        return labels.looks_back
    length = last.window.end - last.window.start
    curve = curve_of(last)
    if curve is not None and not curve.settled:
        length = min(2 * length, FARTHEST)
    return max(length, labels.looks_back)


def labels_before(parts: Parts, watch: Watch, window: Window, now: datetime) -> Past:
    """Return what was seen of a model's labels before a window."""
    if watch.section.labels is None:
        return NOTHING_SEEN
    kept = parts.store.arrivals
    seen = kept.before(watch.model, watch.monitor, window.start, MOST_SEEN)
    return Past(
        curve=curve_of(kept.learned(watch.model, now)), usual=usual(seen, window, now)
    )
