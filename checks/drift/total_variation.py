"""Total variation distance."""

import math

import numpy as np
from scipy import special

from checks.bins import Floats
from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Shares
from checks.interval import Z
from checks.registry import check
from checks.statistic import Statistic
from checks.verdict import Family


@check("total_variation", family=Family.DRIFT, threshold=0.1)
def total_variation(
    reference: ColumnProfile, current: ColumnProfile, *, groups: int = GROUPS
) -> Statistic:
    """Measure the share of rows that has to change its group, from 0 to 1.

    Half the sum of |p - q| over groups of cells that the reference decides: the
    plainest distance of all, and the easiest to explain. The default threshold is one
    row in ten. Chance moves rows too; `low` takes that out.

    Blind to the order of numeric values (use `wasserstein`), and to whether what
    moved was rare or common: one point of share off a group of 50 % counts as much as
    one off a group of 1 % (use `jensen_shannon`).

    Source: Levin and Peres, "Markov Chains and Mixing Times" (2017), chapter 4; its
    bias is that of folded normal variables, Leone, Nelson and Nottingham,
    Technometrics 3 (1961).

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> round(total_variation(a, levels({"x": 90, "y": 10}, like=a)).value, 3)
    0.4
    """
    shares = Shares.of(reference, current, groups)
    gap = shares.p - shares.q
    value = float(np.abs(gap).sum()) / 2
    slope = np.sign(gap) / 2
    spread = Z * math.sqrt(shares.variance(slope, -slope))
    pool = min(float(shares.p[-1]), float(shares.q[-1])) if shares.pooled else 0.0
    low = value - _bias(shares, gap) - spread
    return Statistic(
        value=value,
        low=max(0.0, low),
        high=min(1.0, value + pool + spread),
        p_value=shares.test.p_value,
        n_reference=reference.n,
        n_current=current.n,
        hidden=pool,
    )


def _bias(shares: Shares, gap: Floats) -> float:
    """Return by how much chance lifts the distance, at the gaps observed.

    The mean of |x| with x normal exceeds |mean| by 2 sd (φ(r) - r Φ(-r)), r being the
    mean in standard deviations.
    """
    both = (shares.p + shares.q) / 2
    sd = np.sqrt(both * (1 - both) * shares.test.scale)
    ratio = np.divide(np.abs(gap), sd, out=np.full_like(sd, np.inf), where=sd > 0)
    peak = np.exp(-(np.minimum(ratio, 38.0) ** 2) / 2) / math.sqrt(math.tau)
    folded = 2 * (sd * peak - np.abs(gap) * special.ndtr(-ratio))
    return float(np.maximum(folded, 0.0).sum()) / 2
