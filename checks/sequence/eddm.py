"""Early drift detection method."""

import math
from dataclasses import dataclass

from checks.exact import Floats
from checks.sequence.detection import Change, Detection, checked, require
from checks.sequence.registry import detector


@dataclass(slots=True)
class _Distances:
    """The distances between errors so far: their mean, their spread, their best."""

    first: int
    last_error: int
    errors: int = 0
    mean: float = 0.0
    squares: float = 0.0
    best: float = -1.0
    warned_at: int | None = None

    def take(self, at: int) -> float:
        """Count the error at that point; return mean + 2 deviations of distances."""
        self.errors += 1
        distance = at - self.last_error
        self.last_error = at
        before = self.mean
        self.mean += (1.0 / self.errors) * (distance - before)
        self.squares += (distance - before) * (distance - self.mean)
        variance = self.squares / (self.errors - 1) if self.errors > 1 else 0.0
        return self.mean + 2 * math.sqrt(variance)


@detector("eddm", errors=True)
def eddm(
    history: Floats,
    *,
    warm_start: int = 30,
    alpha: float = 0.95,
    beta: float = 0.9,
) -> Detection:
    """Detect errors that come closer together, by the distances between them.

    Of a history of single outcomes, 1 for wrong and 0 for right: mean plus two
    deviations of the distances between errors, as a share of the most it has been.
    Below `alpha` the warning zone begins, below `beta` a change is detected; it
    probably began with the warning. `warm_start` errors come before the first
    judgement. The statistic is one minus that share, and so is its threshold: larger
    is farther, as everywhere.

    Blind to a falling error rate. Not where silence is worth more than speed: the
    most so far is a maximum of noise, so that the defaults alarm in nine of ten stable
    histories of 365 outcomes with one error in five (use `ddm` or `adwin`, or lower
    `alpha` and `beta`). Not for daily rates, which it refuses.

    Source: Baena-García et al., "Early drift detection method", IWKDDS (2006);
    detections as in river. A new maximum also ends the warning zone, which river
    leaves standing until the next error.

    >>> import numpy as np
    >>> chance = np.random.default_rng(7).random(2000)
    >>> wrong = chance < np.repeat([0.1, 0.4], 1000)
    >>> found = eddm(wrong, alpha=0.8, beta=0.75)
    >>> found.first
    Change(at=1181, since=1104)
    """
    values = checked(history, errors=True)
    require(
        (warm_start >= 1, f"'warm_start' is {warm_start}, below 1"),
        (0 < beta <= alpha, f"'beta' is {beta:g}, not above 0 and up to 'alpha'"),
        (alpha <= 1, f"'alpha' is {alpha:g}, above 1"),
    )
    changes: list[Change] = []
    statistic: float | None = None
    distances = _Distances(0, -1)
    for at in values.nonzero()[0].tolist():
        spread = distances.take(at)
        if at - distances.first < warm_start:
            continue
        if spread > distances.best:
            distances.best = spread
            distances.warned_at = None
        if distances.errors <= warm_start:
            continue
        level = spread / distances.best
        statistic = 1 - level
        if level >= alpha:
            distances.warned_at = None
        elif distances.warned_at is None:
            distances.warned_at = at
        if level < beta:
            since = at if distances.warned_at is None else distances.warned_at
            changes.append(Change(at=at, since=since))
            distances = _Distances(at + 1, at)
    return Detection(
        n=len(values),
        changes=tuple(changes),
        warning=distances.warned_at,
        statistic=statistic,
        threshold=None if statistic is None else 1 - beta,
    )
