"""The smallest shift that a suite of checks catches in a window of so many rows.

A shift is caught when both keys turn: the p-value is at most the level that the
correction leaves one check, and the lower bound of the effect lies above the threshold.
All of it follows from the reference's own profile. Where a count decides, its
distribution is known (binomial); for a movement along an axis the real check is asked
about the expected profile, and the window's own sampling error is added to the shift at
which it turns; for levels the real check is made on some windows, the same each time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from scipy import special

from checks.column import ColumnProfile, LevelProfile, NumericProfile
from checks.displacement import drawn, gathered, marred, moved, points, spread
from checks.errors import Unmeasurable
from checks.interval import Z
from checks.quality.volume import Usual
from checks.reference import Reference
from checks.statistic import Statistic
from checks.suite import Entry
from checks.threshold import judge
from checks.verdict import Status

POWER = 0.8
"""How often a shift is to be caught in one window."""
LUCK = float(special.ndtri(POWER))
"""How many standard errors an estimate falls short no oftener than that."""
STEPS = 30
"""Halvings of a search: nine digits."""
FARTHEST = 64.0
"""Standard deviations beyond which no column is moved."""
MOST_ROWS = 1 << 40
"""A window that nobody will ever have."""
PLENTY = 100.0
"""Effective rows on both sides from which a check that measures shares can fire."""

DRAWS = 60
"""Windows that are drawn where levels are too many for a formula."""

WIDEST = 12
"""Windows of a policy's memory up to which every past is looked at."""

Fires = Callable[[float], bool]
Measured = Callable[[ColumnProfile], Statistic]


class Unit(StrEnum):
    """What a smallest shift is counted in."""

    DEVIATIONS = "standard deviations"
    DISTANCE = "distance"
    SHARE = "share"
    FACTOR = "times the usual rows"


UNITS = {
    "wasserstein": Unit.DEVIATIONS,
    "mean_shift": Unit.DEVIATIONS,
    "prediction_drift": Unit.DEVIATIONS,
    "jensen_shannon": Unit.DISTANCE,
    "missing": Unit.SHARE,
    "out_of_range": Unit.SHARE,
    "unseen_category": Unit.SHARE,
    "volume": Unit.FACTOR,
}
"""The checks whose power is known, and what their shift is counted in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one check can see in a window of so many rows.

    `rows` are those with a value (all of them for `missing`), `effective` what serial
    correlation leaves of them. `shift` is the smallest one that is caught in
    `POWER` of the windows, on top of what the reference has; None where the check can
    never fire: then `cause` says why, and `needed` how many rows would do (None where
    no window would).
    """

    check: str
    column: str
    unit: Unit
    rows: int
    effective: float
    shift: float | None
    cause: str | None = None
    needed: int | None = None


def reach(entry: Entry, reference: Reference, rows: int, level: float) -> Reach | None:
    """Return what a check sees in a window of so many rows.

    None for a check whose power is not known, or a column that the reference lacks.
    Raises Unmeasurable when the check cannot be made on this column at all.
    """
    if UNITS.get(entry.check.name) is Unit.FACTOR:
        return _volume(entry, reference, rows, level)
    seen = sight(entry, reference, rows, level)
    if seen is None:
        return None
    shift = seen.smallest() if seen.rows and seen.can() else None
    unknown = seen.rows < entry.min_rows
    cause = needed = None
    if shift is None or unknown:
        shift = None
        needed = _enough(entry, reference, rows, level)
        cause = (
            f"below {entry.min_rows} rows it is UNKNOWN"
            if unknown
            else "not even a total displacement turns both keys"
        )
    return Reach(
        check=entry.check.name,
        column=entry.column or "",
        unit=_unit(entry, reference.column(entry.column or "")),
        rows=seen.rows,
        effective=seen.effective,
        shift=shift,
        cause=cause,
        needed=needed,
    )


def _volume(entry: Entry, reference: Reference, rows: int, level: float) -> Reach:
    """Return by which factor the rows must change, up or down, to be noticed."""
    usual = Usual.of(reference)
    turns = max(entry.threshold.fail + Z * usual.spread, usual.farthest(level))
    return Reach(
        check=entry.check.name,
        column="",
        unit=Unit.FACTOR,
        rows=rows,
        effective=rows,
        shift=2.0 ** (turns + LUCK * usual.spread),
    )


