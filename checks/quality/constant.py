"""A column that varied and now holds one value: a stuck sensor, a default filled in."""

import math

import numpy as np
from scipy import special

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile, NumericProfile
from checks.compare import measurable
from checks.errors import Unmeasurable
from checks.interval import share_difference
from checks.registry import check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family


@check("constant", family=Family.QUALITY, threshold=0.05, most=1.0, default=True)
def constant(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure how much variety a column lost by holding a single value in the window.

    The value is the share of the reference's values that were other ones; 0 where the
    window has two values or more, and where the reference has but one itself. The
    p-value is exact: the chance that so many rows, taken from both sides mixed, all
    hold one value, whichever it is. Rows are effective ones, so that a column which
    stands still for whole stretches of the reference is no finding.

    Blind to a column that holds one value in most rows (use `wasserstein` or
    `jensen_shannon`), and to one without any value (use `missing`).

    Source: the permutation distribution of the event (hypergeometric); Newcombe (1998)
    for the interval.

    >>> from checks.example import column
    >>> found = constant(column(range(100)), column([7.0] * 50))
    >>> round(found.value, 2), round(found.low, 2), found.p_value < 1e-9, found.detail
    (0.99, 0.91, True, 'always 7')
    """
    measurable(reference, current)
    held = _held(current)
    known = _counts(reference)
    effect, now = reference.design_effect, current.design_effect
    rarely = _chance(
        known / effect,
        int(known.argmax()) if held is None else held,
        current.n / now,
    )
    if held is None or np.count_nonzero(known) < 2:  # noqa: PLR2004 - one value: constant
        return Statistic(
            value=0.0,
            low=0.0,
            high=0.0,
            p_value=1.0,
            n_reference=reference.n,
            n_current=current.n,
            attainable=(rarely,),
        )
    same = float(known[held])
    others = reference.n - same
    low, high = share_difference(
        0, current.n / now, others / effect, reference.n / effect
    )
    return Statistic(
        value=others / reference.n,
        low=max(0.0, low),
        high=high,
        p_value=rarely,
        attainable=(rarely,),
        n_reference=reference.n,
        n_current=current.n,
        hidden=_hidden(reference, held),
        at_reference=same / reference.n,
        at_current=1.0,
        detail=f"always {_named(current, held)}",
    )


def _counts(profile: ColumnProfile) -> Ints:
    """Return how often each value stands; what shares a cell is taken to be one.

    That makes the reference less varied than it may be, and the check more careful.
    """
    if isinstance(profile, LevelProfile):
        return np.append(profile.counts, profile.others)
    return profile.counts


def _held(profile: ColumnProfile) -> int | None:
    """Return the cell of the only value that a window holds; None where it has more.

    Raises Unmeasurable where that is not known.
    """
    if isinstance(profile, NumericProfile):
        only = profile.minimum == profile.maximum
        return int(np.flatnonzero(profile.counts)[0]) if only else None
    cells = np.flatnonzero(_counts(profile))
    if len(cells) > 1:
        return None
    if profile.different is None:
        cause = "all values are rare categories, which nobody counted"
        raise Unmeasurable(cause)
    return int(cells[0]) if profile.different == 1 else None


def _hidden(reference: ColumnProfile, held: int) -> float:
    """Return by how much the value may be larger: values that only share a cell."""
    open_cell = isinstance(reference, NumericProfile) and held % 2 == 0
    return float(reference.counts[held]) / reference.n if open_cell else 0.0


def _chance(known: Floats, held: int, rows: float) -> float:
    """Return the chance that `rows` of all the rows hold one value, whichever it is."""
    rows = max(1.0, math.floor(rows))
    pooled = known.copy()
    pooled[held] += rows
    enough = pooled[pooled >= rows]
    terms = _log_choose(enough, rows) - _log_choose(pooled.sum(), rows)
    return min(1.0, float(np.exp(terms).sum()))


def _log_choose(n: Floats | float, k: float) -> Floats:
    return np.asarray(
        special.gammaln(n + 1.0)
        - special.gammaln(k + 1.0)
        - special.gammaln(n - k + 1.0)
    )


def _named(profile: ColumnProfile, held: int) -> str:
    """Name the value that a constant window holds, as people write it."""
    if isinstance(profile, LevelProfile):
        known = held < len(profile.bins.levels)
        rare = next(iter(profile.unseen), "one rare category")
        return profile.bins.levels[held] if known else rare
    value = profile.minimum or 0.0
    if profile.column.kind is Kind.DATETIME:
        return str(np.datetime64(int(value), "us"))
    return f"{value:.12g}"
