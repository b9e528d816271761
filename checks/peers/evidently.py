"""Evidently 0.7: a method chosen by the reference's size, and a share of columns."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from scipy import special

from checks.bins import Floats, Ints
from checks.errors import OptionError, Unmeasurable
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
    unwarned,
)
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

PEER = "evidently 0.7"
PRESET = "evidently-0.7"

MOST_FOR_TESTS = 1_000
"""Rows of the reference up to which a test decides, beyond which a distance does."""
FEW_VALUES = 5
"""Distinct values of a numeric column up to which it is compared by value."""
TWO = 2
BINNED_FROM = 20
"""Distinct values of the reference beyond which numbers are counted in bins."""
SMALLEST_DEVIATION = 0.001
FILLED = 1e-4
"""What stands for a share of zero, unless a share is smaller yet."""

Method = Literal[
    "auto",
    "ks",
    "chisquare",
    "z",
    "wasserstein",
    "jensenshannon",
    "psi",
    "kl_div",
    "hellinger",
    "ed",
    "t_test",
    "mannw",
    "cramer_von_mises",
]
"""The methods, as Evidently names them; `auto` chooses as its presets do."""


@check(
    "evidently_drift",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN),
    peer=PRESET,
)
def evidently_drift(
    reference: Values,
    current: Values,
    *,
    method: Method = "auto",
    threshold: float | None = None,
) -> Statistic:
    """Compare a column as Evidently 0.7's `ValueDrift` and `DataDriftPreset` do.

    Up to 1,000 reference rows a test decides at p 0.05: Kolmogorov-Smirnov for numbers
    of more than 5 values, else chi-square, or z where there are two values at most.
    Beyond 1,000 a distance decides at 0.1: Wasserstein over the reference's standard
    deviation for such numbers, else Jensen-Shannon with natural logarithms. A
    `threshold` is held against the p-value or the distance, whichever decides.

    Blind to missing values, which are left out, and to how few rows the window has.
    Its defects are kept, because its history has them: `chisquare` takes the reference
    for exact, so that 900 clean rows on both sides alarm in 22 % of the windows at 3
    categories and in 47 % at 10; one category that the reference lacks makes p = 0;
    the distances alarm on a window that is merely small; bins of `jensenshannon`,
    `psi` and `kl_div` follow the window, so that one far value hides a shift; `mannw`
    sees only values that rise; the standard deviation is never taken below 0.001. Use
    `wasserstein` and `jensen_shannon`, which have none of these.

    Source: evidently 0.7.23, `evidently.legacy.calculations.stattests`.

    >>> from checks.example import gathered
    >>> found = evidently_drift(gathered(range(40)), gathered(range(20, 60)))
    >>> found.detail
    'evidently 0.7: K-S p_value = 6.577e-05, alarms at ≤ 0.05'
    >>> found.ruling.crossed
    True
    """
    rows = both(reference, current)
    chosen = _chosen(reference, current) if method == "auto" else method
    measure = _METHODS[chosen]
    if chosen in _NUMBERS_ONLY and not reference.column.kind.ordered:
        msg = f"evidently's {chosen} compares numbers, and this column has none"
        raise OptionError(msg)
    return ruled(measure(reference, current), threshold, peer=PEER, rows=rows)


@check(
    "evidently_dataset_drift",
    family=Family.DRIFT,
    subject=Subject.VERDICTS,
    threshold=0.5,
    peer=PRESET,
    of="evidently_drift",
)
def evidently_dataset_drift(
    found: Mapping[str, Statistic | str], *, threshold: float | None = None
) -> Statistic:
    """Tell whether the dataset drifts: half of its columns do, as Evidently counts.

    The share of columns on which `evidently_drift` alarms, against `drift_share`, 0.5.
    A column that cannot be compared makes this one UNKNOWN: Evidently raises an error
    there, and gives no report at all.

    Blind to how far a column drifts, and to drift of fewer than half of the columns:
    the verdicts of `evidently_drift` tell it column by column.

    Source: evidently 0.7.23, `get_dataset_drift` and `DriftedColumnsCount`.

    >>> from checks.statistic import Ruling
    >>> def column(crossed):
    ...     return Statistic(
    ...         value=0, low=0, high=0, p_value=None, n_reference=9, n_current=9,
    ...         ruling=Ruling(crossed=crossed, threshold=0.1),
    ...     )
    >>> half = evidently_dataset_drift({"a": column(True), "b": column(False)})
    >>> half.value, half.ruling.crossed
    (0.5, True)
    """
    if not found:
        cause = "evidently_drift was made on no column"
        raise Unmeasurable(cause)
    columns: list[Statistic] = []
    for name, one in found.items():
        if isinstance(one, str):
            cause = f"evidently gives no report where a column fails: {name!r}, {one}"
            raise Unmeasurable(cause)
        columns.append(one)
    drifted = sum(one.ruling is not None and one.ruling.crossed for one in columns)
    share = Figure(
        name="share of drifted columns",
        value=drifted / len(columns),
        alarm=Alarm.FROM,
        default=0.5,
    )
    rows = max(c.n_reference for c in columns), max(c.n_current for c in columns)
    note = f"{drifted} of {len(columns)} columns"
    return ruled(share, threshold, peer=PEER, rows=rows, note=note)


def _chosen(reference: Values, current: Values) -> str:
    """Choose a method; the size of the window plays no part."""
    distinct = _distinct(reference, current)
    compared_by_value = not reference.column.kind.ordered or distinct <= FEW_VALUES
    if reference.n > MOST_FOR_TESTS:
        return "jensenshannon" if compared_by_value else "wasserstein"
    if not compared_by_value:
        return "ks"
    return "chisquare" if distinct > TWO else "z"


def _distinct(reference: Values, current: Values) -> int:
    """Count the values of both sides; all that are more than a few are many."""
    if not reference.column.kind.ordered:
        return len({*reference.levels, *current.levels})
    values = [
        side.numbers[np.flatnonzero(np.diff(side.numbers, prepend=-np.inf))]
        for side in (reference, current)
    ]
    if max(map(len, values)) > FEW_VALUES:
        return FEW_VALUES + 1
    return len(np.union1d(*values))


def _ks(reference: Values, current: Values) -> Figure:
    p = kolmogorov_smirnov_p(reference, current)
    return Figure(name="K-S p_value", value=p, alarm=Alarm.UPTO, default=0.05)


def _chisquare(reference: Values, current: Values) -> Figure:
    """Test the window against the reference's shares, as if these were exact."""
    before, after = counted(reference, current)
    expected = before * (current.n / reference.n)
    if len(expected) == 1:
        p = math.nan  # no degrees of freedom: SciPy has no number either
    elif (expected == 0).any():
        p = 0.0  # a value that was expected never
    else:
        statistic = float(((after - expected) ** 2 / expected).sum())
        p = chi_square_tail(statistic, len(expected) - 1)
    return Figure(name="chi-square p_value", value=p, alarm=Alarm.BELOW, default=0.05)


