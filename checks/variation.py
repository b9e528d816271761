"""How a stream's own windows differ from each other, and how unusual another one is.

Rows of one day share its weather. However many they are, a day tells of its level once:
what a further day may look like is learned from the days there were. Each stretch of
the reference, of one window's length, is reduced to the counts of a few groups; their
shares, in coordinates in which independent rows vary alike in all directions
(Pearson's metric), are a cloud of points, and another window is one point more.

Days differ in one direction above all: their level, which is the mean of the ranks of
an ordered column unless its stretches differ far more in another direction, such as
their width, and elsewhere the direction in which they differ most. So a window is asked
two things. Is its level unusual: Student's t of a further observation. And is its shape
unusual, given its level: what the level and its powers explain is taken away first
(`checks/regression.py`), and the rest is compared with what they left over in the
reference (the ANOVA-type statistic of Brunner, Dette and Munk, J. Am. Stat. Assoc. 92,
1997: Box's approximation of a sum of unequal squares by an F distribution). A season,
where one is found, is taken away before both, and where stretches have heavier tails
than normal ones, both are asked by these (`checks/tails.py`). So a shift of the level
must exceed what days do by themselves, and a change of shape cannot hide behind it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile, NumericProfile
from checks.compare import summed
from checks.regression import CHANCE, Curve, Regression, by_chance
from checks.season import Season
from checks.tails import Tails, Whole, box
from checks.values import mix

FEWEST = 8
"""Stretches below which they tell too little of each other."""
MOST = 400
"""Stretches that are kept: more of them would hardly tell more."""
CUTS = np.array([0.02, 0.05, *np.arange(1, 10) / 10, 0.95, 0.98])
"""Shares of the rows at which an axis is cut: finer towards its ends."""
COMMON = 10
"""A value that one row in so many holds is told apart from all others."""
LEVELS = 20
"""Levels of a categorical column that are told apart, at most."""
EXPECTED = 1
"""Rows of a stretch below which a level is not told apart from the rest."""
LAGS = 14
"""Stretches over which one may remember another, at most."""
FARTHER = 4
"""Times that stretches vary more in another direction than in the mean of their ranks
before that direction is their level: where they differ in width above all."""
NEAREST = 0.1
"""Share of its variance that a stretch keeps, at least, beside what it taught."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variation:
    """Counts of a column's stretches: a row for each of them, a column for a group.

    `cells` names the group of each cell of the column's profile, and is empty where
    the groups are rows with a value and rows without one. `centres` are those of the
    stretches and `length` is theirs, in microseconds; without times they are empty and
    0. `ordered` says that the groups are neighbours on an axis. All of it is integers:
    its stored form is the same on every machine.
    """

    cells: Ints
    counts: Ints
    centres: Ints
    length: int
    ordered: bool = False

    @classmethod
    def of_values(
        cls,
        reference: ColumnProfile,
        stretches: Sequence[ColumnProfile],
        centres: Ints,
        length: int,
    ) -> "Variation":
        """Count the stretches of a column in groups that the reference decides."""
        cells = _groups(reference, len(stretches))
        counts = [summed(one, cells) for one in stretches]
        kept = cls._kept(cells, counts, centres, length)
        return replace(kept, ordered=not isinstance(reference, LevelProfile))

    @classmethod
    def of_missing(
        cls, stretches: Sequence[ColumnProfile], centres: Ints, length: int
    ) -> "Variation":
        """Count the rows with a value, and those without one, in each stretch."""
        counts = [np.array([one.n, one.missing]) for one in stretches]
        return cls._kept(np.empty(0, np.int64), counts, centres, length)

    @classmethod
    def _kept(
        cls, cells: Ints, counts: Sequence[Ints], centres: Ints, length: int
    ) -> "Variation":
        kept = chosen(len(counts))
        timed = len(centres) == len(counts)
        return cls(
            cells=cells,
            counts=np.stack(counts)[kept],
            centres=centres[kept] if timed else np.empty(0, np.int64),
            length=length if timed else 0,
        )

    def tail(
        self,
        reference: ColumnProfile,
        current: ColumnProfile,
        *,
        at: int | None,
        average: bool = False,
    ) -> float:
        """Return how rarely the stream shows a window as far as this from `reference`.

        `at` is the centre of the window in microseconds; None where it has no time.
        `average` says that it has none because it stands for windows of every hour and
        weekday alike. 0 where the stretches cannot tell: then nothing speaks against
        the window's being unusual.
        """
        fit = self._plain if at is None and not average else self._seasonal
        before, now = self._counted(reference), self._counted(current)
        if fit is None or not before.sum() or not now.sum():
            return 0.0
        # An expected window stands for fewer rows than it counts: its effect says so.
        # And rows with weights say less than as many of one weight.
        if len(self.cells):
            scale = reference.design_effect / current.design_effect
            scale /= reference.weight_effect
        else:
            scale = min(1.0, reference.missing_effect / current.missing_effect)
        return fit.tail(
            before / reference.weight_effect, now, float(now.sum()) * scale, at
        )

    def _counted(self, profile: ColumnProfile) -> Ints:
        if len(self.cells):
            return summed(profile, self.cells)
        return np.array([profile.n, profile.missing])

    def deviation(self, worth: Floats) -> float:
        """Return the standard deviation of a mean between stretches.

        The mean is of what a row of each group is `worth`, such as its value.
        """
        held = self.counts[self.counts.sum(axis=1) > 0]
        if len(held) < FEWEST:
            return 0.0
        return float(np.std(held @ worth / held.sum(axis=1), ddof=1))

    @cached_property
    def _plain(self) -> "_Fit | None":
        return _Fit.of(self, Season())

    @cached_property
    def _seasonal(self) -> "_Fit | None":
        season = Season.of(self.centres, self.length)
        if not season.waves:
            return self._plain
        found = _Fit.of(self, season)
        return found if found is not None and found.explains else self._plain


