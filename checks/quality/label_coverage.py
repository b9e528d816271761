"""Labels that usually have come by now, and have not."""

import math

import numpy as np
from scipy import special

from checks.delays import Arrived
from checks.errors import Unmeasurable
from checks.interval import Z
from checks.registry import Subject, Task, check
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "label_coverage",
    family=Family.QUALITY,
    subject=Subject.LABELS,
    threshold=0.25,
    default=True,
    tasks=(Task.BINARY_CLASSIFICATION, Task.REGRESSION),
)
def label_coverage(arrived: Arrived) -> Statistic:
    """Measure which share of the labels that should be here by now is not.

    The share of predictions with a label, against the median of earlier windows at the
    same age: 0.25 is a quarter of the usual labels missing, 1 none at all. The p-value
    is that of one more draw from the earlier windows' shares (Student's t on their
    arcsines, which evens out how much shares vary), so that a feed that comes in lumps
    is allowed to. More labels than usual are no trouble.

    It is made once five earlier windows have told what is usual at their age, and
    nothing is usual where labels come later than windows are evaluated: then see the
    maturity of the evaluation. Blind to labels that come and are wrong (see the
    performance checks).

    Source: prediction interval of one further observation, Hahn and Meeker,
    "Statistical Intervals" (1991); Freeman and Tukey, "Transformations related to the
    angular and the square root", Ann. Math. Stat. 21 (1950).

    >>> usual = (0.80, 0.82, 0.79, 0.81, 0.80, 0.83)
    >>> found = label_coverage(Arrived(rows=1_000, labelled=400, usual=usual))
    >>> round(found.value, 2), found.p_value < 0.001, found.detail
    (0.5, True, '40.0% of the predictions have a label, usually 80.5% at this age')
    """
    if not arrived.known:
        cause = "too few earlier windows tell how many labels have come at this age"
        raise Unmeasurable(cause)
    if arrived.rows == 0:
        cause = "nothing was predicted that could have labels"
        raise Unmeasurable(cause)
    n, rows = len(arrived.usual), arrived.rows
    angles = np.arcsin(np.sqrt(np.clip(arrived.usual, 0.0, 1.0)))
    now = arrived.labelled / rows
    usual = float(np.median(arrived.usual))
    # A share of so few rows varies at least this much; equal windows do not prove none.
    floor = 1 / (2 * math.sqrt(rows))
    spread = max(float(np.std(angles, ddof=1)), floor) * math.sqrt(1 + 1 / n)
    middle = float(np.mean(angles))
    angle = math.asin(math.sqrt(now))
    value = max(0.0, 1 - now / usual)
    least, most = (_share(middle + side * Z * spread) for side in (-1, 1))
    return Statistic(
        value=value,
        low=min(value, max(0.0, 1 - now / least) if least > 0 else 0.0),
        high=max(value, 1 - now / most if most > 0 else 0.0),
        p_value=min(1.0, float(special.stdtr(n - 1, (angle - middle) / spread))),
        n_reference=n,
        n_current=rows,
        at_reference=usual,
        at_current=now,
        detail=f"{now:.1%} of the predictions have a label, usually {usual:.1%} "
        "at this age",
    )


def _share(angle: float) -> float:
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2
