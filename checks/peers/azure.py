"""Azure Machine Learning's model monitoring: its data drift signal."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from checks.bins import Floats, Ints
from checks.errors import Unmeasurable
from checks.interval import chi_square_tail
from checks.overlay import Overlay
from checks.registry import Subject, check
from checks.rows import Values
from checks.rule import (
    Alarm,
    Figure,
    both,
    counted,
    jensen_shannon,
    kolmogorov_smirnov_p,
    population_stability,
    ruled,
)
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

PEER = "Azure ML"
PRESET = "azure"

SMALLEST_DEVIATION = 0.001
MOST_FOR_KS = 10_000
"""Rows of a side from which on Azure's Kolmogorov-Smirnov component raises."""
TWO = 2

NumericMetric = Literal[
    "normalized_wasserstein_distance",
    "jensen_shannon_distance",
    "population_stability_index",
    "two_sample_kolmogorov_smirnov_test",
]
CategoricalMetric = Literal[
    "jensen_shannon_distance",
    "population_stability_index",
    "pearsons_chi_squared_test",
]


@check(
    "azure_numeric_drift",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC,),
    peer=PRESET,
)
def azure_numeric_drift(
    reference: Values,
    current: Values,
    *,
    metric: NumericMetric = "normalized_wasserstein_distance",
    threshold: float | None = None,
) -> Statistic:
    """Compare a numeric feature as Azure ML's data drift signal does.

    By default the Wasserstein distance over the reference's sample standard deviation,
    alarming above 0.1; the Jensen-Shannon distance (base 2, Sturges bins over both
    sides) alarms above 0.1 too. The other metrics have no default: without a
    `threshold` they are measured and never alarm. The two-sample test alarms when its
    p-value is below the threshold.

    Blind to missing values and to how few rows the window has. Its defects are kept:
    the bins follow the window; the standard deviation is never taken below 0.001; the
    two-sample test cannot be made from 10,000 rows on; a histogram of one value alone
    fails unless that is positive. Azure drops a row when any of its columns is null,
    driftd looks at each column by itself. Use `wasserstein`.

    Source: Azure/azureml-assets, `data_drift_compute_metrics` and
    `evaluate_metrics_threshold`; defaults of azure-ai-ml, `entities/_monitoring`.

    >>> from checks.example import gathered
    >>> found = azure_numeric_drift(gathered(range(100)), gathered(range(5, 105)))
    >>> round(found.value, 4), found.ruling.crossed
    (0.1723, True)
    """
    rows = both(reference, current)
    figure = _NUMERIC[metric](reference, current)
    return ruled(figure, threshold, peer=PEER, rows=rows)


@check(
    "azure_categorical_drift",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.CATEGORICAL, Kind.BOOLEAN),
    peer=PRESET,
)
def azure_categorical_drift(
    reference: Values,
    current: Values,
    *,
    metric: CategoricalMetric = "jensen_shannon_distance",
    threshold: float | None = None,
) -> Statistic:
    """Compare a categorical feature as Azure ML's data drift signal does.

    By default the Jensen-Shannon distance, base 2, alarming above 0.1. The other
    metrics have no default: without a `threshold` they are measured and never alarm.
    The chi-squared test alarms when its p-value is below the threshold.

    Blind to missing values and to how few rows the window has. Its defects are kept:
    the chi-squared test takes the reference for exact, and one category that the
    reference lacks makes p = 0. Use `jensen_shannon` or `chi_square`.

    Source: Azure/azureml-assets, `data_drift_compute_metrics` and
    `evaluate_metrics_threshold`; defaults of azure-ai-ml, `entities/_monitoring`.

    >>> from checks.example import gathered
    >>> before = gathered(["a", "b"] * 50, Kind.CATEGORICAL)
    >>> after = gathered(["a", "a", "b"] * 30, Kind.CATEGORICAL)
    >>> found = azure_categorical_drift(before, after)
    >>> round(found.value, 4), found.ruling.crossed
    (0.1439, True)
    """
    rows = both(reference, current)
    figure = _CATEGORICAL[metric](reference, current)
    return ruled(figure, threshold, peer=PEER, rows=rows)


