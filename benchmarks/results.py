"""What was measured of one side in one cell, and the rates that it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sides import BUDGET, OURS
from streams import Cell

CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Scores of windows by rule and kind, delays by rule and shift, and seconds."""

    side: str
    cell: Cell
    scores: Mapping[str, Mapping[str, Sequence[float]]]
    delays: Mapping[str, Mapping[str, Sequence[int]]]
    seconds: float

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Measured":
        """Read what was written as JSON."""
        return cls(**{**kept, "cell": Cell(**kept["cell"])})

    def rate(self, rule: str, kind: str, *, level: float = 1.0) -> "Rate":
        """Return the alarms among windows of a kind, at a level of the score."""
        found = np.asarray(self.scores[rule][kind])
        return Rate(alarms=int((found >= level).sum()), windows=len(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Alarms among windows."""

    alarms: int
    windows: int

    @property
    def share(self) -> float:
        """Alarms a window."""
        return self.alarms / self.windows

    @property
    def interval(self) -> tuple[float, float]:
        """The 99 % interval of Clopper and Pearson."""
        found = stats.binomtest(self.alarms, self.windows).proportion_ci(CONFIDENCE)
        return float(found.low), float(found.high)

    @property
    def beyond(self) -> bool:
        """Whether the whole interval lies above the budget."""
        return self.interval[0] > BUDGET

    def below(self, other: "Rate") -> bool:
        """Tell whether it is certainly lower than another (Fisher's exact test)."""
        table = [
            [self.alarms, self.windows - self.alarms],
            [other.alarms, other.windows - other.alarms],
        ]
        found = stats.fisher_exact(table, alternative="less")
        return bool(found.pvalue < (1 - CONFIDENCE) / 2)


def level_of(rule: str, clean: Sequence[float]) -> float:
    """Return the level at which a peer's rule alarms as often as driftd's budget.

    It is the lowest at which no more than that share of the clean windows alarm, found
    on those windows themselves; driftd is judged at its own level, 1.
    """
    if rule == OURS:
        return 1.0
    allowed = int(BUDGET * len(clean))
    return float(np.nextafter(np.sort(clean)[-1 - allowed], np.inf))
