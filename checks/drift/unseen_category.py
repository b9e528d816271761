"""Categories that the reference never had."""

from checks.column import ColumnProfile, LevelProfile
from checks.compare import measurable
from checks.errors import Unmeasurable
from checks.registry import check
from checks.schema import Kind
from checks.shares import larger_share
from checks.statistic import Statistic
from checks.verdict import Family

NAMED = 3
"""Unseen levels that the message names."""


@check(
    "unseen_category",
    family=Family.DRIFT,
    threshold=0.01,
    most=1.0,
    kinds=(Kind.CATEGORICAL, Kind.BOOLEAN),
    default=True,
)
def unseen_category(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure the share of values whose category the reference does not have.

    A new category may well be right, and the model has never seen its like: that is
    drift, and speaks for retraining.

    Where categories are many and rare, a window meets new ones although nothing has
    changed. How many is known from the reference itself: a value that stands in it
    once would have been unseen without that row, so the share of such values is the
    share of new ones to be expected, and the window is compared with it.

    Blind to a known category whose share has changed (use `jensen_shannon`), and
    UNKNOWN where the reference has more categories than its bins keep by name.

    Source: Good, "The population frequencies of species", Biometrika 40 (1953);
    Fisher's exact test; Newcombe (1998) for the interval.

    >>> from checks.example import levels
    >>> known = levels({"a": 90, "b": 10})
    >>> found = unseen_category(known, levels({"a": 90, "z": 10}, like=known))
    >>> found.value, found.detail
    (0.1, 'z (10 rows)')
    """
    measurable(reference, current)
    if not isinstance(reference, LevelProfile) or not isinstance(current, LevelProfile):
        cause = "the column is not categorical"
        raise Unmeasurable(cause)
    if not reference.bins.complete:
        known = len(reference.bins.levels)
        cause = f"the reference has more than {known} categories, not all kept by name"
        raise Unmeasurable(cause)
    ranked = sorted(current.unseen.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{level} ({count:.0f} rows)" for level, count in ranked[:NAMED])
    return larger_share(
        count_reference=reference.others + int((reference.counts == 1).sum()),
        n_reference=reference.n,
        count_current=current.others,
        n_current=current.n,
        effect=reference.design_effect,
        effect_current=current.design_effect,
        detail=named + (" and more" if len(ranked) > NAMED else ""),
    )
