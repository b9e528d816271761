"""Kullback-Leibler divergence."""

import numpy as np

from checks.bins import Floats
from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import Divergence, Shares, divergence
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family


@check("kullback_leibler", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.1)
def kullback_leibler(
    reference: ColumnProfile, current: ColumnProfile, *, groups: Groups = GROUPS
) -> Statistic:
    """Measure what is lost by taking the reference for the window, in nats a row.

    The Kullback-Leibler divergence, sum of q ln(q / p) with the window's shares q and
    the reference's p, over groups that the reference alone decides, with half a row
    added to each. It has no upper end, and what is new weighs far more than what is
    gone. The PSI is this one and its reverse together, so that the default threshold
    is half of the PSI's 0.2. Its interval is that of the divergence with the half rows
    for samples of this size, as that of `psi` is.

    Blind to the order of numeric values (use `wasserstein`), and nearly so to
    categories that vanish (use `jensen_shannon`, which is the same both ways).

    Source: Kullback and Leibler, Annals of Mathematical Statistics 22 (1951);
    `scipy.stats.entropy(q, p)`.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> b = levels({"x": 90, "y": 10}, like=a)
    >>> round(kullback_leibler(a, b).value, 3), round(kullback_leibler(b, a).value, 3)
    (0.359, 0.494)
    """
    shares = Shares.of(reference, current, groups, half_row=True)
    return divergence(reference, current, shares, _loss, curvature=1 / 2)


def _loss(p: Floats, q: Floats) -> Divergence:
    ratio = np.log(q / p)
    return Divergence(value=float((q * ratio).sum()), by_p=-q / p, by_q=ratio + 1)