def _z(reference: Values, current: Values) -> Figure:
    """Test the share of every value but the first, as two proportions."""
    before, after = counted(reference, current)
    n, m = reference.n, current.n
    p = 1.0
    if len(before) > 1:
        f, g = 1 - before[0] / n, 1 - after[0] / m
        pooled = (f * n + g * m) / (n + m)
        z = (f - g) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        p = 2 * (1 - float(special.ndtr(abs(z))))
    return Figure(name="Z-test p_value", value=p, alarm=Alarm.BELOW, default=0.05)


def _t_test(reference: Values, current: Values) -> Figure:
    # Half a second of imports, that only those wait for who ask for this method.
    from scipy import stats  # noqa: PLC0415

    if min(reference.n, current.n) < TWO:
        p = math.nan
    else:
        with unwarned():
            p = float(stats.ttest_ind(reference.numbers, current.numbers).pvalue)
    return Figure(name="t_test p_value", value=p, alarm=Alarm.BELOW, default=0.05)


def _mannw(reference: Values, current: Values) -> Figure:
    """Test whether values rise; that they fall is not seen (a defect, kept)."""
    from scipy import stats  # noqa: PLC0415

    found = stats.mannwhitneyu(
        reference.numbers, current.numbers, alternative="less"
    ).pvalue
    return Figure(
        name="Mann-Whitney U-rank p_value",
        value=float(found),
        alarm=Alarm.BELOW,
        default=0.05,
    )


