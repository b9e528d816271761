"""Maximum mean discrepancy between rows."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from checks.bins import Floats
from checks.chance import among, generator, permutation_p
from checks.errors import Unmeasurable
from checks.features import Coder, halves, without
from checks.interval import Z, quadratic_tail
from checks.ranks import Matrix
from checks.registry import Subject, check
from checks.samples import Known, beside, explained, leading, owned
from checks.schema import Role
from checks.statistic import Statistic
from checks.verdict import Family

MOST_ROWS = 500
"""Rows of each side that are looked at: the work grows with their square."""
FEWEST_ROWS = 10
"""Rows of either side below which nothing is said."""
PERMUTATIONS = 499


@check(
    "mmd",
    family=Family.DRIFT,
    subject=Subject.SAMPLE,
    threshold=0.1,
    roles=(Role.FEATURE,),
    stretches=True,
)
def mmd(reference: Known, current: pa.Table) -> Statistic:
    """Measure how far the rows have moved in a space where every difference shows.

    The maximum mean discrepancy with a Gaussian kernel as wide as the median distance
    of the reference's rows, over the standard deviation that the reference has in that
    kernel's space: 0.5 is a mean half a standard deviation away. Rows are numbers as in
    `checks.features`, at most 500 a side. The p-value is that of 499 permutations, its
    far tail that of the quadratic form which they follow; where stretches of the
    reference were kept, the window must also lie farther from the rest than they do.

    Blind to what is small in the whole row: one column among many that moves (use
    `wasserstein`), a weak change of correlations (use `correlation_change`).

    Source: Gretton and others, "A kernel two-sample test", JMLR 13 (2012), lemma 6, and
    "A fast, consistent kernel two-sample test", NIPS 2009, for the tail.

    >>> from checks.example import known, rows
    >>> x = [float(i) for i in range(100)]
    >>> usual = known({"a": x, "b": x})
    >>> found = mmd(usual, rows({"a": [v + 60.0 for v in x], "b": x}))
    >>> found.value > 0.4, found.p_value < 1e-4, found.explained_by[0][0]
    (True, True, 'a')
    """
    fitted, compared = halves(reference.rows)
    coder = Coder.fit(fitted, current, reference.features)
    usual = coder.code(compared.slice(0, MOST_ROWS))
    rows = coder.code(current.slice(0, MOST_ROWS))
    if min(len(usual), len(rows)) < FEWEST_ROWS:
        cause = f"fewer than {FEWEST_ROWS} rows in the reference or the window"
        raise Unmeasurable(cause)
    kernel = Kernel.of(usual)
    found = Gap.of(kernel, usual, rows)
    stretches, size = beside(reference.stretches, len(rows), MOST_ROWS)
    others = [found.root(kernel, coder.code(stretch)) for stretch in stretches]
    unusual = among(found.root(kernel, rows[:size]), others) if others else 0.0
    error = Z * math.sqrt(found.variance)
    named = explained(*owned(coder.owners, found.shares(kernel.wide)))
    low, value, high = (
        math.sqrt(max(found.square + away, 0.0) / found.dispersion)
        for away in (-error, 0.0, error)
    )
    return Statistic(
        value=value,
        low=low,
        high=high,
        p_value=max(found.p_value, unusual),
        n_reference=len(usual),
        n_current=len(rows),
        detail=", ".join([*leading(named), *without(coder.left)]),
        explained_by=named,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The Gaussian kernel exp(-d² / wide), of squared distances d²."""

    wide: float

    @classmethod
    def of(cls, rows: Matrix) -> "Kernel":
        """Take the median distance of some rows; raises Unmeasurable where all agree.

        `wide` is twice the median's square.
        """
        distances = _distances(rows, rows)[np.triu_indices(len(rows), 1)]
        middle = float(np.median(distances)) or float(distances.mean())
        if middle <= 0:
            cause = "all rows of the reference are alike"
            raise Unmeasurable(cause)
        return cls(wide=2 * middle)

    def between(self, a: Matrix, b: Matrix) -> Matrix:
        """Return the kernel between every row of one and every row of the other."""
        return np.asarray(np.exp(_distances(a, b) / -self.wide))


