"""Jensen-Shannon divergence."""

from functools import partial

from checks.column import ColumnProfile
from checks.compare import GROUPS
from checks.distance import NATS, Shares, Unit, divergence
from checks.distance import jensen_shannon as rule
from checks.option import Groups
from checks.registry import Facet, check
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "js_divergence", family=Family.DRIFT, facet=Facet.VALUES, threshold=0.01, most=1.0
)
def js_divergence(
    reference: ColumnProfile,
    current: ColumnProfile,
    *,
    groups: Groups = GROUPS,
    unit: Unit = "bits",
) -> Statistic:
    """Measure how much a row tells of which side it came from, in bits from 0 to 1.

    The Jensen-Shannon divergence over groups of cells that the reference decides: the
    square of `jensen_shannon`, and its default threshold is the square of that one's
    0.1. Unlike the distance it adds up over independent columns. `unit` is what
    information is counted in: bits, or nats, of which there are at most 0.693.

    Blind to the order of numeric values (use `wasserstein`), and hard to read by eye,
    because small differences are squared (use `jensen_shannon`).

    Source: Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf.
    Theory 37 (1991); `scipy.spatial.distance.jensenshannon(p, q, base=2) ** 2`.

    >>> from checks.example import levels
    >>> a = levels({"x": 50, "y": 50})
    >>> b = levels({"x": 90, "y": 10}, like=a)
    >>> round(js_divergence(a, b).value, 4)
    0.1468
    >>> round(js_divergence(a, b, unit="nats").value, 4)
    0.1017
    """
    nats = NATS[unit]
    shares = Shares.of(reference, current, groups)
    return divergence(
        reference,
        current,
        shares,
        partial(rule, nats=nats),
        curvature=1 / (8 * nats),
    )
