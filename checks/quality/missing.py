"""Missing values."""

from checks.column import ColumnProfile
from checks.errors import Unmeasurable
from checks.registry import Facet, check
from checks.shares import larger_share
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "missing",
    family=Family.QUALITY,
    threshold=0.05,
    most=1.0,
    default=True,
    facet=Facet.MISSING,
)
def missing(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure by how much the share of rows without a value has grown.

    Null, NaN and infinite values are missing. The value is the growth of the share in
    absolute terms; a share that falls is no finding.

    Blind to a null that was replaced by a default on its way (use row-level
    `mismatch`, or a drift check, which sees the default pile up).

    Source: Fisher's exact test; Newcombe (1998) for the interval.

    >>> from checks.example import column
    >>> found = missing(column([1.0] * 100), column([1.0] * 80 + [None] * 20))
    >>> found.value, round(found.low, 3), found.p_value < 1e-5
    (0.2, 0.124, True)
    """
    for side, profile in (("reference", reference), ("window", current)):
        if profile.rows == 0:
            cause = f"the {side} has no rows"
            raise Unmeasurable(cause)
    return larger_share(
        count_reference=reference.missing,
        n_reference=reference.rows,
        count_current=current.missing,
        n_current=current.rows,
        effect=reference.missing_effect,
        effect_current=current.missing_effect,
    )
