"""How long labels take to come, learned from those that came so far.

Of a prediction that was made a while ago only a label that took no longer than that can
have been seen. Delays are therefore kept beside how long each could have been, and
their distribution is estimated by the product limit of data truncated on the right.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from checks.additive import Additive, frozen
from checks.bins import Floats, Ints
from checks.classes import Bools
from checks.errors import Unmeasurable

PER_OCTAVE = 16
"""Cells for each doubling of a delay: from 3 to 6 % wide."""
OCTAVES = range(33)
"""Powers of two of a delay in seconds that have cells: 1 s to 272 years."""
CELLS = PER_OCTAVE * len(OCTAVES) + 2
MIN_AT_RISK = 30
"""Labels that must have been able to take as long, for how many did to be believed."""
MIN_LABELS = 100
"""Labels below which nothing is learned."""
SETTLED = 0.02
"""The share that the last half of the horizon may add where labels have all come."""


def _none() -> Ints:
    return frozen(np.zeros(CELLS, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delays(Additive):
    """Predictions and their labels, counted by time; mergeable, to the byte.

    `made` counts predictions by their age at the moment they were looked at, `waited`
    those of them whose label had come, by the same age, and `taken` the latter by how
    long the label took. `early` labels came before their prediction; they are among
    the shortest.
    """

    stored_as = "delays of labels"

    made: Ints = field(default_factory=_none)
    waited: Ints = field(default_factory=_none)
    taken: Ints = field(default_factory=_none)
    early: int = 0

    @classmethod
    def of(cls, made: Ints, known: Ints, labelled: Bools, as_of: int) -> Self:
        """Count predictions by when they were made and when their label came.

        All times are microseconds since the Unix epoch; `known` is read where a row is
        `labelled`, and is not after `as_of`.

        >>> minute = 60_000_000
        >>> made, came = np.array([0, 0, 9]) * minute, np.array([5, 0, 9]) * minute
        >>> there = np.array([True, False, True])
        >>> found = Delays.of(made, came, there, 10 * minute)
        >>> found.predictions, found.labels
        (3, 2)
        """
        took = known[labelled] - made[labelled]
        ages = cells(as_of - made)
        return cls(
            made=_counted(ages),
            waited=_counted(ages[labelled]),
            taken=_counted(np.minimum(cells(took), ages[labelled])),
            early=int(np.count_nonzero(took < 0)),
        )

    @property
    def predictions(self) -> int:
        """Predictions that were looked at."""
        return int(self.made.sum())

    @property
    def labels(self) -> int:
        """Those of them whose label had come."""
        return int(self.taken.sum())

    def curve(self) -> "Curve":
        """Learn how long labels take; raises Unmeasurable for too few of them."""
        horizon = self._horizon()
        if horizon == 0 or self.labels < MIN_LABELS:
            cause = f"{self.labels} labels are too few to learn how long they take"
            raise Unmeasurable(cause)
        taken, waited = self.taken.copy(), self.waited
        taken[horizon + 1 :] = 0
        could = np.cumsum(taken) - (np.cumsum(waited) - waited)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(taken > 0, 1 - taken / could, 1.0)
        after = np.append(np.cumprod(kept[:0:-1])[::-1], 1.0)
        share = np.clip(after, 0.0, 1.0)
        return Curve(
            share=share, horizon=horizon, labels=self.labels, ever=self._ever(share)
        )

    def _horizon(self) -> int:
        """Return the longest delay that enough labels could have had."""
        older = np.cumsum(self.waited[::-1])[::-1]
        return int(np.max(np.flatnonzero(older >= MIN_AT_RISK), initial=0))

    def _ever(self, share: Floats) -> float:
        """Return the share of predictions whose label ever comes."""
        here = float(arrived(share, self.made))
        rows = self.predictions
        return min(1.0, self.labels / (here * rows)) if here * rows > 0 else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """How long labels take: the share that has come by each age, of those that do.

    Labels that take longer than the `horizon`, the longest that was seen, cannot be
    foreseen; a curve is `settled` where hardly any came towards its end. `ever` is the
    share of predictions whose label ever comes.
    """

    share: Floats
    horizon: int
    labels: int
    ever: float

    def maturity(self, made: Ints) -> float:
        """Return which share of the labels that will come has, of these ages."""
        return float(arrived(self.share, made))

    def expected(self, made: Ints) -> float:
        """Return which share of predictions of these ages should have a label."""
        return self.ever * self.maturity(made)

    @cached_property
    def settled(self) -> bool:
        """Whether nearly all labels have come by the horizon."""
        half = max(0, self.horizon - PER_OCTAVE)
        return bool(1 - self.share[half] <= SETTLED)

    def quantile(self, share: float) -> float:
        """Return the seconds after which such a share of the labels has come."""
        return float(upper(int(np.searchsorted(self.share, share))))

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON types."""
        return {
            "labels": self.labels,
            "ever": self.ever,
            "settled": self.settled,
            "horizon_seconds": float(upper(self.horizon)),
            "delay_seconds": {
                f"p{round(100 * q)}": self.quantile(q) for q in (0.5, 0.9, 0.99)
            },
        }


def arrived(share: Floats, made: Ints) -> float:
    """Return the mean share of labels that have come at some ages; 1 of no rows.

    Within a cell an age is as likely anywhere: halfway between the ends is right.
    """
    rows = int(made.sum())
    if rows == 0:
        return 1.0
    middle = (share + np.concatenate([[0.0], share[:-1]])) / 2
    middle[-1] = share[-1]
    return float(np.dot(made, middle) / rows)


def cells(micros: Ints) -> Ints:
    """Return the cell of each stretch of time: 0 up to a second, then by its bits.

    >>> cells(np.array([-5, 0, 1_000_000, 2_000_000])).tolist()
    [0, 0, 1, 17]
    """
    seconds = np.maximum(micros / 1e6, 0.0)
    bits = np.ascontiguousarray(seconds).view(np.int64) >> 48
    lowest = 1023 * PER_OCTAVE
    return np.asarray(np.clip(bits - lowest + 1, 0, CELLS - 1), dtype=np.int64)


def upper(cell: int) -> float:
    """Return the seconds at which a cell ends.

    >>> upper(0), upper(16), upper(17)
    (1.0, 2.0, 2.125)
    """
    octave, step = divmod(min(cell, CELLS - 2), PER_OCTAVE)
    return float(2.0**octave * (1 + step / PER_OCTAVE))


def _counted(found: Ints) -> Ints:
    return frozen(np.bincount(found, minlength=CELLS).astype(np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """How many of a window's predictions have their label, and how many usually have.

    `usual` are the shares of earlier windows when these were as old.
    """

    rows: int
    labelled: int
    usual: tuple[float, ...] = ()

    @property
    def known(self) -> bool:
        """Whether enough earlier windows tell what is usual, and labels are."""
        return len(self.usual) >= MIN_WINDOWS and float(np.median(self.usual)) >= RARE


MIN_WINDOWS = 5
"""Earlier windows below which nobody knows what is usual."""
RARE = 0.01
"""A usual share below which labels come too late for a window to be asked for them."""
