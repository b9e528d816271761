"""Rank correlations of the columns of a few thousand rows, all pairs at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.bins import Floats

FEWEST_ROWS = 10
"""Rows with both values below which a correlation says nothing."""
LARGEST = 0.999
"""Correlations beyond this are taken for this: Fisher's z of a copy is infinite."""

ROUNDING = 1e-9
"""Sums of squares below this are those of a constant: one other value makes 1/4."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlations:
    """Spearman's correlation of every pair of columns, in one square matrix each.

    `rho` is NaN where a pair has fewer than FEWEST_ROWS rows with both values, or one
    column has but one value; `rows` counts the rows of each pair. `skewness` is that
    of each column's ranks: zero unless many values are tied.
    """

    rho: Matrix
    rows: Matrix
    skewness: Floats

    @property
    def z(self) -> Matrix:
        """Fisher's z of the correlations."""
        return np.asarray(np.arctanh(np.clip(self.rho, -LARGEST, LARGEST)))


def correlations(values: Matrix) -> Correlations:
    """Correlate the columns of rows × columns; NaN is a missing value.

    Where no value is missing this is `scipy.stats.spearmanr`; where some are, a pair is
    measured on the rows that have both, with ranks that each column has among all of
    its own values.
    """
    n, d = values.shape
    scores = np.zeros((n, d))
    known = np.isfinite(values)
    skewness = np.zeros(d)
    for k in range(d):
        there = known[:, k]
        if there.any():
            scored = midranks(values[there, k])
            scores[there, k] = scored
            square = float(scored @ scored) / len(scored)
            if square > 0:
                cube = float((scored * scored) @ scored) / len(scored)
                skewness[k] = cube / square**1.5
    rho, rows = _pairwise(scores, known.astype(np.float64))
    return Correlations(rho=rho, rows=rows, skewness=skewness)


def midranks(values: Floats) -> Floats:
    """Return centred ranks of some values, ties at their mean, in (-1/2, 1/2).

    >>> midranks(np.array([10.0, 30.0, 30.0, 20.0])).tolist()
    [-0.375, 0.25, 0.25, -0.125]
    """
    n = len(values)
    order = np.argsort(values)
    ordered = values[order]
    first = (
        np.append(0, np.flatnonzero(np.diff(ordered)) + 1)
        if n
        else np.empty(0, np.int64)
    )
    ends = np.append(first[1:], n)
    middle = (first + ends - n) / (2 * n)
    ranks = np.empty(n)
    ranks[order] = np.repeat(middle, ends - first)
    return ranks


def _pairwise(scores: Matrix, known: Matrix) -> tuple[Matrix, Matrix]:
    """Return Pearson's correlation of scores over the rows that have both."""
    if known.all():
        rows = np.full((scores.shape[1],) * 2, float(len(scores)))
        mean = scores.mean(axis=0) if len(scores) else np.zeros(scores.shape[1])
        centred = scores - mean
        cross = centred.T @ centred
        square = np.outer(np.diag(cross), np.ones(len(cross)))
    else:
        rows = known.T @ known
        sums = scores.T @ known
        share = np.maximum(rows, 1.0)
        cross = scores.T @ scores - sums * sums.T / share
        square = (scores**2).T @ known - sums**2 / share
    # Sums of squares that rounding alone has left are those of a constant.
    square = np.where(square > ROUNDING, square, 0.0)
    scale = np.sqrt(square * square.T)
    told = (rows >= FEWEST_ROWS) & (scale > 0)
    rho = np.divide(cross, scale, out=np.full_like(cross, np.nan), where=told)
    return np.clip(rho, -1.0, 1.0), rows