def _cramer_von_mises(reference: Values, current: Values) -> Figure:
    from scipy import stats  # noqa: PLC0415

    if min(reference.n, current.n) < TWO:
        p = math.nan
    else:
        found = stats.cramervonmises_2samp(reference.numbers, current.numbers)
        p = float(found.pvalue)
    return Figure(
        name="Cramer-von Mises p_value", value=p, alarm=Alarm.UPTO, default=0.1
    )


def _distance(name: str, value: float, alarm: Alarm = Alarm.FROM) -> Figure:
    return Figure(name=name, value=value, alarm=alarm, default=0.1)


def _wasserstein(reference: Values, current: Values) -> Figure:
    deviation = max(float(np.std(reference.numbers)), SMALLEST_DEVIATION)
    area = Overlay.of(reference.numbers, current.numbers).area
    return _distance("Wasserstein distance (normed)", area / deviation)


def _energy(reference: Values, current: Values) -> Figure:
    from scipy import stats  # noqa: PLC0415

    found = float(stats.energy_distance(reference.numbers, current.numbers))
    return _distance("Energy distance", found, Alarm.ABOVE)


def _jensenshannon(reference: Values, current: Values) -> Figure:
    return _distance(
        "Jensen-Shannon distance", jensen_shannon(*_shares(reference, current))
    )


def _psi(reference: Values, current: Values) -> Figure:
    before, after = map(_filled, _shares(reference, current))
    return _distance("PSI", population_stability(before, after))


def _kl_div(reference: Values, current: Values) -> Figure:
    before, after = map(_filled, _shares(reference, current))
    before, after = before / before.sum(), after / after.sum()
    divergence = float(special.rel_entr(before, after).sum())
    return _distance("Kullback-Leibler divergence", divergence)


def _hellinger(reference: Values, current: Values) -> Figure:
    """Compare numbers in bins as wide as Sturges' rule makes them for the values."""
    before, after = counted(reference, current)
    if reference.column.kind.ordered:
        values = np.union1d(reference.numbers, current.numbers)
        edges = np.histogram_bin_edges(values, bins="sturges")
        before, after = _binned(reference, current, edges)
    overlap = float(np.sqrt(before / reference.n * (after / current.n)).sum())
    return _distance("Hellinger distance", math.sqrt(max(0.0, 1 - overlap)))


def _shares(reference: Values, current: Values) -> tuple[Floats, Floats]:
    """Return the shares in bins that follow the window too (a defect, kept)."""
    ordered = reference.column.kind.ordered
    if not ordered or len(np.unique(reference.numbers)) <= BINNED_FROM:
        before, after = counted(reference, current)
        return before / reference.n, after / current.n
    every = np.concatenate([reference.numbers, current.numbers])
    edges = np.histogram_bin_edges(every, bins="sturges")
    before, after = _binned(reference, current, edges)
    return before / reference.n, after / current.n


def _binned(reference: Values, current: Values, edges: Floats) -> tuple[Ints, Ints]:
    before, after = (
        np.histogram(side.numbers, edges)[0] for side in (reference, current)
    )
    return before, after


def _filled(shares: Floats) -> Floats:
    least = float(shares[shares > 0].min())
    return np.where(shares > 0, shares, least / 1e6 if least <= FILLED else FILLED)


_METHODS: Mapping[str, Callable[[Values, Values], Figure]] = {
    "ks": _ks,
    "chisquare": _chisquare,
    "z": _z,
    "wasserstein": _wasserstein,
    "jensenshannon": _jensenshannon,
    "psi": _psi,
    "kl_div": _kl_div,
    "hellinger": _hellinger,
    "ed": _energy,
    "t_test": _t_test,
    "mannw": _mannw,
    "cramer_von_mises": _cramer_von_mises,
}
_NUMBERS_ONLY = frozenset(
    {"ks", "wasserstein", "ed", "t_test", "mannw", "cramer_von_mises"}
)
