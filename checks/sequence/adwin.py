"""Adaptive windowing."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from checks.exact import Floats
from checks.sequence.detection import Change, Detection, checked, require
from checks.sequence.registry import detector

Convention = Literal["paper", "river"]
Ints = npt.NDArray[np.int64]

_LEAST, _MOST = 16, 1024
"""Points looked at together: few behind a change, where the next is likely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """When two parts of a window differ."""

    delta: float
    max_buckets: int
    min_length: int
    grace: int
    river: bool

    def strongest(self, sums: Floats, block: "_Block") -> tuple[Floats, Floats]:
        """Return the distance of means, and its limit, at the most telling cut.

        One of each for every row of the block; nan where there is no cut. `sums` are
        the running sums of the values from the window's start, beginning with 0.
        """
        used = int(np.flatnonzero(block.counts.any(axis=0)).max(initial=0)) + 1
        counts, sizes = block.counts[:, :used], 1 << np.arange(used)
        behind = block.width[:, None] - np.cumsum(counts * sizes, axis=1)
        nth = np.arange(1, self.max_buckets + 1)
        ends = behind[:, :, None] + nth * sizes[:, None]
        there = nth <= counts[:, :, None]
        shape = (len(counts), used * self.max_buckets)
        n0 = np.where(there, ends, 0).reshape(shape)
        width = block.width[:, None]
        away, far = self._cut(n0, width, sums, (block.squares / block.width)[:, None])
        shorter = np.minimum(n0, width - n0)
        judged = (shorter >= self.min_length) & (width > self.grace)
        most = np.where(judged, away - far, -np.inf).argmax(axis=1)
        chosen = np.arange(len(most)), most
        gap = np.where(judged[chosen], away[chosen], np.nan)
        return gap, np.where(judged[chosen], far[chosen], np.nan)

    def _cut(
        self, n0: Ints, width: Ints, sums: Floats, variance: Floats
    ) -> tuple[Floats, Floats]:
        """Return the distance of the means of the two sides of cuts, and its limit."""
        n1, u0 = width - n0, sums[n0]
        short = self.min_length - 1 if self.river else 0
        share = 1 / np.maximum(n0 - short, 1) + 1 / np.maximum(n1 - short, 1)
        away = np.abs(u0 / np.maximum(n0, 1) - (sums[width] - u0) / np.maximum(n1, 1))
        term = np.log(2 * np.log(np.maximum(width, 2)) / self.delta)
        return away, np.sqrt(2 * share * variance * term) + 2 / 3 * term * share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A window after each of some points, a row each.

    Its buckets of 1, 2, 4, ... points, its width, mean and squared deviations.
    """

    counts: Ints
    width: Ints
    mean: Floats
    squares: Floats

    def only(self, chosen: npt.NDArray[np.bool_] | slice) -> "_Block":
        return _Block(
            counts=self.counts[chosen],
            width=self.width[chosen],
            mean=self.mean[chosen],
            squares=self.squares[chosen],
        )

    def grown(self, values: list[float], max_buckets: int) -> "_Block":
        """Return the window after each of the values that come after its last row."""
        rows: list[int] = self.counts[-1].tolist()
        width, mean = int(self.width[-1]), float(self.mean[-1])
        squares = float(self.squares[-1])
        counts, means, deviations = [], [], []
        for x in values:
            rows[0] += 1
            row = 0
            while rows[row] > max_buckets:
                rows[row] -= 2
                row += 1
                rows[row] += 1
            width += 1
            away = x - mean
            mean += away / width
            squares += away * (x - mean)
            counts.append(rows.copy())
            means.append(mean)
            deviations.append(squares)
        first = int(self.width[-1]) + 1
        return _Block(
            counts=np.array(counts, dtype=np.int64),
            width=np.arange(first, width + 1),
            mean=np.array(means),
            squares=np.array(deviations),
        )

    def shrunk(self, values: Floats) -> "_Block":
        """Return the window without its oldest bucket; the values are the window's."""
        counts = self.counts.copy()
        row = int(np.flatnonzero(counts[-1])[-1])
        counts[-1, row] -= 1
        rest = values[1 << row :]
        mean = rest.mean() if len(rest) else 0.0
        return _Block(
            counts=counts,
            width=self.width - (1 << row),
            mean=np.array([mean]),
            squares=np.array([((rest - mean) ** 2).sum()]),
        )


def _empty(n: int) -> _Block:
    """Return a window of nothing, with room for the buckets of n points."""
    return _Block(
        counts=np.zeros((1, n.bit_length() + 1), dtype=np.int64),
        width=np.zeros(1, dtype=np.int64),
        mean=np.zeros(1),
        squares=np.zeros(1),
    )


def _sums(values: Floats) -> Floats:
    """Return the running sums, from 0, of the distances from the first value.

    Of the values themselves, a constant would have sums of rounding errors.
    """
    return np.concatenate([[0.0], np.cumsum(values - values[:1])])


