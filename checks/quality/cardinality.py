"""How many different values a column has, for so many rows."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from checks.column import ColumnProfile, LevelProfile
from checks.compare import measurable
from checks.errors import Unmeasurable
from checks.interval import Z, normal_tail
from checks.reference import MIN_BLOCKS
from checks.registry import check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

FARTHEST = 2.0
"""How many times the reference's rows a window may have: beyond is guesswork."""


@check(
    "cardinality",
    family=Family.QUALITY,
    threshold=1.0,
    kinds=(Kind.CATEGORICAL,),
)
def cardinality(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure how unusual the number of different values is, in factors of two.

    The value is |log2(different values / usual ones)|: 1 is half or double. Usual is
    what as many rows of the reference would have (rarefaction), corrected by what the
    reference's own stretches had beside that, because rows of a day resemble each
    other. The p-value is that of a further draw from those stretches (Student's t for a
    new observation), or, for a reference without time, that of independent rows.

    Up to 8,192 rare values are counted exactly, more of them within 0.4 %. Of the
    categories that the reference's bins do not keep by name it is only known how many
    they are; they are taken to be equally rare.

    Blind to which values they are, and to how often each comes (use `unseen_category`
    and `jensen_shannon`).

    Source: Hurlbert, "The nonconcept of species diversity", Ecology 52 (1971), for
    rarefaction; Good and Toulmin, Biometrika 43 (1956), for a window larger than the
    reference; Hahn and Meeker, "Statistical Intervals" (1991), section 4.7.

    >>> from checks.example import levels
    >>> known = levels({f"city {i}": 10 for i in range(100)})
    >>> found = cardinality(known, levels({f"city {i}": 8 for i in range(25)}, known))
    >>> round(found.value, 2), round(found.at_reference), found.p_value < 1e-9
    (1.84, 89, True)
    """
    measurable(reference, current)
    if not isinstance(reference, LevelProfile) or not isinstance(current, LevelProfile):
        cause = "the column is not categorical"
        raise Unmeasurable(cause)
    if reference.different is None or current.different is None:
        cause = "an older profile does not say how many rare categories there are"
        raise Unmeasurable(cause)
    if current.n > FARTHEST * reference.n:
        cause = "the window has more than twice the reference's rows"
        raise Unmeasurable(cause)
    expected = _expected(reference, current.n)
    usual = _usual(reference, current.n)
    number = current.different
    centre = math.log2(expected.number) + usual.shift
    distance = math.log2(number) - centre
    # A count that never varied may: half a value is the least that is granted.
    chance = max(math.sqrt(expected.variance + _error(current) ** 2), 0.5)
    least = chance / (2**centre * math.log(2))
    spread = max(usual.spread, least) * math.sqrt(1 + usual.weight)
    value, tail = abs(distance), abs(distance) / spread
    p_value = normal_tail(tail)
    if usual.degrees:
        p_value = float(special.stdtr(usual.degrees, -tail))
    return Statistic(
        value=value,
        low=max(0.0, value - Z * spread),
        high=value + Z * spread,
        p_value=min(1.0, 2 * p_value),
        n_reference=reference.n,
        n_current=current.n,
        at_reference=2**centre,
        at_current=number,
    )


def _error(profile: LevelProfile) -> float:
    return profile.rest.error if profile.rest is not None else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """How many different values so many independent rows have, and the variance."""

    number: float
    variance: float


def _expected(reference: LevelProfile, rows: float) -> _Expected:
    """Rarefy a reference: how many of its values stand in `rows` of its rows."""
    counts = reference.counts[reference.counts > 0].astype(np.float64)
    times = np.ones(len(counts))
    if reference.others and reference.rest is not None:
        rare = max(1.0, reference.rest.number)
        counts = np.append(counts, reference.others / rare)
        times = np.append(times, rare)
    share = min(1.0, rows / reference.n)
    with np.errstate(divide="ignore"):
        absent = np.exp(counts * np.log1p(-share)) if share < 1 else counts * 0.0
    # Values that stand once in the reference tell how many more are still to come.
    more = float(times[counts == 1.0].sum()) * max(0.0, rows / reference.n - 1)
    return _Expected(
        number=max(1.0, float(times @ (1 - absent)) + more),
        variance=float(times @ (absent * (1 - absent))) + more,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """How stretches differ from what is expected of their rows, in factors of two.

    `weight` is the variance of their mean, as a share of one stretch's. A reference
    that has no stretches is one sample, larger than the window.
    """

    shift: float = 0.0
    spread: float = 0.0
    weight: float = 1.0
    degrees: int = 0


def _usual(reference: LevelProfile, window: int) -> _Usual:
    found = [(rows, number) for rows, number in reference.stretches if number >= 1]
    if len(found) < MIN_BLOCKS:
        return _Usual(weight=window / reference.n)
    beside = [
        math.log2(number / _expected(reference, rows).number) for rows, number in found
    ]
    return _Usual(
        shift=float(np.mean(beside)),
        spread=float(np.std(beside, ddof=1)),
        weight=1 / len(beside),
        degrees=len(beside) - 1,
    )