def chosen(stretches: int) -> Ints:
    """Return which of many stretches are kept: scattered, in step with no season.

    >>> chosen(3).tolist(), len(chosen(2000))
    ([0, 1, 2], 400)
    """
    if stretches <= MOST:
        return np.arange(stretches)
    scattered = mix(np.arange(stretches, dtype=np.uint64))
    return np.sort(np.argsort(scattered, kind="stable")[:MOST])


def _groups(reference: ColumnProfile, stretches: int) -> Ints:
    """Return the group of each cell: stretches of an axis, or levels common enough."""
    if isinstance(reference, NumericProfile):
        return _stretched(reference)
    common = np.argsort(-reference.counts, kind="stable")[:LEVELS]
    common = common[reference.counts[common] >= EXPECTED * stretches]
    group = np.full(len(reference.counts) + 1, len(common), np.int64)
    group[common] = np.arange(len(common))
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _stretched(reference: NumericProfile) -> Ints:
    """Group cells at CUTS of the rows, each common value by itself.

    What happens in a tail, or among the few values that are not zero, is not to hide in
    one wide group.
    """
    counts = reference.counts
    common = counts * COMMON >= max(reference.n, 1)
    rest = np.where(common, 0, counts)
    middle = (np.cumsum(rest) - rest / 2) / max(int(rest.sum()), 1)
    place = np.where(common, 0, np.searchsorted(CUTS, middle, "right"))
    group = (2 * np.cumsum(common) - common) * (len(CUTS) + 1) + place
    return np.asarray(np.unique(group, return_inverse=True)[1], np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a level explains of the other coordinates, and what it leaves over.

    `left` is left over in each stretch, and `total` its variance in all directions
    together: that of so many equal `kinds`, with `degrees` of freedom for each.
    """

    curve: Curve
    left: Floats
    total: float
    kinds: float
    degrees: float

    @classmethod
    def of(
        cls, level: Floats, others: Floats, *, free: float, degrees: float
    ) -> "_Shape":
        """Explain the other coordinates by the level."""
        curve = Curve.of(level, others)
        left = curve.left(level, others)
        covariance = left.T @ left / max(free - curve.powers, 1.0)
        degrees = max(degrees - curve.powers, 2.0)
        total, kinds = box(covariance, degrees)
        return cls(curve=curve, left=left, total=total, kinds=kinds, degrees=degrees)

    def tails(self, level: Floats, out: Floats, more: Floats) -> Tails:
        """Measure how far out the stretches lie; see `_tails`."""
        return _tails(self.left, self.kinds, out + self.curve.leverage(level), more)

    @property
    def spare(self) -> float:
        """The variance in one direction, on average."""
        return self.total / float(max(self.left.shape[1], 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """What was learned from the stretches.

    `axes` (groups × d) turn shares into coordinates, the first of which is the level.
    `season` explains all of them by the moment, its terms less their `centre`; `shape`
    explains the others by the level. `level` is the variance of the level (`unit` its
    deviation, no less than that of rows), with `degrees` of freedom. `memory` stretches
    make one independent one. `rows` are those of a typical stretch, and `noise` the
    variance that one row adds. `explains` tells whether there is a season.
    """

    axes: Floats
    waves: Season
    centre: Floats
    season: Regression
    memory: float
    level: float
    unit: float
    degrees: float
    level_tails: Tails
    shape: _Shape
    shape_tails: Tails
    whole: Whole
    rows: float
    noise: float
    explains: bool

    @classmethod
    def of(cls, seen: Variation, waves: Season) -> "_Fit | None":
        """Fit; None where the stretches are too few or hold one group alone."""
        held = seen.counts.sum(axis=1) > 0
        counts = seen.counts[held]
        if len(counts) < FEWEST or (counts.sum(axis=0) > 0).sum() < 2:  # noqa: PLR2004 - one cannot move
            return None
        rows, (axes, points) = counts.sum(axis=1), _cloud(counts)
        terms = waves.terms(seen.centres[held] if waves.waves else rows)
        terms -= (centre := np.append(0.0, terms[:, 1:].mean(axis=0)))
        season = Regression.of(terms, points)
        left = points - terms @ season.coefficients
        turn = _turn(left, ordered=seen.ordered)
        left = left @ turn
        memory, used = _memory(left), float(np.linalg.matrix_rank(terms))
        free = len(left) - used * memory
        degrees = _independent(len(left), memory) - used
        if min(free, degrees) < FEWEST / 2:
            return None
        typical = 1 / float((1 / rows).mean())
        level = float((left[:, 0] ** 2).sum() / free)
        unit, out = math.sqrt(max(level, 1 / typical)), season.leverage(terms)
        scaled = left[:, 0] / unit
        shape = _Shape.of(scaled, left[:, 1:], free=free, degrees=degrees)
        noise = max(1.0, shape.spare * typical)
        lacking = np.maximum(0.0, 1 / rows - 1 / typical)
        return cls(
            axes=axes @ turn,
            waves=waves,
            centre=centre,
            season=season.turned(turn),
            memory=memory,
            level=level,
            unit=unit,
            degrees=degrees,
            level_tails=_tails(left[:, :1], 1.0, out, noise * lacking / unit**2),
            shape=shape,
            shape_tails=shape.tails(scaled, out, lacking * typical),
            whole=Whole.of(left, free=free, degrees=degrees),
            rows=typical,
            noise=noise,
            explains=_explains(points, left, used),
        )

    def tail(self, before: Floats, now: Ints, rows: float, at: int | None) -> float:
        """Return the p-value of a window's counts: unusual in level, or in shape."""
        half = 0.5 / before.sum()
        share = (before / before.sum() + half) / (1 + half * len(before))
        term = np.eye(1, len(self.centre))
        if at is not None:
            term = self.waves.terms(np.array([at])) - self.centre
        point = (now / now.sum() - share) @ self.axes
        if at is not None:
            # The intercept too: rows weigh the whole, stretches the mean of the fit.
            point = point - term[0] @ self.season.coefficients
        out = float(self.season.leverage(term)[0]) * self.memory
        # Few windows that one is compared with are unsure themselves.
        few = self.rows / float(before.sum())
        out += max(0.0, few - float(self.season.spread[0, 0]))
        # A smaller window than the stretches is noisier by what its rows lack.
        more = max(0.0, self.noise * (1 / rows - 1 / self.rows))
        level = max(self.level + more, 1 / rows) * (1 + out)
        found = self.level_tails.beyond(point[:1], level, self.degrees)
        d = len(point) - 1
        if not d:
            return found
        gross = self.whole.beyond(point, (d + 1) / rows + d * more, 1 + out)
        at_level = point[:1] / self.unit
        out += float(self.shape.curve.leverage(at_level)[0]) * self.memory
        total = max(self.shape.total + d * more, d / rows) * (1 + out)
        left = self.shape.curve.left(at_level, point[None, 1:])[0]
        shape = self.shape_tails.beyond(left, total, self.shape.degrees)
        return min(1.0, 2 * min(found, shape, gross))


def _tails(points: Floats, kinds: float, out: Floats, more: Floats) -> Tails:
    """Measure how far out stretches lie, now and then.

    What each of them taught makes it look nearer, by its leverage `out`; few rows make
    it lie farther out, by this much `more` of the variance.
    """
    variance = np.maximum(1 - out, NEAREST) * (1 + more)
    return Tails.of(points / np.sqrt(variance)[:, None], kinds)


def _cloud(counts: Ints) -> tuple[Floats, Floats]:
    """Return axes, and each stretch's place on them as a distance from the whole.

    In these coordinates the shares of n independent rows have the variance 1 / n in
    all directions. The first is the mean of the ranks.
    """
    # Half a row: a group that the reference lacks can be entered, at a price.
    share = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * counts.shape[1])
    root = np.sqrt(share)
    ranks = np.cumsum(share) - share / 2 - 0.5
    whole = np.linalg.qr(np.stack([root, root * ranks], axis=1), mode="complete")[0]
    axes = whole[:, 1:] / root[:, None]
    return axes, (counts / counts.sum(axis=1)[:, None] - share) @ axes


