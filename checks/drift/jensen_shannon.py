"""Jensen-Shannon distance."""

import math

import numpy as np
from scipy import special

from checks.column import ColumnProfile
from checks.compare import grouped, homogeneity, measurable, shares
from checks.interval import quadratic_distance
from checks.registry import check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "jensen_shannon",
    family=Family.DRIFT,
    threshold=0.1,
    default=(Kind.CATEGORICAL, Kind.BOOLEAN),
)
def jensen_shannon(
    reference: ColumnProfile, current: ColumnProfile, *, groups: int = 10
) -> Statistic:
    """Measure how far two distributions are apart, from 0 (same) to 1 (disjoint).

    The square root of the Jensen-Shannon divergence in bits, over groups of cells
    that the reference decides. It needs no smoothing, so that one new category
    among thousands of rows stays a small number.

    Blind to the order of numeric values: mass that moves to the next decile counts
    as much as mass that moves to the far end (use `wasserstein`).

    Source: Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf.
    Theory 37 (1991); `scipy.spatial.distance.jensenshannon(p, q, base=2)`.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> b = levels({"x": 90, "y": 10}, like=a)
    >>> round(jensen_shannon(a, a).value, 3), round(jensen_shannon(a, b).value, 3)
    (0.0, 0.383)
    """
    measurable(reference, current)
    counts = grouped(reference, current, groups)
    test = homogeneity(counts, reference, current)
    p, q = shares(counts[0]), shares(counts[1])
    middle = (p + q) / 2
    divergence = float(special.rel_entr(p, middle).sum()) / 2
    divergence += float(special.rel_entr(q, middle).sum()) / 2
    divergence /= math.log(2)
    variance = _variance(p, middle, reference.n_effective)
    variance += _variance(q, middle, current.n_effective)
    # Near the null the divergence is 1/8 of Pearson's distance, here in bits.
    low, high = quadratic_distance(
        divergence,
        degrees=max(1, len(p) - 1),
        scale=test.scale / (8 * math.log(2)),
        variance=variance,
    )
    return Statistic(
        value=math.sqrt(max(divergence, 0.0)),
        low=math.sqrt(low),
        high=min(1.0, math.sqrt(high)),
        p_value=test.p_value,
        n_reference=reference.n,
        n_current=current.n,
    )


def _variance(
    share: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    middle: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    n: float,
) -> float:
    """Return the delta-method variance that one side brings to the divergence."""
    held = share > 0
    share, middle = share[held], middle[held]
    slope = np.log2(share / middle) / 2
    return float((share * slope**2).sum() - (share * slope).sum() ** 2) / n
