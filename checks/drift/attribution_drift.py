"""Drift of what the model goes by: the order of its features' importance."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, NumericProfile
from checks.displacement import points
from checks.errors import Unmeasurable
from checks.interval import normal_tail
from checks.profile import Profile
from checks.reference import Reference
from checks.registry import Subject, check
from checks.samples import explained
from checks.schema import Role
from checks.statistic import Statistic
from checks.verdict import Family

DRAWS = 1_000
"""Pairs of importances that are drawn for the interval."""
FEWEST = 2
"""Attributions that an order takes."""
NAMED = 3
"""Features that the message names."""


@check(
    "attribution_drift",
    family=Family.DRIFT,
    subject=Subject.TABLE,
    threshold=0.1,
    most=1.0,
    default=True,
    needs=(Role.ATTRIBUTION,),
)
def attribution_drift(reference: Reference, current: Profile) -> Statistic:
    """Measure how far the order of the features' importance is from the reference's.

    Each column with the role attribution holds a feature's share in every row's
    prediction, such as its SHAP value; its importance is the mean of the sizes. The
    value is 1 - NDCG of the window's order, with the reference's importances as gains:
    0 where the order is the same, and the more, the more important the features are
    that fell. 0.1, the default threshold, is the NDCG of 0.9 below which SageMaker
    alarms. The p-value is that of the importance that changed most (a normal test,
    times the number of attributions); the interval is drawn from the uncertainty of
    all importances, with numbers that are random and the same each time.

    Blind to importances that all change and keep their order, and to attributions
    that change their sign (use `wasserstein` with these columns).

    Source: Amazon SageMaker, "Feature attribution drift for models in production";
    Järvelin and Kekäläinen, ACM Trans. Inf. Syst. 20 (2002); `sklearn.metrics.
    ndcg_score`.

    >>> from checks.example import reference, window
    >>> roles = dict.fromkeys(["sat", "gpa", "rank"], Role.ATTRIBUTION)
    >>> was = {"sat": [-0.7, -0.7], "gpa": [0.5, 0.5], "rank": [0.05, 0.05]}
    >>> now = {"sat": [-0.1, -0.1], "gpa": [0.2, 0.2], "rank": [0.7, 0.7]}
    >>> known = reference(was, roles=roles)
    >>> found = attribution_drift(known, window(known, now))
    >>> round(1 - found.value, 2), found.detail
    (0.69, 'sat 1st → 3rd, rank 3rd → 1st')
    """
    pairs = list(_columns(reference, current))
    names = [was.column.name for was, _ in pairs]
    before = [_importance(was) for was, _ in pairs]
    after = [_importance(now) for _, now in pairs]
    gains = np.array([one.mean for one in before])
    scores = np.array([one.mean for one in after])
    if not gains.any():
        cause = "no feature has any importance in the reference"
        raise Unmeasurable(cause)
    value = max(0.0, 1 - ndcg(gains, scores))
    low, high = _interval(before, after)
    moves = _moves(names, gains, scores)
    return Statistic(
        value=value,
        low=min(low, value),
        high=max(high, value),
        p_value=_chance(before, after),
        n_reference=min(was.n for was, _ in pairs),
        n_current=min(now.n for _, now in pairs),
        detail=moves.said,
        explained_by=explained(names, moves.weight),
    )


def ndcg(gains: Floats, scores: Floats) -> float:
    """Return how well an order by `scores` brings the largest `gains` to the front.

    The normalised discounted cumulative gain; features with the same score share their
    places. Equals `sklearn.metrics.ndcg_score([gains], [scores])`.

    >>> round(ndcg(np.array([0.7, 0.5, 0.05]), np.array([0.1, 0.2, 0.7])), 4)
    0.6876
    """
    discounts = 1 / np.log2(np.arange(2, len(gains) + 2))
    _, places, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    share = np.bincount(places, gains) / counts
    ends = np.concatenate([[0.0], np.cumsum(discounts)])[np.cumsum([0, *counts])]
    best = np.sort(gains)[::-1] @ discounts
    return float(share @ np.diff(ends) / best)


def _columns(
    reference: Reference, current: Profile
) -> Iterator[tuple[NumericProfile, NumericProfile]]:
    """Walk over the attributions on both sides; raises Unmeasurable where one lacks."""
    names = [c.name for c in reference.bins.schema.with_role(Role.ATTRIBUTION)]
    if len(names) < FEWEST:
        cause = "an order takes two columns with the role attribution"
        raise Unmeasurable(cause)
    for name in names:
        was, now = reference.column(name), current.columns.get(name)
        yield (
            _usable(was, name, "reference", reference.profile),
            _usable(now and reference.corrected(now), name, "window", current),
        )


def _usable(
    column: ColumnProfile | None, name: str, side: str, whole: Profile
) -> NumericProfile:
    if not isinstance(column, NumericProfile):
        cause = f"the {side} has no usable column {name!r}"
        raise Unmeasurable(whole.unreadable.get(name, cause))
    if column.n == 0:
        cause = f"the {side} has no attributions in {name!r}"
        raise Unmeasurable(cause)
    if column.saturated:
        cause = f"values of {name!r} lie more than a million reference ranges away"
        raise Unmeasurable(cause)
    return column


@dataclass(frozen=True, slots=True, kw_only=True)
class _Importance:
    """The mean size of a column's values, and its standard error."""

    mean: float
    error: float