def _distances(a: Matrix, b: Matrix) -> Matrix:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :]
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gap:
    """The discrepancy of two samples, with the kernel between all of their rows.

    The first `n` rows of `rows` are the reference's.
    """

    rows: Matrix
    kernel: Matrix
    n: int

    @classmethod
    def of(cls, kernel: Kernel, usual: Matrix, rows: Matrix) -> "Gap":
        """Lay two samples beside each other."""
        both = np.vstack([usual, rows])
        return cls(rows=both, kernel=kernel.between(both, both), n=len(usual))

    @property
    def m(self) -> int:
        """Rows of the second sample."""
        return len(self.rows) - self.n

    def squares(self, first: Matrix) -> Floats:
        """Return the squared discrepancy for sides that each column of `first` names.

        1 stands for the first side, 0 for the second.
        """
        n, m = self.n, self.m
        second = 1.0 - first
        to_first = self.kernel @ first
        to_second = self.kernel.sum(axis=1)[:, None] - to_first
        inside = ((first * to_first).sum(axis=0) - n) / (n * (n - 1))
        inside += ((second * to_second).sum(axis=0) - m) / (m * (m - 1))
        across = (first * to_second).sum(axis=0) / (n * m)
        return np.asarray(inside - 2 * across)

    @property
    def square(self) -> float:
        """The unbiased squared discrepancy: below zero where the sides are alike."""
        first = np.zeros((len(self.rows), 1))
        first[: self.n] = 1.0
        return float(self.squares(first)[0])

    @property
    def dispersion(self) -> float:
        """The reference's variance in the kernel's space."""
        inside = self.kernel[: self.n, : self.n]
        alike = (inside.sum() - self.n) / (self.n * (self.n - 1))
        return float(max(1.0 - alike, 1e-12))

    @property
    def powers(self) -> tuple[float, float, float]:
        """Sums of the null distribution's weights, of their squares and cubes."""
        centred = self.kernel - self.kernel.mean(axis=0)
        centred = (centred.T - centred.T.mean(axis=0)) / len(self.rows)
        twice = centred @ centred
        return (
            float(np.trace(centred)),
            float(np.trace(twice)),
            float((twice * centred.T).sum()),
        )

    @property
    def p_value(self) -> float:
        """The p-value of PERMUTATIONS of the rows, with a fitted far tail."""
        rng = generator(self.rows)
        first = np.zeros((len(self.rows), PERMUTATIONS))
        first[: self.n] = 1.0
        drawn = self.squares(rng.permuted(first, axis=0))
        powers = self.powers
        form = self.square / (1 / self.n + 1 / self.m) + powers[0]
        return permutation_p(self.square, drawn, quadratic_tail(form, powers))

    def root(self, kernel: Kernel, rows: Matrix) -> float:
        """Return the cube root of the squared discrepancy of other rows.

        That of the samples as they are, rows beside themselves included: a quadratic
        form, whose cube root is nearly normal (Wilson and Hilferty, PNAS 17, 1931).
        """
        usual = self.rows[: self.n]
        inside = (
            self.kernel[: self.n, : self.n].mean() + kernel.between(rows, rows).mean()
        )
        return float(np.cbrt(inside - 2 * kernel.between(usual, rows).mean()))

    @property
    def variance(self) -> float:
        """The variance of the squared discrepancy: by chance, and where rows differ."""
        n, m = self.n, self.m
        witness = self.kernel[:, :n].mean(axis=1) - self.kernel[:, n:].mean(axis=1)
        far = float(witness[:n].var() / n + witness[n:].var() / m)
        near = 2 * self.powers[1] * (1 / n + 1 / m) ** 2
        return 4 * far + near

    def shares(self, wide: float) -> Floats:
        """Return by how much each number widens the discrepancy.

        Its derivative by the weight of that number in the distance: pairs across the
        sides that are farther apart than pairs within them.
        """
        sides = np.concatenate(
            [np.full(self.n, 1 / self.n), np.full(self.m, -1 / self.m)]
        )
        weights = self.kernel * sides[:, None] * sides[None, :]
        squares = self.rows**2
        apart = 2 * (weights.sum(axis=1) @ squares)
        apart -= 2 * (self.rows * (weights @ self.rows)).sum(axis=0)
        return np.asarray(-apart / wide)
