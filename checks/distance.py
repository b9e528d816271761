"""Distances between the shares of two profiles, with one test and one interval.

What is compared are groups of cells that the reference alone decides. The levels of a
categorical column beyond the commonest are one group: what may hide in it is bounded
by letting its rows have no level in common.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile
from checks.compare import Homogeneity, grouped, homogeneity, measurable, smoothed
from checks.compare import shares as plain
from checks.interval import quadratic_distance
from checks.statistic import Statistic


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """The shares of either side in the same groups, none of which is empty on both.

    `p` and `q` belong to the reference and the window; `n` and `m` are the effective
    rows behind them. `pooled` says that the last group may hold several levels of
    both sides; never with half rows, which make the distance one between groups.
    """

    p: Floats
    q: Floats
    n: float
    m: float
    test: Homogeneity
    pooled: bool

    @classmethod
    def of(
        cls,
        reference: ColumnProfile,
        current: ColumnProfile,
        groups: int,
        *,
        half_row: bool = False,
        likelihood: bool = False,
    ) -> "Shares":
        """Group two profiles.

        `half_row` adds half a row to each group, `likelihood` tests by the likelihood
        ratio instead of Pearson's statistic. Raises Unmeasurable when a side is empty.
        """
        measurable(reference, current)
        counts = grouped(reference, current, groups)
        held = (counts[0] + counts[1]) > 0
        first, second = counts[0][held], counts[1][held]
        shares = smoothed if half_row else plain
        return cls(
            p=shares(first),
            q=shares(second),
            n=reference.n_effective,
            m=current.n_effective,
            test=homogeneity(
                (first, second), reference, current, likelihood=likelihood
            ),
            pooled=not half_row and _pooled(reference, counts),
        )

    def variance(self, by_p: Floats, by_q: Floats) -> float:
        """Return the delta-method variance of a function of both, from its slopes."""
        return _spread(self.p, by_p) / self.n + _spread(self.q, by_q) / self.m

    @property
    def pearson(self) -> float:
        """Pearson's distance: the sum of (p - q)² over the mean of p and q."""
        return float((2 * (self.p - self.q) ** 2 / (self.p + self.q)).sum())

    @property
    def apart(self) -> tuple[Floats, Floats]:
        """The shares as they are if the pooled rows have no level in common."""
        nothing = np.zeros(1)
        return (
            np.concatenate([self.p, nothing]),
            np.concatenate([self.q[:-1], nothing, self.q[-1:]]),
        )


def _pooled(reference: ColumnProfile, counts: tuple[Ints, Ints]) -> bool:
    rest = min(int(counts[0][-1]), int(counts[1][-1]))
    return isinstance(reference, LevelProfile) and rest > 0


def _spread(share: Floats, slope: Floats) -> float:
    held = share > 0
    share, slope = share[held], slope[held]
    return max(0.0, float((share * slope**2).sum() - (share * slope).sum() ** 2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divergence:
    """A smooth distance between shares, with its slope in the shares of either side.

    Where a share is zero its slope may be anything.
    """

    value: float
    by_p: Floats
    by_q: Floats


Rule = Callable[[Floats, Floats], Divergence]
"""How a divergence is measured between two rows of shares."""


def divergence(
    reference: ColumnProfile,
    current: ColumnProfile,
    shares: Shares,
    rule: Rule,
    *,
    curvature: float,
) -> Statistic:
    """Measure a divergence, with its interval and the p-value of the shares' test.

    Every smooth divergence is, near the null, `curvature` times Pearson's distance,
    the sum of (p - q)² over the mean of p and q; that gives it a known distribution.
    """
    found = rule(shares.p, shares.q)
    pearson = curvature * shares.pearson
    bent = found.value / pearson if pearson else 1.0
    low, high = quadratic_distance(
        found.value,
        degrees=max(1, len(shares.p) - 1),
        # An empty group bends a divergence more than the null knows of.
        scale=curvature * max(1.0, bent) * shares.test.scale,
        variance=shares.variance(found.by_p, found.by_q),
    )
    value = max(0.0, found.value)
    most = rule(*shares.apart).value if shares.pooled else value
    hidden = max(0.0, most - value)
    return Statistic(
        value=value,
        low=low,
        high=high + hidden,
        p_value=shares.test.p_value,
        n_reference=reference.n,
        n_current=current.n,
        hidden=hidden,
    )


def rooted(squared: Statistic, most: float) -> Statistic:
    """Return the root of a squared distance that is at most `most`."""
    value = math.sqrt(squared.value)
    return replace(
        squared,
        value=value,
        low=math.sqrt(squared.low),
        high=min(most, math.sqrt(squared.high)),
        hidden=math.sqrt(squared.value + squared.hidden) - value,
    )


Unit = Literal["bits", "nats"]
"""What information is counted in: base 2, or the natural logarithm."""
NATS = {"bits": math.log(2), "nats": 1.0}
"""How many nats one unit is."""


def jensen_shannon(p: Floats, q: Floats, nats: float = 1.0) -> Divergence:
    """Return the Jensen-Shannon divergence in units of so many nats.

    It is at most ln 2 nats, and near the null 1/8 of Pearson's distance. Lin,
    "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37
    (1991).
    """
    middle = (p + q) / 2
    value = special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()
    with np.errstate(divide="ignore"):
        by_p, by_q = np.log(p / middle), np.log(q / middle)
    half = 0.5 / nats
    return Divergence(value=float(value) * half, by_p=by_p * half, by_q=by_q * half)