@detector("adwin")
def adwin(  # noqa: PLR0913 - each is one word of the method
    history: Floats,
    *,
    delta: float = 0.002,
    clock: int = 1,
    max_buckets: int = 5,
    min_window_length: int = 5,
    grace_period: int = 10,
    convention: Convention = "paper",
) -> Detection:
    """Detect a change of the mean, by cutting a window that grows while nothing moves.

    At each cut into an older and a newer part, the means may differ by what chance
    allows at the level `delta`; where they differ by more, a change is detected and
    the oldest points are dropped until no cut tells of one. It probably began where
    the remaining window does. Points are kept in buckets of 1, 2, 4, ..., at most
    `max_buckets` of a size: cuts lie between buckets. `clock` is how often it is
    looked (river: every 32 points), both parts have `min_window_length` points, and
    windows up to `grace_period` points are not judged.

    By the `convention` `paper` what remains of the window is kept; where more of the
    old points go as the new ones become many, this is still the same change. `river`
    repeats river 0.26: the window is emptied, and in the limit both parts count as
    shorter by `min_window_length - 1`.

    Blind to changes that leave the mean (use `kswin`). Meant for values from 0 to 1,
    such as errors, rates and distances: part of the limit is absolute, so that it is
    deaf to moves far below 0.1 in short histories. Not for a few dozen points (use
    `cusum`).

    Source: Bifet and Gavaldà, "Learning from time-changing data with adaptive
    windowing", SDM (2007), ADWIN2 with the limit of its section 3.

    >>> import numpy as np
    >>> adwin(np.repeat([0.2, 0.8], [200, 200])).reason
    'A change was detected at point 214 of 400, and probably began at 192.'
    """
    values = checked(history)
    require(
        (0 < delta < 1, f"'delta' is {delta:g}, not between 0 and 1"),
        (clock >= 1, f"'clock' is {clock}, below 1"),
        (max_buckets >= 2, f"'max_buckets' is {max_buckets}, below 2"),  # noqa: PLR2004 - two merge
        (min_window_length >= 1, f"'min_window_length' is {min_window_length}"),
        (grace_period >= 0, f"'grace_period' is {grace_period}, below 0"),
        (convention in ("paper", "river"), f"'convention' cannot be {convention!r}"),
    )
    rule = _Rule(
        delta=delta,
        max_buckets=max_buckets,
        min_length=min_window_length,
        grace=grace_period,
        river=convention == "river",
    )
    changes, window, start = _scan(values, rule, clock)
    statistic = threshold = None
    if int(window.width[-1]) > 0:
        gap, limit = rule.strongest(_sums(values[start:]), window)
        if np.isfinite(gap[0]):
            statistic, threshold = float(gap[0]), float(limit[0])
    return Detection(
        n=len(values), changes=changes, statistic=statistic, threshold=threshold
    )


def _scan(
    values: Floats, rule: _Rule, clock: int
) -> tuple[tuple[Change, ...], _Block, int]:
    """Return the changes, the window after the last point, and where that begins."""
    changes: list[Change] = []
    window, start, now, epoch = _empty(len(values)), 0, 0, 0
    chunk = _LEAST
    while now < len(values):
        coming = values[now : now + chunk].tolist()
        block = window.grown(coming, rule.max_buckets)
        looked = (np.arange(now, now + len(coming)) - epoch + 1) % clock == 0
        found = _first(rule, values[start : now + len(coming)], block, looked)
        if found is None:
            now, window = now + len(coming), block.only(slice(-1, None))
            chunk = min(2 * chunk, _MOST)
            continue
        chunk = _LEAST
        now += found + 1
        window, dropped = _dropped(
            rule, values[start:now], block.only(slice(found, found + 1))
        )
        start += dropped
        if changes and start <= changes[-1].at:  # the same change, dug out further
            changes[-1] = replace(changes[-1], since=start)
        else:
            changes.append(Change(at=now - 1, since=start))
        if rule.river:
            window, start, epoch = _empty(len(values)), now, now
    return tuple(changes), window, start


def _first(
    rule: _Rule, values: Floats, block: _Block, looked: npt.NDArray[np.bool_]
) -> int | None:
    """Return the first row of the block that was looked at and tells of a change."""
    rows = np.flatnonzero(looked)
    if not len(rows):
        return None
    gap, limit = rule.strongest(_sums(values), block.only(looked))
    beyond = gap > limit
    return int(rows[np.argmax(beyond)]) if beyond.any() else None


def _dropped(rule: _Rule, values: Floats, window: _Block) -> tuple[_Block, int]:
    """Drop the oldest points while a cut tells of a change; return how many, too."""
    dropped, telling = 0, True
    while telling:
        smaller = window.shrunk(values[dropped:])
        dropped += int(window.width[0] - smaller.width[0])
        window = smaller
        gap, limit = rule.strongest(_sums(values[dropped:]), window)
        telling = bool(gap[0] > limit[0])
    return window, dropped
