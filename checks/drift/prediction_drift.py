"""Drift of what the model answers: its predictions and its scores."""

from checks.column import ColumnProfile
from checks.drift.jensen_shannon import jensen_shannon
from checks.drift.wasserstein import wasserstein
from checks.registry import Facet, check
from checks.schema import Role
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "prediction_drift",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    threshold=0.1,
    roles=(Role.PREDICTION, Role.SCORE),
    instead_of=("wasserstein", "jensen_shannon"),
)
def prediction_drift(reference: ColumnProfile, current: ColumnProfile) -> Statistic:
    """Measure how far the model's answers have moved from those in the reference.

    Numbers and times by `wasserstein`, in standard deviations of the reference;
    categories by `jensen_shannon`. The standard suite watches the columns with the
    role prediction or score by these two already, among all others; where this check is
    named it takes their place on these columns, so that nothing is counted twice, and
    the model's answers have a name and a threshold of their own.

    Blind to answers that stay as they were while the truth moves (use the performance
    checks, once there are labels), and to which rows get which answer (use row-level
    `mismatch`).

    Source: the two checks that it stands for.

    >>> from checks.example import column, levels
    >>> found = prediction_drift(column(range(100)), column(range(20, 120)))
    >>> round(found.value, 4)
    0.6929
    >>> known = levels({"yes": 50, "no": 50})
    >>> round(prediction_drift(known, levels({"no": 90}, like=known)).value, 3)
    0.558
    """
    ordered = reference.column.kind.ordered
    return (wasserstein if ordered else jensen_shannon)(reference, current)
