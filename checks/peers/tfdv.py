"""TensorFlow Data Validation: its comparators, which have no threshold of their own."""

import numpy as np

from checks.bins import Floats
from checks.errors import OptionError
from checks.registry import Subject, check
from checks.rows import Values
from checks.rule import Alarm, Figure, both, counted, jensen_shannon, ruled
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family

PEER = "TFDV"
PRESET = "tfdv"

BUCKETS = 10
"""Buckets of a standard histogram, unless a user sets `num_histogram_buckets`."""


@check(
    "tfdv_l_infinity",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.0,
    kinds=(Kind.CATEGORICAL, Kind.BOOLEAN),
    peer=PRESET,
)
def tfdv_l_infinity(
    reference: Values, current: Values, *, threshold: float | None = None
) -> Statistic:
    """Measure the largest change of a value's share, as TFDV's `infinity_norm`.

    What `drift_comparator` and `skew_comparator` compare for a categorical feature. It
    alarms above the `threshold`; without one it is measured and never alarms, as TFDV
    compares nothing without one.

    Blind to missing values, to what many rare values do together, and to how few rows
    the window has. Use `l_infinity`, which knows chance, or `jensen_shannon`.

    Source: tensorflow/data-validation 1.21, `anomalies/metrics.cc` (`LInftyDistance`)
    and `anomalies/feature_util.cc`.

    >>> from checks.example import gathered
    >>> before = gathered(["b"] * 9 + ["c"], Kind.CATEGORICAL)
    >>> after = gathered(["a"] * 3 + ["b"] * 7, Kind.CATEGORICAL)
    >>> found = tfdv_l_infinity(before, after, threshold=0.2)
    >>> round(found.value, 4), found.ruling.crossed
    (0.3, True)
    """
    rows = both(reference, current)
    before, after = counted(reference, current)
    gap = float(np.abs(before / reference.n - after / current.n).max())
    figure = Figure(name="L-infinity", value=gap, alarm=Alarm.ABOVE, default=None)
    return ruled(figure, threshold, peer=PEER, rows=rows)


@check(
    "tfdv_jensen_shannon",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.0,
    kinds=(Kind.NUMERIC,),
    peer=PRESET,
)
def tfdv_jensen_shannon(
    reference: Values,
    current: Values,
    *,
    buckets: int = BUCKETS,
    threshold: float | None = None,
) -> Statistic:
    """Measure a numeric feature's Jensen-Shannon divergence, as TFDV's comparator.

    The divergence in bits, not its root: at most 1. Either side has a histogram of its
    own, `buckets` of equal width from its smallest to its largest value; they are laid
    over each other at the edges of both, the rows of a bucket spread evenly over it. A
    side of a single value is a bucket without width, which meets only its equal. Rows
    that are infinite or NaN on either side match nothing, not even those on the other
    side (a defect, kept). It alarms above the `threshold`; without one it is measured
    and never alarms.

    Blind to null values, and to all that lies within a bucket: one far value stretches
    the buckets until all else is in one of them. TFDV takes its counts from a sketch of
    quantiles, these are exact. Use `jensen_shannon`, whose bins are fixed.

    Source: tensorflow/data-validation 1.21, `anomalies/metrics.cc`
    (`JensenShannonDivergence`) and `utils/quantiles_util.py`.

    >>> from checks.example import gathered
    >>> found = tfdv_jensen_shannon(gathered(range(100)), gathered(range(50, 150)))
    >>> round(found.value, 3), found.ruling.crossed
    (0.505, False)
    """
    rows = both(reference, current)
    before, after = _aligned(reference, current, buckets)
    divergence = min(1.0, jensen_shannon(before, after, base=2) ** 2)
    figure = Figure(
        name="Jensen-Shannon divergence",
        value=divergence,
        alarm=Alarm.ABOVE,
        default=None,
    )
    return ruled(figure, threshold, peer=PEER, rows=rows)


def _aligned(reference: Values, current: Values, buckets: int) -> tuple[Floats, Floats]:
    """Return the rows of both sides in buckets that they share.

    Rows that match nothing have buckets of their own, one for each side.
    """
    if buckets < 1:
        msg = f"option 'buckets' is {buckets}, and at least 1 is counted in"
        raise OptionError(msg)
    sides = reference, current
    edges = np.unique(np.concatenate([_edges(side, buckets) for side in sides]))
    points = np.unique([side.numbers[0] for side in sides if _point(side)])
    strange = [(side.infinities, side.nans) for side in sides]
    before, after = (_laid(side, edges, points, buckets) for side in sides)
    return (
        np.concatenate([before, strange[0], [0.0, 0.0]]),
        np.concatenate([after, [0.0, 0.0], strange[1]]),
    )


def _point(side: Values) -> bool:
    """Tell whether all values of a side are one."""
    return bool(side.numbers[0] == side.numbers[-1])


def _edges(side: Values, buckets: int) -> Floats:
    if _point(side):
        return np.empty(0)
    return np.linspace(side.numbers[0], side.numbers[-1], buckets + 1)


def _laid(side: Values, edges: Floats, points: Floats, buckets: int) -> Floats:
    """Spread a side's rows over the edges of both, and count those at its point."""
    if _point(side):
        at = np.where(points == side.numbers[0], float(side.n), 0.0)
        return np.concatenate([np.zeros(max(0, len(edges) - 1)), at])
    own = _edges(side, buckets)
    counts, _ = np.histogram(side.numbers, own)
    upto = np.interp(edges, own, np.concatenate([[0], np.cumsum(counts)]))
    return np.concatenate([np.diff(upto), np.zeros(len(points))])
