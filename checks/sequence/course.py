"""What the history of a series says of its last point: calm, or changed since when.

A detector tells where a change began. Whether it still stands is asked of the points
that came after, so that an incident lasts as long as the change does: by Wald's
sequential test of the old level against the new one. Once the old level is back, the
points between are put on it, and the detector looks on. All of it is read from the
history, each time again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from checks.errors import Unmeasurable
from checks.exact import Floats
from checks.interval import Z
from checks.sequence.arl import limit_for, rate
from checks.sequence.detection import Change, checked
from checks.sequence.registry import Detector, get
from checks.sequence.scores import inflation, scores
from checks.statistic import Statistic

Convention = Literal["budget", "river"]
Direction = Literal["up", "down", "both"]

CUSUM = "cusum"
FEWEST = 10
"""Points before the first that is judged."""
SLACK = 0.25
"""Half the change, in standard deviations, that is to be found soonest."""
_RIVERS: Mapping[str, dict[str, Any]] = {
    "adwin": {"convention": "river", "delta": 0.002, "clock": 32},
    "kswin": {"convention": "river", "alpha": 0.005},
}
"""Where river's defaults are not the detectors' own."""
_CONVINCED = math.log(100)
"""The odds, as a logarithm, at which the old level is taken to be back."""
_REST = 5
"""Points that a chart rests once a change has gone: neighbours are often alike."""
_STEP = 4.0
"""What one point may say for either level: a single wild one is not believed alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a series is watched: a detector with its options, and how often it may err.

    `rate` is the chance of a false alarm that one point may take. By the convention
    `budget` it sets whatever limit the options leave open; by `river` the detector is
    river's, defaults included, and the rate is not asked for. So many points after a
    change `forget` makes the new level the usual one; None never does.
    """

    detector: str = CUSUM
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    convention: Convention = "budget"
    direction: Direction = "both"
    rate: float = 1 / 365
    forget: int | None = None

    def forgets(self, points: int) -> bool:
        """Tell whether a level that has stood for so many points is the usual one."""
        return self.forget is not None and points > self.forget

    def set_up(self) -> tuple[Detector, dict[str, Any]]:
        """Return the detector with all its options."""
        found, told = get(self.detector), dict(self.options)
        if self.convention == "river":
            return found, _RIVERS.get(self.detector, {}) | told
        direction = {"direction": told.get("direction", self.direction)}
        sides = 2 if direction["direction"] == "both" else 1
        own: dict[str, Any] = {}
        if self.detector == CUSUM:
            limit = limit_for(sides / self.rate, float(told.get("slack", SLACK)))
            own = {"estimates": "known", "warm_up": FEWEST, "slack": SLACK}
            own |= {"threshold": limit, **direction}
        elif self.detector == "page_hinkley":
            limit = limit_for(sides / self.rate, float(told.get("delta", SLACK)))
            own = {
                "min_instances": FEWEST + 1,
                "delta": SLACK,
                "threshold": limit,
                "alpha": 1.0,
            }
            own |= direction
        elif self.detector == "adwin":
            own = {"delta": self.rate}
        elif self.detector == "kswin":
            own = {"alpha": self.rate}
        return found, own | told


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a series came to at its last point.

    `change` is the one that stands, by position in the history; None while there is
    none. `statistic` measures it: `value` is how far the level lies from what it was,
    in the series' own unit, `at_reference` and `at_current` are both levels. While
    nothing stands they are the level so far, and the last point. `p_value` is how
    often a chart would alarm by chance at a limit as high as its sum, by point; None
    for the detectors that cannot say.
    """

    change: Change | None
    statistic: Statistic


def follow(history: Floats, rule: Rule) -> Course:
    """Say of the last point of a history, oldest first, whether a change stands.

    Raises Unmeasurable while there are too few points, or where one is no number, and
    OptionError for an option that the detector cannot take.
    """
    values = checked(history)
    detector, options = rule.set_up()
    if rule.convention == "river":
        return _as_river(values, detector, options)
    kept, seen, quiet = np.arange(len(values)), values.copy(), 0
    while True:
        found = detector.detect(_prepared(seen, options, quiet), **options)
        if found.first is None:
            if found.statistic is None:
                _too_few(len(values))
            p = _chance(found.statistic, options, rule)
            return Course(change=None, statistic=_calm(seen, p))
        change = _sharper(seen, found.first)
        back = _back(seen, change)
        if back is None and rule.forgets(len(seen) - change.since):
            kept, seen, quiet = kept[change.since :], seen[change.since :], 0
        elif back is None:
            break
        elif change.at >= quiet:
            # It was away and is back: its spread stays known, its level is forgotten.
            away = slice(change.since, back[0])
            seen[away] += seen[: change.since].mean() - seen[away].mean()
            quiet = back[1] + 1 + _REST
        else:
            away = slice(change.since, back[0])
            kept, seen = np.delete(kept, away), np.delete(seen, away)
            quiet = max(change.since, quiet - (away.stop - away.start))
    until = _prepared(seen, options, quiet)[: change.at + 1]
    summed = detector.detect(until, **options).statistic
    p = _chance(summed, options, rule)
    return Course(
        change=Change(at=int(kept[change.at]), since=int(kept[change.since])),
        statistic=_changed(seen, change, p),
    )