def _importance(column: NumericProfile) -> _Importance:
    """Measure the mean size of values: exact but where a cell holds both signs."""
    where, counts = points(column)
    sizes = np.abs(where)
    # A cell's mean tells all of the sizes in it, unless zero lies inside.
    at, most = _mixed(column)
    hidden = 0.0
    if most:
        place = int(np.count_nonzero(column.counts[:at]))
        hidden = (most - sizes[place]) / 2 * counts[place] / column.n
        sizes[place] = (most + sizes[place]) / 2
    mean = float(sizes @ counts) / column.n
    variance = max(0.0, float(sizes**2 @ counts) / column.n - mean * mean)
    error = math.hypot(math.sqrt(variance / column.n_effective), hidden)
    return _Importance(mean=mean, error=error)


def _mixed(column: NumericProfile) -> tuple[int, float]:
    """Return the cell that has zero inside, and how large its mean size may be.

    The size of a value between two ends lies below the line through the sizes of both.
    0.0 where no cell holds values of both signs.
    """
    edges, counts = column.bins.edges, column.counts
    low, high = column.minimum or 0.0, column.maximum or 0.0
    at = int(np.searchsorted(edges, 0.0))
    cell = 2 * at
    if not counts[cell] or (at < len(edges) and edges[at] == 0.0):
        return cell, 0.0
    left = float(edges[at - 1]) if at > 0 else low
    right = float(edges[at]) if at < len(edges) else high
    if not left < 0 < right:
        return cell, 0.0
    where, _ = points(column)
    mean = float(where[np.count_nonzero(counts[:cell])])
    return cell, ((right - mean) * -left + (mean - left) * right) / (right - left)


def _chance(before: list[_Importance], after: list[_Importance]) -> float:
    """Return the chance that one importance differs as much as the most changed."""
    least = 1.0
    for was, now in zip(before, after, strict=True):
        gap, error = abs(now.mean - was.mean), math.hypot(was.error, now.error)
        if gap > 0:
            least = min(least, 2 * normal_tail(gap / error) if error > 0 else 0.0)
    return min(1.0, least * len(before))


def _interval(
    before: list[_Importance], after: list[_Importance]
) -> tuple[float, float]:
    """Bound the value at 95 % by drawing importances as uncertain as they are."""
    rng = np.random.Generator(np.random.PCG64(DRAWS))
    gains, scores = (
        np.abs(
            np.array([one.mean for one in side])
            + rng.normal(size=(DRAWS, len(side))) * [one.error for one in side]
        )
        for side in (before, after)
    )
    discounts = 1 / np.log2(np.arange(2, len(before) + 2))
    order = np.argsort(-scores, axis=1, kind="stable")
    reached = np.take_along_axis(gains, order, axis=1) @ discounts
    best = np.sort(gains, axis=1)[:, ::-1] @ discounts
    found = 1 - np.divide(reached, best, out=np.ones_like(best), where=best > 0)
    low, high = np.quantile(found, [0.025, 0.975])
    return max(0.0, float(low)), max(0.0, float(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moves:
    """Which features changed their places, and how much that matters."""

    names: list[str]
    was: Ints
    now: Ints
    weight: Floats

    @property
    def said(self) -> str:
        """Name those that matter most."""
        order = np.argsort(-self.weight, kind="stable").tolist()
        moved = [i for i in order if self.was[i] != self.now[i]]
        told = [
            f"{self.names[i]} {_place(int(self.was[i]))} → {_place(int(self.now[i]))}"
            for i in moved[:NAMED]
        ]
        return ", ".join(told) + (" and more" if len(moved) > NAMED else "")


def _moves(names: list[str], gains: Floats, scores: Floats) -> _Moves:
    """Compare the places of features in two orders; a move in front weighs most."""
    was, now = (
        np.argsort(np.argsort(-side, kind="stable"), kind="stable") + 1
        for side in (gains, scores)
    )
    moved = np.abs(1 / np.log2(was + 1) - 1 / np.log2(now + 1))
    return _Moves(
        names=names, was=was, now=now, weight=moved * np.maximum(gains, scores)
    )


def _place(place: int) -> str:
    """Write a place in an order.

    >>> [_place(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '102nd']
    """
    teen = 10 < place % 100 < 14  # noqa: PLR2004 - eleventh, twelfth, thirteenth
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
