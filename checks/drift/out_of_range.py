"""Values outside the range that the reference covers."""

from checks.column import ColumnProfile
from checks.compare import measurable
from checks.ecdf import numeric
from checks.registry import check
from checks.schema import Kind
from checks.shares import larger_share
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "out_of_range",
    family=Family.DRIFT,
    threshold=0.05,
    most=1.0,
    kinds=(Kind.NUMERIC,),
    default=True,
)
def out_of_range(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure the share of values below the reference's minimum or above its maximum.

    There the model extrapolates: the values may well be right, which is why this is
    drift and speaks for retraining. The share counts only what exceeds the reference's
    own: a value just beyond the largest of a sample is to be expected now and then.

    Blind to values inside the range that pile up where they should not (use
    `wasserstein`).

    Source: Fisher's exact test; Newcombe (1998) for the interval.

    >>> from checks.example import column
    >>> found = out_of_range(column(range(100)), column(range(20, 120)))
    >>> round(found.value, 2), found.detail
    (0.18, '20 rows above 99')
    """
    measurable(reference, current)
    reference, current = numeric(reference, current)
    low, high = float(current.counts[0]), float(current.counts[-1])
    edges = reference.bins.edges
    # The least and the greatest value would lie outside without themselves.
    ends = {1, len(reference.counts) - 2}
    lone = sum(float(reference.counts[end]) == 1 for end in ends)
    said = []
    if low:
        said.append(f"{low:.0f} rows below {edges[0]:g}")
    if high:
        said.append(f"{high:.0f} rows above {edges[-1]:g}")
    return larger_share(
        count_reference=float(reference.counts[0] + reference.counts[-1]) + lone,
        n_reference=reference.n,
        count_current=low + high,
        n_current=current.n,
        effect=reference.design_effect,
        effect_current=current.design_effect,
        detail=", ".join(said),
    )
