"""Streams of daily windows whose truth is known: clean, or with one named shift.

Synthetic ones with independent rows, with days that have a level of their own, with
levels that follow each other, and with a weekly season; and the flights of a year, by
rows or by whole days drawn at random, which makes them clean by construction.
"""

import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.demo import flights

CLEAN = "clean"
SHIFTS = ("mean", "variance", "tail", "category", "missingness", "correlation")
KINDS = (CLEAN, *SHIFTS)
IID, AUTOCORRELATED, AR1, SEASONAL = "i.i.d.", "autocorrelated", "AR(1)", "seasonal"
SYNTHETIC = (IID, AUTOCORRELATED, AR1, SEASONAL)
FLIGHT_ROWS, FLIGHT_DAYS = "flights, rows", "flights, days"
STREAMS = (*SYNTHETIC, FLIGHT_ROWS, FLIGHT_DAYS)

LEVEL = 0.2
"""Standard deviation of a day's level, in those of a day's rows."""
FOLLOWS = 0.5
"""Correlation of a level with the one of the day before, where they follow."""
SEASON = 0.3
"""Amplitude of the week."""
TIE = 0.6
"""Correlation of the two columns whose tie a shift of correlation breaks."""
FLIGHT_COLUMNS = len(flights.FEATURES)
FLIGHTS_A_DAY = 922

Values = npt.NDArray[np.generic]
Table = dict[str, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of stream, rows of a window, columns, and days of the reference."""

    stream: str
    rows: int
    columns: int
    days: int = 60

    @property
    def seed(self) -> list[int]:
        """What the cell's chance is made from."""
        return [STREAMS.index(self.stream), self.rows, self.columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a shift is put; `spread` is the standard deviation of the number's rows."""

    number: str
    spread: float
    category: str
    rarest: str
    pair: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The rows of one day; days are numbered on from the reference's first."""

    number: int
    table: Table


class Stream(ABC):
    """The days of a reference, and branches that go on from its last one.

    The same cell and trial give the same days. A branch draws from its own seed and
    sets out `number` days later, so that it is the same however far others were read.
    """

    target: Target

    def __init__(self, cell: Cell, trial: int) -> None:
        """Stand before the first day."""
        self.cell, self.trial, self.number = cell, trial, 0
        self.rng = np.random.default_rng([*cell.seed, trial])

    def reference(self) -> list[Day]:
        """Return the days of the reference; read once, before any branch."""
        return [self.day(CLEAN) for _ in range(self.cell.days)]

    def branch(self, number: int) -> "Stream":
        """Return a stream that goes on from here with chance of its own."""
        branch = copy.deepcopy(self)
        branch.rng = np.random.default_rng([*self.cell.seed, self.trial, number + 1])
        for _ in range(number):
            branch.pass_over()
        return branch

    def day(self, kind: str) -> Day:
        """Return the next day, with a shift unless it is to be clean."""
        self.pass_over()
        table = self.rows()
        if kind != CLEAN:
            _SHIFT[kind](table, self.target, self.rng)
        return Day(number=self.number, table=table)

    def pass_over(self) -> None:
        """Go on to the next day."""
        self.number += 1

    @abstractmethod
    def rows(self) -> Table:
        """Return the day's rows."""


class Synthetic(Stream):
    """In every five columns a normal, a lognormal, a count, a Student's t, a category.

    The sixth column, normal too, is tied to the first.
    """

    target = Target(
        number="x0", spread=1.0, category="c4", rarest="level 7", pair=("x0", "x5")
    )

    def __init__(self, cell: Cell, trial: int) -> None:
        """Draw the level of each column on the day before the first."""
        super().__init__(cell, trial)
        self.levels = LEVEL * self.rng.normal(size=cell.columns)

    def pass_over(self) -> None:
        """Go on to the next day's levels."""
        super().pass_over()
        k = np.arange(self.cell.columns)
        fresh = LEVEL * self.rng.normal(size=len(k))
        match self.cell.stream:
            case "autocorrelated":
                self.levels = fresh
            case "AR(1)":
                share = np.sqrt(1 - FOLLOWS**2)
                self.levels = FOLLOWS * self.levels + share * fresh
            case "seasonal":
                self.levels = SEASON * np.sin(2 * np.pi * (self.number + k) / 7)
            case _:
                self.levels = np.zeros(len(k))

    def rows(self) -> Table:
        """Draw the rows around the day's levels."""
        first = self.rng.normal(size=self.cell.rows)
        table: Table = {}
        for k, level in enumerate(self.levels):
            if k % 5 == 4:
                table[f"c{k}"] = self._categories(float(level))
                continue
            z = first if k == 0 else self.rng.normal(size=self.cell.rows)
            if k == 5:
                z = TIE * first + np.sqrt(1 - TIE**2) * z
            table[f"x{k}"] = self._shaped(k, z + level)
        return table

    def _categories(self, level: float) -> Values:
        share = SHARE * np.exp(level * np.linspace(-1, 1, len(SHARE)))
        drawn = self.rng.choice(len(SHARE), self.cell.rows, p=share / share.sum())
        return NAMES[drawn]

    def _shaped(self, k: int, x: npt.NDArray[np.float64]) -> Values:
        match k % 5:
            case 1:
                return np.exp(x)
            case 2:
                return np.floor(np.exp(1 + x / 2))
            case 3:
                return x / np.sqrt(self.rng.chisquare(4, len(x)) / 4)
        return x


NAMES = np.array([f"level {i}" for i in range(8)], dtype=object)
SHARE = np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03])


