"""Two shares compared: how much larger one has become, and how sure that is."""

import math

import numpy as np
from scipy import special

from checks.bins import Floats
from checks.correction import UTMOST
from checks.interval import normal_tail, share_difference
from checks.statistic import Statistic

MIN_EXPECTED = 5.0
"""Cochran's rule: below this many expected rows a share is not nearly normal."""
FEW_MARKED = 12
"""Marked rows up to which the p-values of their share are few enough to be listed."""


def larger_share(  # noqa: PLR0913 - two counts of two samples
    *,
    count_reference: float,
    n_reference: int,
    count_current: float,
    n_current: int,
    effect: float = 1.0,
    effect_current: float | None = None,
    detail: str = "",
) -> Statistic:
    """Measure how much larger the current share is, in absolute terms.

    `effect` is the design effect, by which both samples' rows are divided, unless the
    current one has an effect of its own. The p-value
    is Fisher's one-sided exact one (hypergeometric tail) on effective counts, so that
    a single row of a value never seen is weighed as what it is.
    """
    now = effect if effect_current is None else effect_current
    before, after = count_reference / effect, count_current / now
    reference, current = n_reference / effect, n_current / now
    low, high = share_difference(before, reference, after, current)
    p, q = count_reference / n_reference, count_current / n_current
    return Statistic(
        value=max(0.0, q - p),
        low=max(0.0, low),
        high=max(0.0, high),
        p_value=fisher(before, reference, after, current),
        n_reference=n_reference,
        n_current=n_current,
        at_reference=p,
        at_current=q,
        detail=detail,
        attainable=attainable(before, reference, after, current),
    )


def exceeds(count_1: float, n_1: float, count_2: float, n_2: float) -> float:
    """Return the one-sided p-value that share 2 is not above share 1.

    That of the z test with pooled variance, or Fisher's exact one where fewer than
    `MIN_EXPECTED` rows are expected on a side. Counts may be of effective rows.
    """
    pooled = (count_1 + count_2) / (n_1 + n_2)
    if min(pooled, 1 - pooled) * min(n_1, n_2) < MIN_EXPECTED:
        return fisher(count_1, n_1, count_2, n_2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n_1 + 1 / n_2))
    return normal_tail((count_2 / n_2 - count_1 / n_1) / error)


def differs(count_1: float, n_1: float, count_2: float, n_2: float) -> float:
    """Return the two-sided p-value that two shares are the same.

    >>> round(differs(60, 100, 45, 100), 4)
    0.0337
    """
    up, down = exceeds(count_1, n_1, count_2, n_2), exceeds(count_2, n_2, count_1, n_1)
    return min(1.0, 2 * min(up, down))


def fisher(count_1: float, n_1: float, count_2: float, n_2: float) -> float:
    """Return Fisher's one-sided exact p-value that share 2 is not above share 1.

    Fractions of effective rows are rounded towards no difference. Equals
    `scipy.stats.fisher_exact(..., alternative="less")` on [[a, b], [c, d]].

    >>> round(fisher(0, 100, 3, 100), 4)
    0.1231
    """
    a, n = math.ceil(count_1), max(1, math.floor(n_1))
    c, m = math.floor(count_2), max(1, math.floor(n_2))
    a = min(a, n)
    if c * n <= a * m:
        return 1.0
    # P(X >= c), X hypergeometric: of a + c marked rows, those that fall among the m.
    marked = a + c
    expected = marked * m / (n + m)
    spread = math.sqrt(expected * (n / (n + m)))
    # Beyond ten standard deviations more nothing is left that a float64 would show.
    most = min(m, marked, c + 50 + math.ceil(10 * spread))
    return float(_tails(marked, n, m, c, most)[-1])


def attainable(
    count_1: float, n_1: float, count_2: float, n_2: float
) -> tuple[float, ...] | None:
    """Return the p-values up to 0.05 that `fisher` can give for so many marked rows.

    None where these are so many that nearly any can come.

    >>> attainable(0, 100, 0, 100), [round(p, 3) for p in attainable(3, 90, 1, 10)]
    ((), [0.0, 0.003, 0.049])
    """
    a, n = math.ceil(count_1), max(1, math.floor(n_1))
    c, m = math.floor(count_2), max(1, math.floor(n_2))
    marked = min(a, n) + c
    if marked > FEW_MARKED:
        return None
    most = min(m, marked)
    # Where the share is not the larger one the p-value is 1.
    least = max(1, marked * m // (n + m) + 1)
    if least > most:
        return ()
    return tuple(p for p in _tails(marked, n, m, least, most).tolist() if p <= UTMOST)


def _tails(marked: int, n: int, m: int, least: int, most: int) -> Floats:
    """Return how likely so many of the marked rows, or more, fall among m of n + m.

    From `most` down to `least`; more than `most` do not.
    """
    k = np.arange(most, least - 1, -1, dtype=np.float64)
    terms = _log_choose(m, k) + _log_choose(n, marked - k) - _log_choose(n + m, marked)
    return np.asarray(np.minimum(np.cumsum(np.exp(terms)), 1.0))


def _log_choose(n: float, k: Floats | float) -> Floats:
    return np.asarray(
        special.gammaln(n + 1.0)
        - special.gammaln(k + 1.0)
        - special.gammaln(n - k + 1.0)
    )
