"""A window in a process that is warm, and the statistics alone: two times in seconds.

python benchmarks/warm.py CONFIG FILE

`benchmarks/speed.py` runs it with what `monitor.processor` has NumPy told.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from checks.correction import Correction
from checks.evidence import Evidence
from checks.suite import evaluate
from monitor.clock import SystemClock
from monitor.opening import read_config
from monitor.shelf import Shelf, folder
from monitor.spotcheck import Asked, check, watch_of

RUNS = 5


def median(act: Callable[[], object]) -> float:
    """Return the median wall time of some runs, after one that does not count."""
    taken = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def main() -> None:
    """Measure, and print both times."""
    watch = watch_of(read_config(Path(sys.argv[1])), None, None)
    shelf = Shelf(folder=folder(os.environ))
    asked, now = Asked(data=sys.argv[2]), SystemClock().now()
    profile = check(watch, asked, now=now, shelf=shelf).profile
    kept = (shelf.get(path.stem) for path in shelf.folder.glob("*.baseline"))
    reference = next(
        found.reference
        for found in kept
        if found is not None and found.reference.bins.id == profile.bins_id
    )
    entries = [entry for entry in watch.entries if entry.check.name != "volume"]

    def judged() -> object:
        return evaluate(
            entries,
            reference,
            Evidence(profile=profile),
            alpha=watch.alpha,
            correction=Correction(watch.settings.correction),
        )

    print(median(lambda: check(watch, asked, now=now, shelf=shelf)), median(judged))


if __name__ == "__main__":
    main()
