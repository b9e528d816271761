"""So many rows in each stretch of time: the thresholds on the hash that keep them.

Where all rows of a stretch are at hand, its threshold is the largest of 1, 1/2, 1/4, …
that no more than the limit fall below: it depends on the set of rows alone, and what
they stand for has no bias (Wegman's adaptive sampling; Flajolet, "On adaptive
sampling", Computing 43, 1990). Where rows come one after the other it is halved as
they do: a row is kept with the chance that the threshold gives it at that moment, which
those before it decided, so that one over it is its weight.
"""

import math
from dataclasses import dataclass

import numpy as np

from checks.bins import Floats, Ints
from checks.classes import Bools
from monitor.sampling.rule import Looked

Group = tuple[int, int]
"""A stretch of time, and a part of its rows."""

FIRST = 0.75
"""The share of the limit that the first threshold of a stretch may keep."""
_MOST_STEPS = 50
MOST_GROUPS = 10_000
"""Groups whose thresholds a stream remembers; of more, the oldest stretches go."""


def grouped(looked: Looked, rows: Ints) -> list[tuple[Group, Ints]]:
    """Divide some rows by stretch and part; the rows of each in their order."""
    stretch, part = looked.stretch[rows], looked.part[rows]
    order = np.lexsort((part, stretch))
    stretch, part, rows = stretch[order], part[order], rows[order]
    if not len(rows):
        return []
    new = (stretch[1:] != stretch[:-1]) | (part[1:] != part[:-1])
    return [
        ((int(looked.stretch[found[0]]), int(looked.part[found[0]])), found)
        for found in np.split(rows, np.flatnonzero(new) + 1)
    ]


class Thresholds:
    """The thresholds of stretches whose rows are all looked at before one is kept."""

    def __init__(self, limit: int) -> None:
        """Look at nothing yet."""
        self._limit = limit
        self._least: dict[Group, Floats] = {}

    def add(self, looked: Looked) -> None:
        """Look at some rows; of each group the least hashes are remembered."""
        for group, rows in grouped(looked, np.flatnonzero(~looked.always)):
            found = looked.chance[rows]
            before = self._least.get(group)
            if before is not None:
                found = np.concatenate([before, found])
            if len(found) > self._limit + 1:
                found = np.partition(found, self._limit)[: self._limit + 1]
            self._least[group] = found

    def rates(self, looked: Looked) -> Floats:
        """Return the threshold of each row."""
        found = np.ones(len(looked.chance))
        for group, rows in grouped(looked, np.arange(len(found))):
            found[rows] = self.of(group)
        return found

    def of(self, group: Group) -> float:
        """Return the threshold of a group: 1 where its rows are no more than allowed.

        >>> few = Thresholds(2)
        >>> few._least[0, 0] = np.array([0.1, 0.2, 0.3, 0.9])[:3]
        >>> few.of((0, 0)), few.of((1, 0))
        (0.25, 1.0)
        """
        least = self._least.get(group)
        if least is None or len(least) <= self._limit:
            return 1.0
        # The first that is too many must not lie below the threshold.
        _, exponent = math.frexp(float(least.max()))
        return math.ldexp(1.0, exponent - 1) if least.max() > 0 else 2.0**-53


@dataclass(slots=True)
class _Sofar:
    """What was kept of a group: how many rows, what they stand for, from which step."""

    start: int
    kept: int = 0
    traffic: float = 0.0


class Stream:
    """The thresholds of stretches whose rows come one after the other.

    A stretch begins at the threshold that keeps half to all of three quarters of the
    limit, if it is like the one before: 1 where there was none. What is left of the
    limit goes to ever smaller thresholds, so that it is never passed.
    """

    def __init__(self, limit: int) -> None:
        """Keep nothing yet."""
        self._limit = limit
        self._groups: dict[Group, _Sofar] = {}

    def keep(self, looked: Looked) -> tuple[Bools, Floats]:
        """Decide on rows in their order: which are kept, and at which threshold."""
        mask = looked.always.copy()
        rate = np.ones(len(mask))
        for group, found in grouped(looked, np.flatnonzero(~looked.always)):
            sofar, rows = self._group(group), found
            while len(rows):
                step, room = self._step(sofar)
                below = np.flatnonzero(looked.chance[rows] < step)
                done = len(rows) if len(below) <= room else int(below[room])
                taken = rows[below[:room]]
                mask[taken], rate[taken] = True, step
                sofar.kept += len(taken)
                sofar.traffic += len(taken) / step
                rows = rows[done:]
        self._forget()
        return mask, rate

    def _group(self, group: Group) -> _Sofar:
        if group not in self._groups:
            before = self._groups.get((group[0] - 1, group[1]))
            times = before.traffic / (FIRST * self._limit) if before else 0.0
            start = max(0, math.ceil(math.log2(times))) if times > 0 else 0
            self._groups[group] = _Sofar(start)
        return self._groups[group]

    def _step(self, sofar: _Sofar) -> tuple[float, int]:
        """Return the threshold that holds now, and for how many more rows kept."""
        for halved in range(_MOST_STEPS):
            allowed = int(self._limit * (1 - (1 - FIRST) * FIRST**halved))
            if sofar.kept < max(1, allowed):
                break
        return math.ldexp(1.0, -sofar.start - halved), max(1, allowed - sofar.kept)

    def _forget(self) -> None:
        if len(self._groups) > MOST_GROUPS:
            newest = sorted(self._groups)[-MOST_GROUPS // 2 :]
            self._groups = {group: self._groups[group] for group in newest}


def chosen(looked: Looked, rate: Floats) -> tuple[Bools, Floats]:
    """Return which rows are kept at these rates, and what each row stands for."""
    mask = looked.always | (looked.chance < rate)
    return mask, np.where(looked.always, 1.0, 1 / rate)
