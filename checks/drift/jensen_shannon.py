"""Jensen-Shannon distance."""

import math
from functools import partial

from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import NATS, Shares, Unit, divergence, rooted
from checks.distance import jensen_shannon as rule
from checks.option import Groups
from checks.registry import Facet, check
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "jensen_shannon",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    most=1.0,
    default=(Kind.CATEGORICAL, Kind.BOOLEAN),
)
def jensen_shannon(
    reference: ColumnProfile,
    current: ColumnProfile,
    *,
    groups: Groups = GROUPS,
    unit: Unit = "bits",
) -> Statistic:
    """Measure how far two distributions are apart, from 0 (same) to 1 (disjoint).

    The square root of the Jensen-Shannon divergence, over groups of cells that the
    reference decides. It needs no smoothing, so that one new category among thousands
    of rows stays a small number. `unit` is what information is counted in: bits, or
    nats, in which disjoint distributions are 0.833 apart.

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
    nats = NATS[unit]
    shares = Shares.of(reference, current, groups)
    squared = divergence(
        reference,
        current,
        shares,
        partial(rule, nats=nats),
        curvature=1 / (8 * nats),
    )
    return rooted(squared, most=math.sqrt(math.log(2) / nats))
