"""Confidence intervals shared by the checks: shares, and distances between counts."""

import math

import numpy as np
from scipy import special

from checks.bins import Floats

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution: intervals are two-sided, at 95 %."""


def wilson(count: float, n: float, z: float = Z) -> tuple[float, float]:
    """Bound a share by Wilson's score interval, at 95 % unless `z` says otherwise.

    Wilson, "Probable inference", J. Am. Stat. Assoc. 22 (1927). `n` may be an
    effective number of rows and need not be whole.

    >>> low, high = wilson(5, 100)
    >>> round(low, 4), round(high, 4)
    (0.0215, 0.1118)
    """
    if n <= 0:
        return 0.0, 1.0
    share = count / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def share_difference(
    count_1: float, n_1: float, count_2: float, n_2: float
) -> tuple[float, float]:
    """Bound the difference share_2 - share_1 by Newcombe's hybrid score interval.

    Newcombe, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17 (1998), method 10; at 95 %.

    >>> low, high = share_difference(10, 100, 30, 100)
    >>> round(low, 3), round(high, 3)
    (0.09, 0.306)
    """
    p_1, p_2 = count_1 / n_1, count_2 / n_2
    low_1, high_1 = wilson(count_1, n_1)
    low_2, high_2 = wilson(count_2, n_2)
    below = math.hypot(p_2 - low_2, high_1 - p_1)
    above = math.hypot(high_2 - p_2, p_1 - low_1)
    return max(-1.0, p_2 - p_1 - below), min(1.0, p_2 - p_1 + above)


def quadratic_distance(
    value: float, *, degrees: float, scale: float, variance: float
) -> tuple[float, float]:
    """Bound a distance that behaves like `scale` times a chi-square variable.

    PSI, the Jensen-Shannon divergence and Pearson's statistic over sample sizes all
    do near the null: `value / scale` follows a noncentral chi-square distribution
    with `degrees` of freedom, whose square root, shifted by (degrees - 1) / 2, is
    close to normal with variance 1 (Patnaik, Biometrika 36, 1949; Sankaran,
    Biometrika 46, 1959). This takes out the upward bias that plug-in distances have
    in small samples. Far from the null the delta-method `variance` is the wider one,
    and the wider bound is kept.
    """
    centre = max(0.0, degrees - 1) / 2
    root = math.sqrt(max(value / scale - centre, 0.0))
    low = scale * max(0.0, max(0.0, root - Z) ** 2 - centre)
    high = scale * max(0.0, (root + Z) ** 2 - centre)
    spread = Z * math.sqrt(max(variance, 0.0))
    low = max(0.0, min(low, value - degrees * scale - spread))
    return low, max(high, value, value + spread - degrees * scale)


def folded_bias(gap: Floats, sd: Floats) -> Floats:
    """Return by how much chance lifts the sizes of some gaps, each with its sd.

    The mean of |x|, with x normal, exceeds |its mean| by 2 sd (φ(r) - r Φ(-r)), where
    r is its mean in sds (Leone, Nelson and Nottingham, Technometrics 3, 1961). A gap
    observed is one that chance has mostly lifted already: one sd is taken off it
    first, so that gaps of nothing but chance are seen as such.
    """
    size = np.maximum(np.abs(gap) - sd, 0.0)
    ratio = np.divide(size, sd, out=np.full_like(sd, np.inf), where=sd > 0)
    peak = np.exp(-(np.minimum(ratio, 38.0) ** 2) / 2) / math.sqrt(math.tau)
    return np.asarray(np.maximum(2 * (sd * peak - size * special.ndtr(-ratio)), 0.0))


def chi_square_tail(statistic: float, degrees: float) -> float:
    """Return the upper tail of the chi-square distribution (scipy.stats.chi2.sf)."""
    return float(special.chdtrc(degrees, max(statistic, 0.0)))


def area_tail(value: float, mean: float, variance: float) -> float:
    """Return the upper tail of the area below the size of a bridge, weighed anyhow.

    A shifted gamma distribution with this mean and variance. Its skewness follows from
    the coefficient of variation, on a line through the two cases where all three are
    known: a weight at one point (the half-normal distribution), and the same weight
    everywhere (Shepp, Annals of Probability 10, 1982).

    >>> half_normal = math.sqrt(2 / math.pi), 1 - 2 / math.pi
    >>> round(area_tail(1.96, *half_normal), 3), round(area_tail(3.29, *half_normal), 4)
    (0.047, 0.0018)
    """
    if variance <= 0 or mean <= 0:
        return 0.0 if value > mean else 1.0
    variation = math.sqrt(variance) / mean
    skewness = variation * max(1.0, 3.813 - 4.372 * variation * variation)
    shape = 4 / skewness**2
    scale = math.sqrt(variance) * skewness / 2
    at = (value - mean) / scale + shape
    return float(special.gammaincc(shape, max(at, 0.0)))


def quadratic_tail(value: float, powers: tuple[float, float, float]) -> float:
    """Return the upper tail of a weighted sum of chi-square variables of one degree.

    `powers` are the sums of the weights, of their squares and of their cubes, from
    which a shifted chi-square distribution with the same mean, variance and skewness
    follows: Pearson's three-moment approximation (Imhof, Biometrika 48, 1961).

    >>> round(quadratic_tail(3.841, (1.0, 1.0, 1.0)), 3)
    0.05
    """
    first, second, third = powers
    if third <= 0.0:
        return 0.0 if value > first else 1.0
    degrees = second**3 / third**2
    return chi_square_tail((value - first) * second / third + degrees, degrees)


def normal_tail(z: float) -> float:
    """Return the upper tail of the normal distribution (scipy.stats.norm.sf)."""
    return float(special.ndtr(-z))


def student_tail(t: float, degrees: float) -> float:
    """Return the upper tail of Student's t (scipy.stats.t.sf); normal at infinity."""
    return float(special.stdtr(degrees, -t))


def student_point(degrees: float) -> float:
    """Return the 97.5 % point of Student's t (scipy.stats.t.ppf)."""
    return float(special.stdtrit(degrees, 0.975)) if math.isfinite(degrees) else Z