def waiting(power: float, for_: int, of: int | None) -> float:
    """Return the windows that pass, on average, until `for_` of the last `of` failed.

    Each fails with a chance of `power`, independently of the others.

    >>> round(waiting(0.8, 1, None), 3), round(waiting(0.8, 2, None), 3)
    (1.25, 2.812)
    >>> round(waiting(0.8, 2, 3), 3)
    2.552
    """
    width = of or for_
    if width > WIDEST:
        return for_ / power  # hardly ever is so long a memory full of passes
    still = {(False,) * (width - 1): 1.0}
    windows = 0.0
    while (alive := math.fsum(still.values())) > 1e-9 and windows < 1e6:  # noqa: PLR2004 - nobody waits so long
        windows += alive
        later: dict[tuple[bool, ...], float] = {}
        for past, chance in still.items():
            for failed, part in ((True, power), (False, 1 - power)):
                last = (*past, failed)
                if sum(last) < for_:
                    kept = last[1:]
                    later[kept] = later.get(kept, 0.0) + chance * part
        still = later
    return windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How a check sees a window: `can` it fire, and the `smallest` shift it catches.

    A check of a `movement` that cannot fire on some rows cannot on fewer of them, nor
    at a stricter level.
    """

    rows: int
    effective: float
    plenty: bool
    movement: bool
    can: Callable[[], bool]
    smallest: Callable[[], float]


def _unit(entry: Entry, column: ColumnProfile | None) -> Unit:
    """Return what a check's shift is counted in: levels have no deviations."""
    unit = UNITS[entry.check.name]
    levels = isinstance(column, LevelProfile) and unit is Unit.DEVIATIONS
    return Unit.DISTANCE if levels else unit


def sight(entry: Entry, reference: Reference, rows: int, level: float) -> Sight | None:
    """Return how a check sees so many rows of its column.

    None for one whose power is not known, or a column that the reference lacks. Raises
    Unmeasurable when it cannot be made.
    """
    column = reference.column(entry.column or "")
    if entry.check.name not in UNITS or column is None or column.rows == 0:
        return None
    kind = _unit(entry, column)
    missing = entry.check.name == "missing"
    if column.n == 0 and not missing:
        cause = "the reference has no values in this column"
        raise Unmeasurable(cause)
    m = rows if missing else round(rows * column.n / column.rows)
    effect = column.missing_effect if missing else column.design_effect
    effective = m / effect
    measured = partial(_measured, entry, reference, column)
    sees: _Numeric | _Levels | _Count
    if kind is Unit.DEVIATIONS and isinstance(column, NumericProfile):
        sees = _Numeric(
            entry,
            column,
            measured,
            effective,
            level,
            partial(_wobble, reference, column),
        )
    elif kind is Unit.DISTANCE and isinstance(column, LevelProfile):
        sees = _Levels(entry, column, measured, effective, level)
    elif kind is Unit.SHARE:
        sees = _Count(entry, column, measured, m, effect, level)
    else:
        return None
    known = column.rows if missing else column.n
    return Sight(
        rows=m,
        effective=effective,
        plenty=min(effective, known / effect) >= PLENTY,
        movement=isinstance(sees, _Numeric),
        can=sees.can,
        smallest=sees.smallest,
    )


def _enough(entry: Entry, reference: Reference, rows: int, level: float) -> int | None:
    """Return how many rows let a check fire; None where no number does."""

    def can(n: float) -> bool:
        seen = sight(entry, reference, math.ceil(n), level)
        if seen is None or seen.rows < max(1, entry.min_rows):
            return False
        return seen.can()

    high = float(max(rows, 1))
    while not can(high):
        high *= 2
        if high > MOST_ROWS:
            return None
    return math.ceil(_least(can, 0.0, high))


def _fires(found: Statistic, entry: Entry, level: float) -> bool:
    status, _ = judge(found, found.p_value, entry.threshold, level)
    return status is Status.FAIL


def _least(fires: Fires, low: float, high: float, steps: int = STEPS) -> float:
    """Return where something that fires at `high`, but not at `low`, begins to."""
    for _ in range(steps):
        middle = (low + high) / 2
        if fires(middle):
            high = middle
        else:
            low = middle
        if high - low < 1e-6 * high:
            break
    return high


