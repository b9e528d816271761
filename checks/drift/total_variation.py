"""Total variation distance."""

import math

import numpy as np

from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Shares
from checks.interval import Z, folded_bias
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "total_variation", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.1, most=1.0
)
def total_variation(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
) -> Statistic:
    """Measure the share of rows that has to change its group, from 0 to 1.

    Half the sum of |p - q| over groups of cells that the reference decides: the
    plainest distance of all, and the easiest to explain. The default threshold is one
    row in ten. Chance moves rows too; `low` takes that out.

    Blind to the order of numeric values (use `wasserstein`), and to whether what
    moved was rare or common: one point of share off a group of 50 % counts as much as
    one off a group of 1 % (use `jensen_shannon`).

    Source: Levin and Peres, "Markov Chains and Mixing Times" (2017), chapter 4.

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
    both = (shares.p + shares.q) / 2
    sd = np.sqrt(both * (1 - both) * shares.test.scale)
    low = value - float(folded_bias(gap, sd).sum()) / 2 - spread
    return Statistic(
        value=value,
        low=max(0.0, low),
        high=min(1.0, value + pool + spread),
        p_value=shares.test.p_value,
        n_reference=reference.n,
        n_current=current.n,
        hidden=pool,
    )