def _turn(points: Floats, *, ordered: bool) -> Floats:
    """Return the axes on which the level is the first."""
    spread = points.T @ points
    sizes, axes = np.linalg.eigh(spread)
    if ordered and sizes[-1] < FARTHER * spread[0, 0]:
        return np.eye(len(spread))
    return np.asarray(axes[:, ::-1])


def _memory(points: Floats) -> float:
    """Return how many neighbouring stretches make one independent one.

    One and twice the autocorrelations, weighed down with the lag (Bartlett's kernel;
    Newey and West, Econometrica 55, 1987); at least 1.
    """
    n = len(points)
    total = float((points**2).sum())
    last = min(n // 4, LAGS)
    if total <= 0.0:
        return 1.0
    found = 1.0
    for lag in range(1, last + 1):
        weight = 2 * (1 - lag / (last + 1))
        found += weight * float((points[lag:] * points[:-lag]).sum()) / total
    return min(max(1.0, found), n / 3)


def _independent(stretches: int, memory: float) -> float:
    """Return how many independent stretches tell as much of a variance.

    Of an autoregression of first order with this memory (Bayley and Hammersley,
    Supplement to the J. R. Stat. Soc. 8, 1946).
    """
    follow = (memory - 1) / (memory + 1)
    return stretches * (1 - follow**2) / (1 + follow**2)


def _explains(points: Floats, left: Floats, used: float) -> bool:
    """Tell whether a season explains more of the stretches than chance would."""
    if used <= 1:
        return False
    centred = points - points.mean(axis=0)
    return by_chance(centred, left, int(used) - 1, len(points) - used) < CHANCE
