"""SageMaker Model Monitor: its distribution comparison, completeness and domains."""

import math
from typing import Literal

import numpy as np

from checks.errors import Unmeasurable
from checks.overlay import Overlay
from checks.registry import Subject, check
from checks.rows import Values
from checks.rule import Alarm, Figure, both, counted, ruled
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

PEER = "SageMaker"
PRESET = "sagemaker"

CRITICAL = 1.8
"""c(α) of the Kolmogorov-Smirnov test at α = 0.003, taken off by the robust method."""

Method = Literal["Robust", "Simple"]


@check(
    "sagemaker_drift",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN),
    peer=PRESET,
)
def sagemaker_drift(
    reference: Values,
    current: Values,
    *,
    comparison_method: Method = "Robust",
    threshold: float | None = None,
) -> Statistic:
    """Compare a column as SageMaker Model Monitor's `baseline_drift_check` does.

    The largest gap between the distribution functions of a numeric column, or between
    the shares of a value of a categorical one. `Robust` takes 1.8 √((n+m)/nm) off, what
    chance may make of it, and never goes below 0; `Simple` takes the gap as it is. It
    alarms above `comparison_threshold`, 0.1 unless told.

    Blind to missing values (see `sagemaker_completeness`) and to how far the mass has
    moved. SageMaker reads a KLL sketch, these gaps are exact; its `ChiSquared` for
    categories is not here. The amount taken off is not spread over the columns: use
    `kolmogorov_smirnov` and `l_infinity`, which share the false-alarm budget.

    Source: SageMaker's schema of constraints.json; awslabs/deequ,
    `analyzers/Distance.scala`.

    >>> from checks.example import gathered
    >>> sides = gathered(range(1000)), gathered(range(300, 1300))
    >>> round(sagemaker_drift(*sides).value, 4)
    0.2195
    >>> round(sagemaker_drift(*sides, comparison_method="Simple").value, 4)
    0.3
    """
    rows = both(reference, current)
    if reference.column.kind.ordered:
        gap = Overlay.of(reference.numbers, current.numbers).gap
    else:
        before, after = counted(reference, current)
        gap = float(np.abs(before / reference.n - after / current.n).max())
    if comparison_method == "Robust":
        n, m = rows
        gap = max(0.0, gap - CRITICAL * math.sqrt((n + m) / (n * m)))
    name = f"drift distance ({comparison_method})"
    figure = Figure(name=name, value=gap, alarm=Alarm.ABOVE, default=0.1)
    return ruled(figure, threshold, peer=PEER, rows=rows)


@check(
    "sagemaker_completeness",
    family=Family.QUALITY,
    subject=Subject.VALUES,
    threshold=0.0,
    kinds=(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN),
    peer=PRESET,
)
def sagemaker_completeness(
    reference: Values, current: Values, *, threshold: float | None = None
) -> Statistic:
    """Measure by how much the share of values falls, as `completeness_check` does.

    The baseline suggests the reference's own share of rows with a value; it alarms
    when the window has less, by however little, or by more than a `threshold`.

    Blind to a share that rises, and to chance: where one row in a thousand is null,
    about half of all windows have more of them than the reference. Use `missing`.

    Source: SageMaker's schema of constraints.json and of violations.

    >>> from checks.example import gathered
    >>> found = sagemaker_completeness(gathered([1.0, 2.0]), gathered([1.0, None]))
    >>> found.value, found.ruling.crossed
    (0.5, True)
    """
    if not reference.rows or not current.rows:
        cause = "there are no rows on one of the sides"
        raise Unmeasurable(cause)
    before, after = reference.n / reference.rows, current.n / current.rows
    figure = Figure(
        name="completeness lost",
        value=max(0.0, before - after),
        alarm=Alarm.ABOVE,
        default=0.0,
    )
    rows = reference.rows, current.rows
    note = f"completeness {before:.4g} → {after:.4g}"
    return ruled(figure, threshold, peer=PEER, rows=rows, note=note)


@check(
    "sagemaker_categorical_values",
    family=Family.QUALITY,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.CATEGORICAL,),
    peer=PRESET,
)
def sagemaker_categorical_values(
    reference: Values, current: Values, *, threshold: float | None = None
) -> Statistic:
    """Measure the share of unknown texts, as `categorical_values_check` does.

    Values that the reference has nowhere; it alarms above `domain_content_threshold`,
    0.1 unless told. SageMaker suggests a domain for texts of few distinct values only.

    Blind to how known values change (see `sagemaker_drift`). Use `unseen_category`.

    Source: SageMaker's schema of constraints.json and of violations.

    >>> from checks.example import gathered
    >>> before = gathered(["a", "b"], Kind.CATEGORICAL)
    >>> after = gathered(["a", "c"], Kind.CATEGORICAL)
    >>> sagemaker_categorical_values(before, after).value
    0.5
    """
    rows = both(reference, current)
    unknown = sum(
        n for level, n in current.levels.items() if level not in reference.levels
    )
    figure = Figure(
        name="share of unknown values",
        value=unknown / current.n,
        alarm=Alarm.ABOVE,
        default=0.1,
    )
    return ruled(figure, threshold, peer=PEER, rows=rows)
