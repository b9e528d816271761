"""How a stream's own windows differ from each other, and how unusual another one is.

Rows of one day share its weather. However many they are, a day tells of its level once:
what a further day may look like is learned from the days there were. Each stretch of
the reference, of one window's length, is reduced to the counts of a few groups; their
shares, in coordinates in which independent rows vary alike in all directions
(Pearson's metric), are a cloud of points, and another window is one point more.

Days differ in one direction above all: their level, which is the mean of the ranks of
an ordered column, and elsewhere the direction in which the stretches differ most. So a
window is asked two things. Is its level unusual: Student's t of a further observation.
And is its shape unusual, given its level: what the level and its square explain is
taken away first, and the rest is compared with what they left over in the reference
(the ANOVA-type statistic of Brunner, Dette and Munk, J. Am. Stat. Assoc. 92, 1997:
Box's approximation of a sum of unequal squares by an F distribution). A season, where
one is found, is taken away before both. So a shift of the level must exceed what days
do by themselves, and a change of shape cannot hide behind it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile, NumericProfile
from checks.compare import summed
from checks.season import Season
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
SEASONAL = 0.01
"""A season is believed in where chance would make one so rarely."""


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


@dataclass(frozen=True, slots=True)
class _Regression:
    """A linear regression: its coefficients, and how far out a further row lies."""

    coefficients: Floats
    spread: Floats

    @classmethod
    def of(cls, design: Floats, points: Floats) -> "_Regression":
        """Regress points on a design by least squares."""
        spread = np.asarray(np.linalg.pinv(design.T @ design), np.float64)
        return cls(spread @ design.T @ points, spread)

    def turned(self, axes: Floats) -> "_Regression":
        """Return the same regression in other coordinates of the points."""
        return _Regression(self.coefficients @ axes, self.spread)

    def leverage(self, term: Floats) -> float:
        """Return by which share of the residual variance a prediction is unsure."""
        return float(term @ self.spread @ term)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """What was learned from the stretches.

    `axes` (groups × d) turn shares into coordinates, the first of which is the level.
    `season` explains all of them by the moment, its terms less their `centre`; `shape`
    explains the others by the level and its square. `level` is the variance of the
    level (`unit` its deviation, no less than that of rows), `rest` the covariance of
    the others, with `degrees` of freedom. `memory` stretches make one independent one.
    `rows` are those of a typical stretch, and `noise` the variance that one row adds.
    `explains` tells whether there is a season.
    """

    axes: Floats
    waves: Season
    centre: Floats
    season: _Regression
    memory: float
    level: float
    unit: float
    degrees: float
    shape: _Regression
    rest: Floats
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
        rows = counts.sum(axis=1)
        axes, points = _cloud(counts)
        terms = waves.terms(seen.centres[held] if waves.waves else rows)
        centre = np.append(0.0, terms[:, 1:].mean(axis=0))
        season = _Regression.of(terms - centre, points)
        left = points - (terms - centre) @ season.coefficients
        turn = _turn(left, ordered=seen.ordered)
        left = left @ turn
        memory, used = _memory(left), float(np.linalg.matrix_rank(terms))
        free = len(left) - used * memory
        degrees = _independent(len(left), memory) - used
        if min(free, degrees) < FEWEST / 2:
            return None
        level = float((left[:, 0] ** 2).sum() / free)
        typical = 1 / float((1 / rows).mean())
        unit = math.sqrt(max(level, 1 / typical))
        bent = _bent(left[:, 0] / unit)
        shape = _Regression.of(bent, left[:, 1:])
        rest = left[:, 1:] - bent @ shape.coefficients
        covariance = rest.T @ rest / max(free - 2, 1.0)
        spare = float(np.trace(covariance)) / max(rest.shape[1], 1)
        return cls(
            axes=axes @ turn,
            waves=waves,
            centre=centre,
            season=season.turned(turn),
            memory=memory,
            level=level,
            unit=unit,
            degrees=degrees,
            shape=shape,
            rest=covariance,
            rows=typical,
            noise=max(1.0, spare * typical),
            explains=_explains(points, left, used),
        )

    def tail(self, before: Floats, now: Ints, rows: float, at: int | None) -> float:
        """Return the p-value of a window's counts: unusual in level, or in shape."""
        half = 0.5 / before.sum()
        share = (before / before.sum() + half) / (1 + half * len(before))
        term = np.eye(1, len(self.centre))[0]
        if at is not None:
            term = self.waves.terms(np.array([at]))[0] - self.centre
        point = (now / now.sum() - share) @ self.axes
        if at is not None:
            # The intercept too: rows weigh the whole, stretches the mean of the fit.
            point = point - term @ self.season.coefficients
        out = self.season.leverage(term) * self.memory
        # Few windows that one is compared with are unsure themselves.
        few = self.rows / float(before.sum())
        out += max(0.0, few - float(self.season.spread[0, 0]))
        # A smaller window than the stretches is noisier by what its rows lack.
        more = max(0.0, self.noise * (1 / rows - 1 / self.rows))
        level = max(self.level + more, 1 / rows) * (1 + out)
        deviations = abs(float(point[0])) / math.sqrt(level)
        ends = [2 * float(special.stdtr(self.degrees, -deviations))]
        if len(point) > 1:
            bent = _bent(point[:1] / self.unit)[0]
            left = point[1:] - bent @ self.shape.coefficients
            out += self.shape.leverage(bent) * self.memory
            ends.append(self._shape_tail(left, more, rows, 1 + out))
        return min(1.0, len(ends) * min(ends))

    def _shape_tail(
        self, left: Floats, more: float, rows: float, scale: float
    ) -> float:
        """Return the p-value of what the level leaves over, by Box's approximation."""
        degrees = max(self.degrees - 2, 2.0)
        total = float(np.trace(self.rest))
        squares = float((self.rest**2).sum())
        # The squares of a covariance that is estimated are too large by its errors.
        true = squares - total**2 / degrees
        true *= degrees**2 / ((degrees - 1) * (degrees + 2))
        d = len(left)
        kinds = min(max(total**2 / true, 1.0), d) if true > 0 else float(d)
        total = max(total + d * more, d / rows)
        figure = float(left @ left) / total / scale
        return float(special.fdtrc(kinds, kinds * degrees, figure))


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
    if ordered:
        return np.eye(points.shape[1])
    return np.asarray(np.linalg.eigh(points.T @ points)[1][:, ::-1])


def _bent(level: Floats) -> Floats:
    """Return the terms that a level explains other coordinates by."""
    return np.stack([np.ones(len(level)), level, level**2], axis=1)


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
    after = left.T @ left
    total = float(np.trace(after))
    gain = float(((points - points.mean(axis=0)) ** 2).sum()) - total
    if total <= 0.0:
        return gain > 0.0
    kinds = total**2 / float((after**2).sum())
    free = len(points) - used
    figure = gain / (used - 1) / (total / free)
    return float(special.fdtrc(kinds * (used - 1), kinds * free, figure)) < SEASONAL
