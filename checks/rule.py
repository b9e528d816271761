"""Another system's own rule: one figure, its threshold, and which side of it alarms.

A preset's verdict is what the other system would have said, to the letter: one key, no
correction, no budget, no smallest window. That is loud, and meant to be: a history that
is carried on must mean what it meant.
"""

import math
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from checks.bins import TINIEST, Floats, Ints
from checks.errors import Unmeasurable
from checks.rows import Values
from checks.statistic import Ruling, Statistic

_ONE_AT_A_TIME = threading.Lock()
"""Warnings are the whole process's; what is ignored is so for one thread at a time."""


class Alarm(StrEnum):
    """Where a figure alarms: the inequality between it and the threshold."""

    ABOVE = ">"
    FROM = "≥"
    BELOW = "<"
    UPTO = "≤"

    def crossed(self, figure: float, threshold: float) -> bool:
        """Return whether a figure alarms.

        >>> Alarm.FROM.crossed(0.1, 0.1), Alarm.ABOVE.crossed(0.1, 0.1)
        (True, False)
        """
        match self:
            case Alarm.ABOVE:
                return figure > threshold
            case Alarm.FROM:
                return figure >= threshold
            case Alarm.BELOW:
                return figure < threshold
            case Alarm.UPTO:
                return figure <= threshold

    @property
    def smaller_is_farther(self) -> bool:
        """Whether the figure is a p-value, which falls as the distance grows."""
        return self in (Alarm.BELOW, Alarm.UPTO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a method of another system came to, by the name it has there.

    `default` is its threshold unless a user sets one; None where it has none.
    """

    name: str
    value: float
    alarm: Alarm
    default: float | None


def ruled(
    figure: Figure,
    threshold: float | None,
    *,
    peer: str,
    rows: tuple[int, int],
    note: str = "",
) -> Statistic:
    """Return a statistic that the other system's rule has decided.

    A p-value p stands as 1 - p, and its threshold alike, so that larger is farther;
    `detail` tells the figure as the other system writes it. Raises Unmeasurable where
    the figure is no number.
    """
    if not math.isfinite(figure.value):
        cause = f"{peer}: {figure.name} is {figure.value} here, which decides nothing"
        raise Unmeasurable(cause)
    limit = figure.default if threshold is None else threshold
    turned = figure.alarm.smaller_is_farther
    value = 1 - figure.value if turned else figure.value
    said = f"{peer}: {figure.name} = {figure.value:.4g}"
    said += (
        ", and no threshold is set"
        if limit is None
        else f", alarms at {figure.alarm} {limit:.4g}"
    )
    return Statistic(
        value=value,
        low=value,
        high=value,
        p_value=None,
        n_reference=rows[0],
        n_current=rows[1],
        detail=f"{said}; {note}" if note else said,
        ruling=Ruling(
            crossed=limit is not None and figure.alarm.crossed(figure.value, limit),
            threshold=1 - limit if turned and limit is not None else limit,
        ),
    )


def both(reference: Values, current: Values) -> tuple[int, int]:
    """Return the rows with a value on either side; raises Unmeasurable at none."""
    for side, name in ((reference, "reference"), (current, "window")):
        if side.n == 0:
            cause = f"the {name} has no values in this column"
            raise Unmeasurable(cause)
        if side.column.kind.ordered:
            largest = max(-float(side.numbers[0]), float(side.numbers[-1]))
            if largest > 1 / TINIEST:
                cause = f"values of {largest:.3g} are beyond what float64 can square"
                raise Unmeasurable(cause)
    return reference.n, current.n


def counted(reference: Values, current: Values) -> tuple[Ints, Ints]:
    """Count every value of either side: levels, or distinct numbers, sorted."""
    if not reference.column.kind.ordered:
        levels = sorted({*reference.levels, *current.levels})
        return _of(levels, reference.levels), _of(levels, current.levels)
    values = np.union1d(reference.numbers, current.numbers)
    f, g = (
        np.searchsorted(side.numbers, values, "right")
        - np.searchsorted(side.numbers, values, "left")
        for side in (reference, current)
    )
    return f, g


def _of(levels: Sequence[str], counts: Mapping[str, int]) -> Ints:
    return np.array([counts.get(level, 0) for level in levels], np.int64)


def jensen_shannon(p: Floats, q: Floats, base: float | None = None) -> float:
    """Return the Jensen-Shannon distance, as `scipy.spatial.distance.jensenshannon`.

    Shares are made to sum to 1 first; `base` None takes natural logarithms.
    """
    if not (p.sum() and q.sum()):
        return math.nan
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = float(
        special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()
    )
    # Where both are the same but for rounding, what is left may lie below zero.
    return math.sqrt(max(0.0, divergence) / (math.log(base) if base else 1.0) / 2)


@contextmanager
def unwarned() -> Iterator[None]:
    """Let SciPy compute what it warns of: what comes of it is looked at anyhow."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def kolmogorov_smirnov_p(reference: Values, current: Values) -> float:
    """Return the p-value of `scipy.stats.ks_2samp`, which other systems call.

    Where SciPy cannot count the paths it takes the limit instead.
    """
    # Half a second of imports, that only those wait for who ask for such a check.
    from scipy import stats  # noqa: PLC0415

    with unwarned():
        return float(stats.ks_2samp(reference.numbers, current.numbers).pvalue)


def population_stability(p: Floats, q: Floats) -> float:
    """Return the population stability index of shares that are nowhere zero."""
    return float(((p - q) * np.log(p / q)).sum())
