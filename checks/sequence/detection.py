"""What a detector found in a history, and which histories can be asked."""

import math
from dataclasses import dataclass

import numpy as np

from checks.errors import OptionError, Unmeasurable
from checks.exact import Floats

LARGEST = 1e150
"""Beyond this the square of a value is no float any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change: where it was detected, and where it probably began (positions)."""

    at: int
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a detector found in a history of `n` points, oldest first.

    `changes` are all that were detected, each after a fresh start behind the one
    before. `warning` is where the warning zone began that the history ends in.
    `statistic` is what the detector compares with its `threshold`, both at the last
    point, or at the last at which it could be measured since the latest change; None
    while there are too few points.
    """

    n: int
    changes: tuple[Change, ...] = ()
    warning: int | None = None
    statistic: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite."""
        for number in (self.statistic, self.threshold):
            if number is not None and not math.isfinite(number):
                msg = f"{number} is no statistic of a detector: it is finite"
                raise ValueError(msg)

    @property
    def first(self) -> Change | None:
        """The first change, if there is one."""
        return self.changes[0] if self.changes else None

    @property
    def last(self) -> Change | None:
        """The latest change, if there is one."""
        return self.changes[-1] if self.changes else None

    @property
    def reason(self) -> str:
        """Why there is a change or none, as a sentence.

        >>> Detection(n=90, changes=(Change(at=70, since=61),)).reason
        'A change was detected at point 70 of 90, and probably began at 61.'
        >>> Detection(n=1).reason
        'Nothing yet: too few points (1) to measure.'
        >>> Detection(n=90, statistic=0.25, threshold=0.5).reason
        'No change in 90 points: the statistic, 0.25, has not passed 0.5.'
        """
        if self.last is not None:
            more = len(self.changes) - 1
            return (
                f"A change was detected at point {self.last.at} of {self.n}, and"
                f" probably began at {self.last.since}"
                + (f"; before it, {more} more." if more else ".")
            )
        if self.statistic is None or self.threshold is None:
            return f"Nothing yet: too few points ({self.n}) to measure."
        if self.warning is not None:
            return f"No change in {self.n} points, but a warning since {self.warning}."
        return (
            f"No change in {self.n} points: the statistic, {self.statistic:.4g},"
            f" has not passed {self.threshold:.4g}."
        )


def checked(history: Floats, *, errors: bool = False) -> Floats:
    """Return the history as floats; with `errors` it may hold nothing but 0 and 1.

    Raises Unmeasurable, naming the first point that is not finite, too large to be
    squared or, where errors are counted, neither 0 nor 1.

    >>> checked(np.array([0.0, np.nan]))
    Traceback (most recent call last):
    checks.errors.Unmeasurable: point 1 of the history is nan, not a finite number
    """
    values = np.asarray(history, dtype=np.float64)
    if values.ndim != 1:
        msg = f"a history has one dimension, not {values.ndim}"
        raise Unmeasurable(msg)
    for fine, wanted in (
        (np.isfinite(values), "not a finite number"),
        (np.abs(values) <= LARGEST, f"beyond {LARGEST:g}"),
        (np.isin(values, (0.0, 1.0)) | (not errors), "neither 0 (right) nor 1 (wrong)"),
    ):
        if not fine.all():
            at = int(np.argmin(fine))
            msg = f"point {at} of the history is {values[at]:g}, {wanted}"
            raise Unmeasurable(msg)
    return values


def require(*laws: tuple[bool, str]) -> None:
    """Raise OptionError with the first sentence whose law does not hold.

    >>> require((1 > 0, "fine"), (-1 > 0, "delta is -1, and must be above 0"))
    Traceback (most recent call last):
    checks.errors.OptionError: delta is -1, and must be above 0
    """
    for holds, sentence in laws:
        if not holds:
            raise OptionError(sentence)