@dataclass(frozen=True, slots=True)
class _Numeric:
    """A numeric column whose values all move by a distance, up or down."""

    entry: Entry
    column: NumericProfile
    measured: Measured
    effective: float
    level: float
    wobble: Callable[[], float]

    def can(self) -> bool:
        return any(self._reached(sign) is not None for sign in (1.0, -1.0))

    def smallest(self) -> float:
        """Return the smallest shift that is caught in both directions, or in one."""
        std = self.column.bins.std
        found = []
        for sign in (1.0, -1.0):
            far = self._reached(sign)
            if far is not None:
                fires = partial(self._turns, sign)
                found.append(_least(fires, far[0], far[1]))
        error = spread(self.column) / std / math.sqrt(self.effective)
        return max(found) + LUCK * max(error, self.wobble() / std)

    def _reached(self, sign: float) -> tuple[float, float] | None:
        """Return two shifts, of which the second is caught and the first is not."""
        low, high = 0.0, min(0.5, max(self.entry.threshold.fail, 1e-3))
        while not self._turns(sign, high):
            low, high = high, high * 2
            if high > FARTHEST:
                return None
        return low, high

    def _turns(self, sign: float, by: float) -> bool:
        distance = sign * by * self.column.bins.std
        current = moved(self.column, distance, self.effective)
        return _fires(self.measured(current), self.entry, self.level)


def _wobble(reference: Reference, column: NumericProfile) -> float:
    """Return the standard deviation of the mean between the reference's stretches."""
    kept = reference.variations.get(column.column.name)
    if kept is None:
        return 0.0
    where, counts = points(column)
    cells, groups = kept.cells[column.counts > 0], kept.counts.shape[1]
    held = np.bincount(cells, counts, groups)
    # A group that earlier windows leave empty is worth what all values are.
    middle = float(where @ counts) / column.n
    worth = np.bincount(cells, where * counts - middle * counts, groups)
    return kept.deviation(middle + worth / np.maximum(held, 1))


def _measured(
    entry: Entry, reference: Reference, known: ColumnProfile, current: ColumnProfile
) -> Statistic:
    """Make a check on a window that stands for every hour and weekday alike."""
    found: Statistic = entry.check.measure(known, current, **entry.options)
    return reference.unusual(found, current, entry.check.facet, at=None, average=True)


@dataclass(frozen=True, slots=True)
class _Levels:
    """A categorical column whose rows go over to its rarest level."""

    entry: Entry
    column: LevelProfile
    measured: Measured
    effective: float
    level: float

    def can(self) -> bool:
        return self._turns(1.0)

    def smallest(self) -> float:
        """Return the smallest distance that is caught."""
        caught = _least(self._often, 0.0, 1.0, steps=10)
        return self._at(caught).value

    def _often(self, share: float) -> bool:
        """Tell whether POWER of the windows that chance makes are caught.

        Once so many are, or so many are not, the others decide nothing.
        """
        expected = gathered(self.column, share, self.effective)
        caught = missed = 0
        for window in drawn(expected, DRAWS):
            if _fires(self.measured(window), self.entry, self.level):
                caught += 1
            else:
                missed += 1
            if caught >= POWER * DRAWS or DRAWS - missed < POWER * DRAWS:
                break
        return caught >= POWER * DRAWS

    def _at(self, share: float) -> Statistic:
        current = gathered(self.column, share, self.effective)
        return self.measured(current)

    def _turns(self, share: float) -> bool:
        return _fires(self._at(share), self.entry, self.level)


@dataclass(frozen=True, slots=True)
class _Count:
    """A share of rows that grows: those missing, out of range, or unseen."""

    entry: Entry
    column: ColumnProfile
    measured: Measured
    rows: int
    effect: float
    level: float

    def can(self) -> bool:
        return self.rows > 0 and self._turns(self.rows)

    def smallest(self) -> float:
        """Return by how much the share must grow.

        The count is binomial: its upper tail is an incomplete beta function, whose
        inverse is the share at which the least count that fires is reached often.
        """
        low, high = 0, self.rows
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._turns(middle) else (middle, high)
        least = high / self.effect
        rest = max(self.rows / self.effect - least, 0.0) + 1
        before = self._at(high).at_reference or 0.0
        return max(0.0, float(special.betaincinv(least, rest, POWER)) - before)

    def _turns(self, count: int) -> bool:
        return _fires(self._at(count), self.entry, self.level)

    def _at(self, count: int) -> Statistic:
        missing = self.entry.check.name == "missing"
        current = marred(self.column, count, self.rows, missing=missing)
        return self.measured(current)