@functools.cache
def _year() -> tuple[Mapping[str, Values], Target, list[npt.NDArray[np.int64]]]:
    """Return the year's columns, where shifts go, and the rows of each day."""
    frame = flights.load()
    columns: dict[str, Values] = {
        name: frame[name].to_numpy(object if name in flights.CATEGORIES else None)
        for name in flights.FEATURES
    }
    target = Target(
        number="distance",
        spread=float(np.std(columns["distance"].astype(float))),
        category="carrier",
        rarest=str(frame["carrier"].value_counts().index[-1]),
        pair=("temp", "dewp"),
    )
    # An id begins with the date on which New York's clocks stood.
    dates = frame[flights.ID].str.slice(0, len("2013-01-01"))
    return (
        columns,
        target,
        [np.array(at) for at in dates.groupby(dates).indices.values()],
    )


class Flights(Stream):
    """Flights drawn at random from a whole year: rows, or days with all their rows.

    Rows are drawn with replacement: independent, with a real joint distribution. Days
    are drawn without: each keeps its weather and its timetable, and whether a day is
    the reference's or a window was decided by lot alone.
    """

    def __init__(self, cell: Cell, trial: int) -> None:
        """Shuffle the days."""
        super().__init__(cell, trial)
        self.columns, self.target, days = _year()
        self.days = [days[i] for i in self.rng.permutation(len(days))]

    def branch(self, number: int) -> "Stream":
        """Shuffle the days that are left once more."""
        branch = copy.copy(self)
        branch.rng = np.random.default_rng([*self.cell.seed, self.trial, number + 1])
        branch.days = [self.days[i] for i in branch.rng.permutation(len(self.days))]
        branch.number += number
        return branch

    def rows(self) -> Table:
        """Take a day, or draw rows."""
        if self.cell.stream == FLIGHT_DAYS:
            at = self.days.pop()
        else:
            year = len(self.columns["distance"])
            at = self.rng.integers(year, size=self.cell.rows)
        return {name: values[at] for name, values in self.columns.items()}


def stream_of(cell: Cell, trial: int) -> Stream:
    """Return a cell's stream, before its first day."""
    kind = Synthetic if cell.stream in SYNTHETIC else Flights
    return kind(cell, trial)


def _mean(table: Table, at: Target, _: np.random.Generator) -> None:
    """Half a standard deviation upwards."""
    table[at.number] = table[at.number] + 0.5 * at.spread


def _variance(table: Table, at: Target, _: np.random.Generator) -> None:
    """Half as wide again around the window's own mean."""
    x = table[at.number]
    table[at.number] = x.mean() + 1.5 * (x - x.mean())


def _tail(table: Table, at: Target, rng: np.random.Generator) -> None:
    """One row in ten goes five standard deviations outwards."""
    x = table[at.number]
    table[at.number] = np.where(rng.random(len(x)) < 0.1, x + 5 * at.spread, x)


def _category(table: Table, at: Target, rng: np.random.Generator) -> None:
    """A quarter of the rows go over to the rarest level."""
    x = table[at.category].copy()
    x[rng.random(len(x)) < 0.25] = at.rarest
    table[at.category] = x


def _missingness(table: Table, at: Target, rng: np.random.Generator) -> None:
    """One row in five loses its value."""
    x = table[at.number]
    table[at.number] = np.where(rng.random(len(x)) < 0.2, np.nan, x)


def _correlation(table: Table, at: Target, rng: np.random.Generator) -> None:
    """One column of the pair is shuffled: both keep every one of their values."""
    table[at.pair[1]] = rng.permutation(table[at.pair[1]])


_SHIFT: dict[str, Callable[[Table, Target, np.random.Generator], None]] = {
    "mean": _mean,
    "variance": _variance,
    "tail": _tail,
    "category": _category,
    "missingness": _missingness,
    "correlation": _correlation,
}
