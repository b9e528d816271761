"""Anderson-Darling distance."""

import numpy as np

from checks.bins import Floats
from checks.column import ColumnProfile
from checks.compare import measurable
from checks.ecdf import distributions, numeric
from checks.gap import Gap, Powers, Square, beyond, cuts, powers, rooted
from checks.registry import Facet, check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

LARGEST = 8.0
"""No row weighs more than this, whatever the two samples are."""


@check(
    "anderson_darling",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.175,
    most=2.0,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def anderson_darling(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure the gap between two distribution functions in units of its own chance.

    The root mean square, over the values of both sides, of the gap F - G divided by
    √(H (1 - H)), where H is the mean of both functions, each side counting the same.
    That makes a gap in the tails, where chance leaves little room, count as much as
    one in the middle. It is at most 2. The default threshold is the value where a
    shift of normal values makes the largest gap of `kolmogorov_smirnov` 0.1.

    Blind to how far the mass has moved: a tail that doubles its reach and not its
    mass reads nothing (use `wasserstein`).

    Source: Scholz and Stephens, "K-sample Anderson-Darling tests", J. Am. Stat. Assoc.
    82 (1987), their A²akN, which handles ties; `scipy.stats.anderson_ksamp` before it
    is standardised, over (n + m - 1) n m / (n + m)² where n = m.

    >>> from checks.example import column
    >>> found = anderson_darling(column(range(100)), column(range(20, 120)))
    >>> round(found.value, 3), found.p_value < 0.001
    (0.495, True)
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    gap = Gap.of(distributions(reference, current))
    return rooted(reference, current, gap, _square(gap))


def _square(gap: Gap) -> Square:
    level = np.concatenate([[0.0], gap.level, [1.0]])
    below, above, mass = level[:-1], 1 - level[1:], gap.mass
    room = _room(below, above, mass)
    inside = gap.chord
    inside[1::2] = gap.middle[1::2] ** 2
    least, most = _bounds(gap, below, above, mass)
    value = np.clip(mass * _over(inside, room), least, most)
    weight = _over(np.ones_like(room), room)
    middle = (below + 1 - above) / 2
    drift = gap.middle**2 * weight**2 * (2 * middle - 1) / 2
    later, own = 2 * beyond(mass * gap.middle * weight), gap.middle**2 * weight / 2
    shared = own + beyond(mass * drift)
    return Square(
        value=float(value.sum()),
        least=float(least.sum()),
        most=float(most.sum()),
        by_f=shared + later,
        by_g=shared - later,
        powers=_null(mass, room, gap.level),
        tested=float(value.sum()),
    )


def _room(below: Floats, above: Floats, mass: Floats) -> Floats:
    """Return the variance of a bridge's mean height at both ends of an atom."""
    return np.asarray(below * above + mass * (below + above) / 4)


def _over(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _bounds(
    gap: Gap, below: Floats, above: Floats, mass: Floats
) -> tuple[Floats, Floats]:
    """Bound what each cell adds, however its rows lie inside.

    A group of tied rows of mass h, with a below it and c above, adds h times the
    squared gap over ac + h (a + c) / 4. The gap is within the cell's bounds, and never
    more than twice the level, nor twice what is left above it.
    """
    low, high = gap.squares
    top = np.maximum((1 - above) * above, below * (1 - below))
    top = np.where((below < 1 / 2) & (above < 1 / 2), 1 / 4, top)
    least = mass * _over(low, top)
    most = LARGEST * mass
    for whole, part in (
        (below * above, mass * high),
        (above, 4 * ((1 - above) ** 2 - below**2)),
        (below, 4 * ((1 - below) ** 2 - above**2)),
    ):
        bound = np.divide(part, whole, out=np.full_like(part, np.inf), where=whole > 0)
        most = np.maximum(np.minimum(most, bound), 0.0)
    atom = mass * _over(gap.middle**2, _room(below, above, mass))
    least[1::2] = most[1::2] = atom[1::2]
    return np.minimum(least, most), most


def _null(mass: Floats, room: Floats, level: Floats) -> Powers:
    """Describe the null: every cell adds its mass times a chi-square variable."""
    begin = np.concatenate([[0], cuts(level) + 1])
    total = np.add.reduceat(mass, begin)
    middle = np.concatenate([[0.0], level]) + mass / 2
    at = _over(np.add.reduceat(mass * middle, begin), total)
    root = np.sqrt(np.add.reduceat(_over(mass, room), begin))
    kernel = np.outer(root, root) * (np.minimum.outer(at, at) - np.outer(at, at))
    np.fill_diagonal(kernel, total)
    return powers(kernel)
