"""Points of a history, each as far as it is from those before it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from checks.exact import Floats

FARTHEST = 3.0
"""What one point may count for: a single wild one is no lasting change."""
_RECENT = 5
"""Points that are too fresh to tell serial correlation from a change, where there are
enough of them without these."""
_ENOUGH = 10
_STRONGEST = 0.95
"""Serial correlation beyond this cannot be told from a wandering level."""


def scores(values: Floats) -> Floats:
    """Return how far each point lies from all before it, as standard normal scores.

    A normal point's distance from the mean so far, in standard deviations so far, has
    Student's t distribution; its quantile is the score, so that the scores of
    independent normal points are independent and standard normal from the third on
    (Hawkins, The Statistician 36, 1987). Where neighbours are alike, sums grow faster:
    each score is divided by the root of (1 + r) / (1 - r), r being the correlation of
    neighbours so far, corrected for its bias (Kendall, Biometrika 41, 1954), but for
    the last five: a jump makes neighbours alike. At most 3, either way; 0 for the first
    two points, and for one that equals a constant past.

    >>> scores(np.array([1.0, 2.0, 1.0, 2.0, 9.0])).round(2).tolist()
    [0.0, 0.0, -0.43, 0.8, 3.0]
    """
    n = len(values)
    found = np.zeros(n)
    if n < 3:  # noqa: PLR2004 - two points before one give it a deviation to count in
        return found
    scale = float(np.abs(values - values[0]).max()) or 1.0
    x = (values - values[0]) / scale
    # Sums over the points before each, from the third on.
    m = np.arange(2.0, n)
    total = np.cumsum(x)[1:-1]
    mean = total / m
    squares = np.maximum(np.cumsum(x * x)[1:-1] - m * mean * mean, 0.0)
    known = np.maximum(m - _RECENT, np.minimum(m, _ENOUGH))
    inflation = _inflation(x, m, mean, squares)[known.astype(np.int64) - 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (x[2:] - mean) / np.sqrt(squares / (m - 1) * (1 + inflation / m))
    distance = np.where(x[2:] == mean, 0.0, distance)
    normal: npt.NDArray[Any] = special.ndtri(special.stdtr(m - 1, distance))
    found[2:] = np.clip(normal, -FARTHEST, FARTHEST) / np.sqrt(inflation)
    return found


def inflation(values: Floats) -> float:
    """Return by how much serial correlation inflates the variance of the values' mean.

    At least 1; 1 where fewer than three points say nothing.

    >>> inflation(np.tile([0.0, 1.0], 20)), inflation(np.repeat([0.0, 1.0], 20)) > 9
    (1.0, True)
    """
    return float(_last_inflation(values)) if len(values) >= 3 else 1.0  # noqa: PLR2004


def _last_inflation(values: Floats) -> float:
    x = values - values[0]
    m, mean = np.array([float(len(x))]), np.array([x.mean()])
    squares = np.array([float(((x - mean) ** 2).sum())])
    following = np.append(x, 0.0)  # the sums are of the points before the last
    return float(_inflation(following, m, mean, squares)[0])


def _inflation(x: Floats, m: Floats, mean: Floats, squares: Floats) -> Floats:
    """Return (1 + r) / (1 - r) of the first m points, for each m; at least 1."""
    ends = m.astype(np.int64) - 1
    products = np.concatenate([[0.0], np.cumsum(x[1:] * x[:-1])])[ends]
    first, last, total = x[0], x[ends], m * mean
    cross = products - mean * (2 * total - first - last) + (m - 1) * mean * mean
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(squares > 0, cross / squares, 0.0)
    r = np.clip(r + (1 + 4 * r) / m, 0.0, _STRONGEST)
    return np.asarray((1 + r) / (1 - r), dtype=np.float64)