def _sharper(seen: Floats, change: Change) -> Change:
    """Return the change with its likeliest beginning, not before the detector's own.

    Where the means on both sides differ most for their numbers of points (Hinkley,
    Biometrika 57, 1970): a chart's sum has often wandered off zero some time before.
    """
    part = seen[: change.at + 1] - seen[0]
    n = len(part)
    cuts = np.arange(max(change.since, 1), n)
    if len(cuts) == 0:
        return change
    before = np.cumsum(part)[cuts - 1]
    apart = before / cuts - (part.sum() - before) / (n - cuts)
    likeliest = int(cuts[np.argmax(apart * apart * cuts * (n - cuts))])
    return Change(at=change.at, since=likeliest)


def _too_few(points: int) -> None:
    counted = f"{points} window" + ("" if points == 1 else "s")
    msg = f"the history is too short yet: {counted}"
    raise Unmeasurable(msg)


def _as_river(values: Floats, detector: Detector, options: dict[str, Any]) -> Course:
    """Say what river does: there is a change where the last point detects one."""
    found = detector.detect(values, **options)
    last = found.last
    if last is not None and last.at == len(values) - 1:
        return Course(change=last, statistic=_changed(values, last, None))
    if found.statistic is None and last is None:
        _too_few(len(values))
    return Course(change=None, statistic=_calm(values, None))


def _prepared(values: Floats, options: Mapping[str, Any], quiet: int) -> Floats:
    """Return the points in the unit that the detector's limit is meant in.

    The charts sum scores, and begin at zero, at `quiet`, once a change has gone: what
    said that the old level is back is no sign of another change.
    """
    if options.get("estimates") == "known" or "min_instances" in options:
        found = scores(values)
        found[:quiet] = 0.0
        return found
    if "delta" in options:
        base = values[:FEWEST]
        deviation = float(base.std(ddof=1)) if len(base) > 1 else 0.0
        return (values - values[:1]) / (deviation or 1.0)
    return values


def _chance(
    statistic: float | None, options: Mapping[str, Any], rule: Rule
) -> float | None:
    """Return how often a quiet history would come as far, by point."""
    slack = {CUSUM: "slack", "page_hinkley": "delta"}.get(rule.detector)
    if slack is None or statistic is None:
        return None
    sides = 2 if options["direction"] == "both" else 1
    return rate(statistic, options[slack], sides)


def _spread(before: Floats) -> float:
    """Return the standard deviation of one point, serial correlation included."""
    if len(before) < 2:  # noqa: PLR2004 - a deviation
        return 0.0
    rest = before - before[0]
    return float(rest.std(ddof=1)) * math.sqrt(inflation(before))


def _back(seen: Floats, change: Change) -> tuple[int, int] | None:
    """Return from where on the old level is back, and where that is certain.

    None while it is not. Wald's test: the sum of the logarithms of how much better the
    old level explains a point than the new one, never below zero, until it speaks for
    the old one.
    """
    before, since = seen[: change.since], seen[change.since : change.at + 1]
    if len(before) == 0:
        return None
    old, new = float(before.mean()), float(since.mean())
    spread, total, began = _spread(before), 0.0, change.at + 1
    for at in range(change.at + 1, len(seen)):
        total = max(0.0, total + _speaks(seen[at], old, new, spread))
        if total > _CONVINCED:
            return began, at
        began = began if total > 0 else at + 1
    return None


def _speaks(x: float, old: float, new: float, spread: float) -> float:
    """Return by how much a point speaks for the old level rather than the new one."""
    if old == new:
        return _STEP
    nearer = ((x - new) ** 2 - (x - old) ** 2) / 2
    if spread * spread == 0.0:
        return math.copysign(_STEP, nearer)
    return min(_STEP, nearer / (spread * spread))


def _changed(seen: Floats, change: Change, p: float | None) -> Statistic:
    """Measure a change that stands: the level since, beside the level before."""
    before, since = seen[: change.since], seen[change.since :]
    if len(before) == 0:
        before = seen[:1]
    arm = Z * _spread(before) * math.sqrt(1 / len(before) + 1 / len(since))
    return _measured(before, since, arm, p)


def _calm(seen: Floats, p: float | None) -> Statistic:
    """Measure the last point beside all that came before it."""
    before, last = seen[: max(1, len(seen) - 1)], seen[-1:]
    arm = Z * _spread(before) * math.sqrt(1 / len(before) + 1)
    return _measured(before, last, arm, p)


def _measured(before: Floats, since: Floats, arm: float, p: float | None) -> Statistic:
    old = float(before[0] + (before - before[0]).mean())
    new = float(since[0] + (since - since[0]).mean())
    value = abs(new - old)
    return Statistic(
        value=value,
        low=max(0.0, value - arm),
        high=value + arm,
        p_value=p,
        n_reference=len(before),
        n_current=len(since),
        at_reference=old,
        at_current=new,
    )
