"""How many rows came."""

import math

import numpy as np
from scipy import special

from checks.errors import Unmeasurable
from checks.interval import Z
from checks.profile import Profile
from checks.reference import MIN_BLOCKS, Reference
from checks.registry import Subject, check
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "volume",
    family=Family.QUALITY,
    subject=Subject.TABLE,
    threshold=1.0,
    default=True,
    any_rows=True,
)
def volume(reference: Reference, current: Profile) -> Statistic:
    """Measure how unusual the number of rows is, in factors of two.

    The value is |log2(rows / median rows)| against the reference's own stretches of
    the same length: 1 is half or double. The p-value is that of a new draw from
    those stretches' log counts (Student's t for a new observation), so a stream that
    breathes with the week is allowed to. An empty window is as far away as one row
    would be, and then some.

    Of a sampled stream it is the rows of the full traffic that the sample stands for,
    and what sampling makes unsure of them is added.

    Blind to which rows are missing (use the drift checks).

    Source: prediction interval of one further observation, e.g. Hahn and Meeker,
    "Statistical Intervals" (1991), section 4.7.

    >>> from checks.example import reference, window
    >>> usual = reference({"x": [0.0]}, block_rows=(100, 104, 98, 101, 99, 102))
    >>> found = volume(usual, window(usual, {"x": [0.0] * 20}))
    >>> round(found.value, 2), found.detail, found.p_value < 0.001
    (2.33, '20 rows, usually 100', True)
    """
    blocks = np.array(reference.block_rows, dtype=np.float64)
    if len(blocks) < MIN_BLOCKS:
        cause = "the reference has too few stretches of this length to know its volume"
        raise Unmeasurable(cause)
    logs = np.log2(blocks)
    usual = float(np.median(logs))
    now = math.log2(max(current.traffic, 0.5))
    n = len(blocks)
    # A Poisson count varies at least this much; identical blocks do not prove zero.
    floor = 1 / (math.log(2) * math.sqrt(2.0**usual))
    spread = max(float(np.std(logs, ddof=1)), floor) * math.sqrt(1 + 1 / n)
    spread = math.hypot(spread, _sampling(current))
    value = abs(now - usual)
    tail = float(special.stdtr(n - 1, -value / spread))
    return Statistic(
        value=value,
        low=max(0.0, value - Z * spread),
        high=value + Z * spread,
        p_value=min(1.0, 2 * tail),
        n_reference=reference.profile.rows,
        n_current=current.rows,
        at_reference=float(2.0**usual),
        at_current=float(current.traffic),
        detail=f"{current.traffic} rows, usually {2.0**usual:.0f}",
    )


def _sampling(current: Profile) -> float:
    """Return the standard error that sampling adds to the log count."""
    if current.weight is None or not current.weight.total:
        return 0.0
    error = math.sqrt(current.weight.variance) / current.weight.traffic
    return error / math.log(2)
