"""Row-level mismatch: served values that are not what they should have been."""

from scipy import special

from checks.errors import Unmeasurable
from checks.interval import wilson
from checks.option import Part
from checks.pairs import Pairs
from checks.registry import Subject, check
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "mismatch",
    family=Family.SKEW,
    subject=Subject.PAIRS,
    threshold=0.01,
    most=1.0,
    default=True,
)
def mismatch(pairs: Pairs, *, tolerated: Part = 0.001) -> Statistic:
    """Measure on which share of the joined rows served and recomputed values differ.

    A value that only one side has is a difference, one that neither has is none. The
    interval is Wilson's; the p-value is the exact binomial tail of so many differing
    rows if no more than the `tolerated` share of all rows differed. The detail names
    the likely cause where one law surely explains most of the differing rows, and more
    of them than chance would, with the share that it explains.

    Blind to a mistake that both pipelines make (use a drift check against the training
    data), and to rows that were never logged (see the counts of the pairing).

    Source: TensorFlow Data Validation's feature skew detector, for the counters.

    >>> from checks.tally import compare
    >>> from checks.schema import Kind
    >>> miles = [float(i) for i in range(100)]
    >>> served = [m * 1.609344 if i % 2 else m for i, m in enumerate(miles)]
    >>> found = mismatch(compare(served, miles, column="distance", kind=Kind.NUMERIC))
    >>> found.detail
    'served = recomputed × 1.609344 (miles → kilometres), on all 50 differing rows'
    """
    n = pairs.n_both
    if n == 0:
        raise Unmeasurable(pairs.unjoined or "no row could be joined by its id")
    low, high = wilson(pairs.differing, n)
    tail = special.bdtrc(pairs.differing - 1, n, tolerated) if pairs.differing else 1.0
    value = pairs.differing / n
    return Statistic(
        value=value,
        low=min(low, value),
        high=max(high, value),
        p_value=min(1.0, float(tail)),
        n_reference=n,
        n_current=n,
        detail=_detail(pairs),
    )


def _detail(pairs: Pairs) -> str:
    """Say the cause, or that there is not one, and under what circumstances."""
    if pairs.cause is not None:
        return pairs.cause.told(pairs.circumstances)
    return f"no one cause, {pairs.circumstances}" if pairs.circumstances else ""
