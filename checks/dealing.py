"""The exact chance of a table of counts, among all ways to deal its rows to two sides.

If nothing has changed, every way to deal the rows of both sides out again, each side
keeping its number, is as likely as any other. How many of those tables are as far from
even as the one observed is an exact p-value (Fisher's, for more groups than two), and
needs no large counts.
"""

import numpy as np
from scipy import special

from checks.bins import Floats, Ints

GRAIN = 64.0
"""Steps of the scores' grid for each root of a group: p errs upwards by some tenths."""


def chance(totals: Ints, rows: int, scores: Floats, observed: float) -> float:
    """Return the chance that the scores of a random deal add up to `observed` or more.

    `totals` are the rows of each group on both sides, `rows` how many of them go to
    one side, and `scores[k, c]` what group k adds, at least 0, when c of its rows go
    there (c from 0 to `rows`). The groups are walked over one by one, keeping the
    chance of each number of rows dealt and each score so far: the network algorithm
    of Mehta and Patel, J. Am. Stat. Assoc. 78 (1983), on a grid of scores. What the
    grid's rounding hides is decided towards the larger p-value.

    >>> scores = np.array([[2.0, 0.5, 0.0, 0.5, 2.0]] * 2)
    >>> round(70 * chance(np.array([4, 4]), 4, scores, 4.0), 6)
    2.0
    """
    if observed <= 0.0:
        return 1.0
    steps = GRAIN * np.sqrt(len(totals))
    # The roundings of so many scores, each within half a step, add up to their root.
    enough = int(steps - np.sqrt(len(totals) / 3))
    score = np.rint(np.minimum(scores / observed, 1.0) * steps).astype(np.int64)
    weight = _weights(totals, rows)
    below, reached = np.zeros((rows + 1, enough)), np.zeros(rows + 1)
    below[0, 0] = 1.0
    for one, by in zip(weight, np.minimum(score, enough), strict=True):
        below, reached = _dealt(below, reached, one, by)
    whole = float(reached[rows] + below[rows].sum())
    return min(1.0, float(reached[rows]) / whole)


def _weights(totals: Ints, rows: int) -> Floats:
    """Return the chance that c rows of each group go to a side, coin by coin."""
    dealt = np.arange(rows + 1)
    share = rows / float(totals.sum())
    total = totals[:, None].astype(np.float64)
    kept = np.maximum(total - dealt, 0.0)
    log = special.gammaln(total + 1) - special.gammaln(kept + 1)
    log += special.xlogy(dealt, share) - special.gammaln(dealt + 1)
    log += special.xlog1py(kept, -share)
    return np.where(dealt <= total, np.exp(log), 0.0)


def _dealt(
    below: Floats, reached: Floats, weight: Floats, score: Ints
) -> tuple[Floats, Floats]:
    """Deal one more group's rows, in every number."""
    rows, enough = below.shape
    held = np.flatnonzero(below.any(axis=1))
    first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, 0)
    band = below[first:last]
    # How much lies within so many steps of the end, for each number dealt so far.
    near = np.cumsum(band[:, ::-1], axis=1)
    after, arrived = np.zeros_like(below), np.convolve(reached, weight)[:rows]
    for c in np.flatnonzero(weight).tolist():
        by, size = int(score[c]), min(last - first, rows - first - c)
        if size <= 0:
            break
        to = slice(first + c, first + c + size)
        if by < enough:
            after[to, by:] += weight[c] * band[:size, : enough - by]
        if by:
            arrived[to] += weight[c] * near[:size, by - 1]
    return after, arrived
