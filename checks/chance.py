"""How likely a difference between two samples is: by permutation, and among stretches.

A permutation p-value supposes that rows are alike whatever day they come from. Where
the reference shows its own stretches of time, a window must also differ more than they
do from the rest.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy import special

from checks.bins import Floats
from checks.dependence import FEWEST_STRETCHES
from checks.ranks import Matrix
from checks.tails import leaning

ENOUGH = 10
"""Permutations as far out as what was observed, from which their share is p."""


def generator(*parts: Matrix) -> "np.random.Generator":
    """Return a generator that the data itself seeds: the same data, the same draws."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    seed = int.from_bytes(digest.digest()[:16], "little")
    return np.random.Generator(np.random.PCG64(seed))


def permutation_p(observed: float, draws: Floats, far: float) -> float:
    """Return the p-value (k + 1) / (B + 1) of a permutation test.

    Where fewer than ENOUGH draws are as far out as `observed` their share says little
    more than "small": there the `far` tail of a distribution fitted to the permutations
    stands instead (after Knijnenburg and others, "Fewer permutations, more accurate
    P-values", Bioinformatics 25, 2009).

    >>> permutation_p(0.0, np.zeros(99), 0.3), permutation_p(9.0, np.zeros(99), 1e-9)
    (1.0, 1e-09)
    """
    beyond = int((draws >= observed).sum())
    if beyond >= ENOUGH:
        return (beyond + 1) / (len(draws) + 1)
    return float(min(max(far, 0.0), (ENOUGH + 1) / (len(draws) + 1)))


def tail(sigmas: float, degrees: float, skewness: float = 1.0) -> float:
    """Return how likely a value this many standard deviations above its mean is.

    The larger one of Student's t and of Pearson's third type with this skewness. Where
    days have levels, a distance from the rest is as skewed as the size of a normal
    variable is (1), and a square of one is twice as skewed.

    >>> round(tail(0.0, 19), 2), tail(8.0, 39) < 1e-4 < tail(5.0, 39) < 1e-3
    (0.5, True)
    """
    return max(float(special.stdtr(degrees, -sigmas)), leaning(sigmas, skewness))


def among(value: float, others: Sequence[float]) -> float:
    """Return how likely one more value as large as this is, beside `others`.

    The tail of a further observation, for values that were measured on the same number
    of rows; 0 where the others are fewer than FEWEST_STRETCHES, which say nothing.

    >>> among(9.0, [1.0, 2.0]), among(9.0, [1.0, 2.0, 3.0, 2.0, 2.0]) < 0.01
    (0.0, True)
    """
    n = len(others)
    if n < FEWEST_STRETCHES:
        return 0.0
    known = np.asarray(others)
    spread = float(known.std(ddof=1)) * np.sqrt(1 + 1 / n)
    away = float(value - known.mean())
    if spread <= 0:
        return 0.0 if away > 0 else 1.0
    return tail(away / spread, n - 1)
