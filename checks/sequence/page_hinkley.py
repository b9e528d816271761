"""Page-Hinkley test."""

from dataclasses import dataclass
from typing import Literal

from checks.exact import Floats
from checks.sequence.detection import Change, Detection, checked, require
from checks.sequence.registry import detector

Direction = Literal["up", "down", "both"]


@dataclass(slots=True)
class _Sums:
    """The faded sums of deviations, their extremes, and where those were reached."""

    n: int = 0
    mean: float = 0.0
    rise: float = 0.0
    fall: float = 0.0
    lowest: float = float("inf")
    highest: float = float("-inf")
    lowest_at: int = 0
    highest_at: int = 0

    def take(self, at: int, x: float, delta: float, alpha: float) -> None:
        self.n += 1
        self.mean += (1.0 / self.n) * (x - self.mean)
        deviation = x - self.mean
        self.rise = alpha * self.rise + deviation - delta
        self.fall = alpha * self.fall + deviation + delta
        if self.rise < self.lowest:
            self.lowest, self.lowest_at = self.rise, at
        if self.fall > self.highest:
            self.highest, self.highest_at = self.fall, at

    def farthest(self, direction: Direction) -> tuple[float, int]:
        """Return the distance from the extreme, and where that was reached."""
        up = (self.rise - self.lowest, self.lowest_at)
        down = (self.highest - self.fall, self.highest_at)
        if direction == "both":
            return up if up[0] >= down[0] else down
        return up if direction == "up" else down


@detector("page_hinkley")
def page_hinkley(  # noqa: PLR0913 - each is one word of the method
    history: Floats,
    *,
    min_instances: int = 30,
    delta: float = 0.005,
    threshold: float = 50.0,
    alpha: float = 0.9999,
    direction: Direction = "both",
) -> Detection:
    """Detect a lasting move of the mean, by the sum of deviations from the mean so far.

    The sum of (value - mean so far - `delta`), faded by `alpha` a point, falls while
    nothing changes; a change is detected where it stands more than `threshold` above
    its lowest point, which is where the change began (for falling values the mirror
    image). `delta` is the move a point that is tolerated, and both are in the unit of
    the values: the defaults are river's, and the `threshold` means fifty points of a
    move by one. For a statistic near 0.1 choose one as small.
    With the defaults a third of stable histories of 1,000 points with a deviation of
    one alarm; with a `delta` of 0.5 and a `threshold` of 10, one in twenty-five.
    The start is vague where `delta` is far below the noise. `min_instances` points
    come before the first detection; `direction` is `up`, `down` or `both`.

    Blind to changes of anything but the mean (use `kswin`), and to moves below
    `delta`. Not for values whose unit you do not know: `cusum` counts in standard
    deviations. The mean so far follows a slow change and hides it.

    Source: Page, "Continuous inspection schemes", Biometrika 41 (1954); two-sided and
    faded as in river's PageHinkley, which this equals.

    >>> import numpy as np
    >>> page_hinkley(np.repeat([0.0, 1.0], [100, 100]), threshold=5.0).reason
    'A change was detected at point 105 of 200, and probably began at 100.'
    """
    values = checked(history)
    require(
        (min_instances >= 1, f"'min_instances' is {min_instances}, below 1"),
        (delta >= 0, f"'delta' is {delta:g}, below 0"),
        (threshold > 0, f"'threshold' is {threshold:g}, not above 0"),
        (0 < alpha <= 1, f"'alpha' is {alpha:g}, not above 0 and up to 1"),
        (direction in ("up", "down", "both"), f"'direction' cannot be {direction!r}"),
    )
    changes: list[Change] = []
    statistic: float | None = None
    sums = _Sums()
    for at, x in enumerate(values.tolist()):
        sums.take(at, x, delta, alpha)
        if sums.n < min_instances:
            continue
        statistic, extreme = sums.farthest(direction)
        if statistic > threshold:
            changes.append(Change(at=at, since=min(extreme + 1, at)))
            sums = _Sums()
    return Detection(
        n=len(values),
        changes=tuple(changes),
        statistic=statistic,
        threshold=None if statistic is None else threshold,
    )