def _wasserstein(reference: Values, current: Values) -> Figure:
    if reference.n < TWO:
        deviation = math.nan
    else:
        deviation = max(float(np.std(reference.numbers, ddof=1)), SMALLEST_DEVIATION)
    value = Overlay.of(reference.numbers, current.numbers).area / deviation
    name = "NormalizedWassersteinDistance"
    return Figure(name=name, value=value, alarm=Alarm.ABOVE, default=0.1)


def _jensen_shannon(reference: Values, current: Values) -> Figure:
    before, after = _shares_of(reference, current)
    value = jensen_shannon(before.astype(float), after.astype(float), base=2)
    name = "JensenShannonDistance"
    return Figure(name=name, value=value, alarm=Alarm.ABOVE, default=0.1)


def _psi(reference: Values, current: Values) -> Figure:
    """Add one row to each bin, so that none is empty."""
    before, after = _shares_of(reference, current)
    value = population_stability(
        (before + 1) / (reference.n + len(before)),
        (after + 1) / (current.n + len(after)),
    )
    name = "PopulationStabilityIndex"
    return Figure(name=name, value=value, alarm=Alarm.ABOVE, default=None)


def _kolmogorov_smirnov(reference: Values, current: Values) -> Figure:
    if max(reference.n, current.n) >= MOST_FOR_KS:
        cause = f"Azure ML makes this test below {MOST_FOR_KS:,} rows a side only"
        raise Unmeasurable(cause)
    p = kolmogorov_smirnov_p(reference, current)
    name = "TwoSampleKolmogorovSmirnovTest"
    return Figure(name=name, value=p, alarm=Alarm.BELOW, default=None)


def _chi_squared(reference: Values, current: Values) -> Figure:
    """Test the window against the reference's shares, as if these were exact."""
    before, after = counted(reference, current)
    expected = before * (current.n / reference.n)
    if len(expected) < TWO:
        p = math.nan
    elif (expected == 0).any():
        p = 0.0
    else:
        statistic = float(((after - expected) ** 2 / expected).sum())
        p = chi_square_tail(statistic, len(expected) - 1)
    name = "PearsonsChiSquaredTest"
    return Figure(name=name, value=p, alarm=Alarm.BELOW, default=None)


def _shares_of(reference: Values, current: Values) -> tuple[Ints, Ints]:
    """Count levels, or numbers in bins that follow the window too."""
    if not reference.column.kind.ordered:
        return counted(reference, current)
    edges = _edges(reference, current)
    before, after = (
        np.histogram(side.numbers, edges)[0] for side in (reference, current)
    )
    return before, after


def _edges(reference: Values, current: Values) -> Floats:
    """Cut the range of both sides by Sturges' rule for the smaller one."""
    low = min(float(reference.numbers[0]), float(current.numbers[0]))
    high = max(float(reference.numbers[-1]), float(current.numbers[-1]))
    if low == high:
        if low <= 0:
            cause = f"Azure ML cannot count a column that is {low:g} throughout"
            raise Unmeasurable(cause)
        return np.array([low, low * 1.01])
    bins = math.ceil(math.log2(min(reference.n, current.n)) + 1)
    width = (high - low) / bins
    # The last edge may round to just below the highest value, which is then lost.
    return np.array([low, *(low + (i + 1) * width for i in range(bins))])


_NUMERIC: Mapping[str, Callable[[Values, Values], Figure]] = {
    "normalized_wasserstein_distance": _wasserstein,
    "jensen_shannon_distance": _jensen_shannon,
    "population_stability_index": _psi,
    "two_sample_kolmogorov_smirnov_test": _kolmogorov_smirnov,
}
_CATEGORICAL: Mapping[str, Callable[[Values, Values], Figure]] = {
    "jensen_shannon_distance": _jensen_shannon,
    "population_stability_index": _psi,
    "pearsons_chi_squared_test": _chi_squared,
}
