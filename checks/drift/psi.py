"""Population stability index."""

import numpy as np

from checks.bins import Floats
from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Divergence, Shares, divergence
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family


@check("psi", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.2)
def psi(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
) -> Statistic:
    """Measure how much mass has moved between deciles of the reference, as the PSI.

    The symmetric Kullback-Leibler divergence, sum of (p - q) ln(p / q) over groups
    that the reference alone decides, with half a row added to each. Folklore reads
    0.1 as moderate and 0.2 as major; below some hundred rows a clean window exceeds
    that by chance, which `low` and the p-value take into account.

    Where a group is empty on a side, the plain index of all the rows there could ever
    be has no upper bound: `high` is one of the index with the half rows, for windows
    of this size. `low` bounds both.

    Blind to movement inside a decile (use `kolmogorov_smirnov`) and to how far mass
    has moved (use `wasserstein`).

    Source: Lewis, "An Introduction to Credit Scoring" (1994); variance by the delta
    method, null distribution after Yurdakul, "Statistical properties of population
    stability index" (2018).

    >>> from checks.example import column
    >>> same, moved = column(range(100)), column(range(20, 120))
    >>> round(psi(same, same).value, 3), round(psi(same, moved).value, 3)
    (0.0, 0.783)
    """
    shares = Shares.of(reference, current, groups, half_row=True)
    return divergence(reference, current, shares, _index, curvature=1.0)


def _index(p: Floats, q: Floats) -> Divergence:
    ratio = np.log(p / q)
    return Divergence(
        value=float(((p - q) * ratio).sum()),
        by_p=ratio + 1 - q / p,
        by_q=-ratio + 1 - p / q,
    )
