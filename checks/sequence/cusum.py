"""Tabular CUSUM chart."""

from dataclasses import dataclass
from typing import Literal

from checks.exact import Floats
from checks.sequence.detection import Change, Detection, checked, require
from checks.sequence.registry import detector
from checks.sequence.scores import scores

Direction = Literal["up", "down", "both"]
Estimates = Literal["warm_up", "running", "known"]


@dataclass(slots=True)
class _Chart:
    """A target and a deviation that stay, and the sums of what lies beyond them."""

    target: float
    deviation: float
    first: int
    high: float = 0.0
    low: float = 0.0

    @classmethod
    def of(cls, warm_up: Floats, first: int) -> "_Chart":
        """Return the chart of the points from `first` on, as the warm-up was."""
        base = float(warm_up[0])
        rest = warm_up - base  # a constant gives no deviation, not one of rounding
        return cls(base + float(rest.mean()), float(rest.std(ddof=1)), first)

    @classmethod
    def standard(cls, first: int) -> "_Chart":
        """Return the chart of points that are standardised already."""
        return cls(0.0, 1.0, first)

    def first_beyond(
        self, values: list[float], slack: float, threshold: float, direction: Direction
    ) -> Change | None:
        """Return the first change, or None after the last of the values."""
        k, h = slack * self.deviation, threshold * self.deviation
        rose = fell = self.first
        for at in range(self.first, len(values)):
            away = values[at] - self.target
            self.high = max(0.0, self.high + away - k)
            self.low = max(0.0, self.low - away - k)
            if direction != "down" and self.high > h:
                return Change(at=at, since=rose)
            if direction != "up" and self.low > h:
                return Change(at=at, since=fell)
            rose = rose if self.high > 0 else at + 1
            fell = fell if self.low > 0 else at + 1
        return None

    def farthest(self, direction: Direction) -> float:
        """Return the larger sum that counts, in standard deviations."""
        sums = {"up": self.high, "down": self.low, "both": max(self.high, self.low)}
        return sums[direction] / self.deviation if self.deviation > 0 else 0.0


@detector("cusum")
def cusum(  # noqa: PLR0913 - each is one word of the method
    history: Floats,
    *,
    warm_up: int = 30,
    slack: float = 0.5,
    threshold: float = 8.0,
    direction: Direction = "both",
    estimates: Estimates = "warm_up",
) -> Detection:
    """Detect a small lasting move of the mean, by sums of deviations beyond a slack.

    The first `warm_up` points give the target and the standard deviation, and are not
    judged. Then each point adds what it lies above the target by more than `slack`
    standard deviations to a sum that never falls below zero (and one for below); a
    change is detected where a sum exceeds `threshold` standard deviations, and began
    where it last left zero. `slack` is half the move to be found soonest.
    `direction` is `up`, `down` or `both`. After a detection all begins anew.

    The textbook's `threshold` of 5 supposes that target and deviation are known.
    With 30 points to estimate them it alarms in three of four stable years of daily
    normal values; 8 alarms in one of four, and with a `warm_up` of 100 in one of
    fifteen. With `running` `estimates` that price is not paid: each point is held
    against all before it (Hawkins' self-starting chart, one point worth at most
    three deviations, with serial correlation measured and allowed for), a warm-up of
    10 is enough, and the average run length is the textbook's. What is not found
    soon is then learned as the usual. `known` is for points that are standardised
    already: their target is 0, their deviation 1.

    Blind to changes of spread or shape that leave the mean (use `kswin`). Not for
    histories with a trend or a season: the target stays what the warm-up was. After a
    constant warm-up any other value is a change.

    Source: Page, "Continuous inspection schemes", Biometrika 41 (1954); tabular form
    and the slack of 0.5 as in Montgomery, "Introduction to Statistical Quality
    Control", chapter 9; Hawkins, "Self-starting CUSUM charts for location and
    scale", The Statistician 36 (1987).

    >>> import numpy as np
    >>> calm = np.tile([-1.0, 1.0], 50)
    >>> cusum(np.concatenate([calm, calm + 3.0])).reason
    'A change was detected at point 103 of 200, and probably began at 99.'
    """
    values = checked(history)
    require(
        (warm_up >= 2, f"'warm_up' is {warm_up}, below 2"),  # noqa: PLR2004 - a deviation
        (slack >= 0, f"'slack' is {slack:g}, below 0"),
        (threshold > 0, f"'threshold' is {threshold:g}, not above 0"),
        (direction in ("up", "down", "both"), f"'direction' cannot be {direction!r}"),
        (
            estimates in ("warm_up", "running", "known"),
            f"'estimates' cannot be {estimates!r}",
        ),
    )
    listed = values.tolist()
    changes: list[Change] = []
    statistic: float | None = None
    start = 0
    while start + warm_up < len(values):
        first = start + warm_up
        if estimates == "running":
            listed[start:] = scores(values[start:]).tolist()
        known = estimates != "warm_up"
        warmed_up = values[start:first]
        chart = _Chart.standard(first) if known else _Chart.of(warmed_up, first)
        change = chart.first_beyond(listed, slack, threshold, direction)
        statistic = chart.farthest(direction)
        if change is None:
            break
        changes.append(change)
        start = change.at + 1
    return Detection(
        n=len(values),
        changes=tuple(changes),
        statistic=statistic,
        threshold=None if statistic is None else threshold,
    )
