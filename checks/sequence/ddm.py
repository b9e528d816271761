"""Drift detection method."""

import math
from dataclasses import dataclass

from checks.exact import Floats
from checks.sequence.detection import Change, Detection, checked, require
from checks.sequence.registry import detector


@dataclass(slots=True)
class _Rate:
    """The error rate so far, and the lowest it was with its deviation."""

    n: int = 0
    p: float = 0.0
    p_min: float = 0.0
    s_min: float = 0.0
    lowest: float = float("inf")
    warned_at: int | None = None

    def take(self, x: float) -> float:
        """Count one outcome; return the rate's upper edge, p + s."""
        self.n += 1
        self.p += (1.0 / self.n) * (x - self.p)
        return self.p + math.sqrt(self.p * (1 - self.p) / self.n)

    def remember(self, edge: float) -> None:
        """Keep the rate and its deviation where their sum is lowest."""
        if edge <= self.lowest:
            self.lowest, self.p_min, self.s_min = edge, self.p, edge - self.p

    def limit(self, deviations: float) -> float:
        return self.p_min + deviations * self.s_min


@detector("ddm", errors=True)
def ddm(
    history: Floats,
    *,
    warm_start: int = 30,
    warning_threshold: float = 2.0,
    drift_threshold: float = 3.0,
) -> Detection:
    """Detect a rising error rate, by its distance from the lowest it has been.

    Of a history of single outcomes, 1 for wrong and 0 for right: p is the rate so far
    and s its standard deviation, root of p (1 - p) / n. Where p + s exceeds the least
    rate by `warning_threshold` of its deviations the warning zone begins, by
    `drift_threshold` a change is detected; it probably began with the warning.
    `warm_start` outcomes come before the first judgement.

    Blind to a falling error rate, and slow on gradual changes and after a long quiet
    time, for the rate so far is a mean over everything (use `eddm` or `adwin`). Not
    for daily rates, which it refuses: its deviation is that of single outcomes. Where
    there was no error in the warm-up the first one is a change.

    Source: Gama et al., "Learning with drift detection", SBIA (2004). As in river, a
    limit must be exceeded where the paper lets it be reached, so that a history
    without any error raises no alarm.

    >>> import numpy as np
    >>> good, bad = np.tile([0, 0, 0, 1.0], 50), np.tile([0, 1.0, 1.0], 50)
    >>> found = ddm(np.concatenate([good, bad]))
    >>> found.first
    Change(at=232, since=214)
    """
    values = checked(history, errors=True)
    require(
        (warm_start >= 1, f"'warm_start' is {warm_start}, below 1"),
        (warning_threshold > 0, f"'warning_threshold' is {warning_threshold:g}"),
        (
            drift_threshold >= warning_threshold,
            f"'drift_threshold' is {drift_threshold:g}, below the warning's",
        ),
    )
    changes: list[Change] = []
    statistic = threshold = None
    rate = _Rate()
    for at, x in enumerate(values.tolist()):
        edge = rate.take(x)
        if rate.n <= warm_start:
            continue
        rate.remember(edge)
        statistic, threshold = edge, rate.limit(drift_threshold)
        if edge <= rate.limit(warning_threshold):
            rate.warned_at = None
        elif rate.warned_at is None:
            rate.warned_at = at
        if edge > threshold:
            since = at if rate.warned_at is None else rate.warned_at
            changes.append(Change(at=at, since=since))
            rate = _Rate()
    return Detection(
        n=len(values),
        changes=tuple(changes),
        warning=rate.warned_at,
        statistic=statistic,
        threshold=threshold,
    )
