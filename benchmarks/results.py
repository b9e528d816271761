"""What was measured of one side in one cell, and the rates that it comes to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sides import BUDGET, OURS
from streams import CLEAN, Cell

CONFIDENCE = 0.99
PEERS = Path(__file__).with_name("peers.json")
"""What the peers came to when they were measured last: driftd changes more often."""


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

    def tally(self) -> "Tally":
        """Count the alarms."""

        def rates(rule: str, level: float) -> dict[str, Rate]:
            return {
                kind: Rate(
                    alarms=int((np.asarray(found) >= level).sum()), windows=len(found)
                )
                for kind, found in self.scores[rule].items()
            }

        return Tally(
            side=self.side,
            cell=self.cell,
            default={rule: rates(rule, 1.0) for rule in self.scores},
            equal={
                rule: rates(rule, level_of(rule, kinds[CLEAN]))
                for rule, kinds in self.scores.items()
            },
            delays={
                rule: {shift: _late(runs) for shift, runs in shifts.items()}
                for rule, shifts in self.delays.items()
            },
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Alarms of a side in a cell, by rule and kind of window.

    By `default`, and where false alarms are `equal` to driftd's budget. `delays` are
    the median and the 90th percentile of the windows until a shift is noticed.
    """

    side: str
    cell: Cell
    default: Mapping[str, Mapping[str, Rate]]
    equal: Mapping[str, Mapping[str, Rate]]
    delays: Mapping[str, Mapping[str, tuple[int, int]]]

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Tally":
        """Read what was written as JSON."""
        rates = {
            name: {
                rule: {kind: Rate(alarms=k, windows=n) for kind, (k, n) in told.items()}
                for rule, told in kept[name].items()
            }
            for name in ("default", "equal")
        }
        delays = {
            rule: {shift: (middle, late) for shift, (middle, late) in told.items()}
            for rule, told in kept["delays"].items()
        }
        return cls(side=kept["side"], cell=Cell(**kept["cell"]), **rates, delays=delays)

    def written(self) -> str:
        """Write it as one line of JSON."""
        rates = {
            name: {
                rule: {kind: [one.alarms, one.windows] for kind, one in told.items()}
                for rule, told in getattr(self, name).items()
            }
            for name in ("default", "equal")
        }
        head = {"side": self.side, "cell": asdict(self.cell)}
        return json.dumps({**head, **rates, "delays": self.delays})


def kept_peers() -> list[Tally]:
    """Read what the peers came to."""
    return [Tally.read(one) for one in json.loads(PEERS.read_text(encoding="utf-8"))]


def keep_peers(found: Iterable[Tally]) -> None:
    """Write what the peers came to."""
    lines = ",\n".join(one.written() for one in found)
    PEERS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _late(runs: Sequence[int]) -> tuple[int, int]:
    middle, late = (
        int(np.quantile(runs, share, method="inverted_cdf")) for share in (0.5, 0.9)
    )
    return middle, late


def level_of(rule: str, clean: Sequence[float]) -> float:
    """Return the level at which a peer's rule alarms as often as driftd's budget.

    It is the lowest at which no more than that share of the clean windows alarm, found
    on those windows themselves; driftd is judged at its own level, 1.
    """
    if rule == OURS:
        return 1.0
    allowed = int(BUDGET * len(clean))
    return float(np.nextafter(np.sort(clean)[-1 - allowed], np.inf))
