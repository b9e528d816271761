"""How well a classifier tells a window's rows from the reference's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from scipy import special

from checks.bins import Floats
from checks.chance import among, generator, permutation_p
from checks.errors import Unmeasurable
from checks.features import Coder, halves, without
from checks.interval import Z
from checks.ranks import Matrix, midranks
from checks.registry import Subject, check
from checks.samples import Known, beside, explained, leading, owned
from checks.schema import Role
from checks.statistic import Statistic
from checks.verdict import Family

MOST_ROWS = 2_000
"""Rows of each side that are looked at."""
FEWEST_ROWS = 20
"""Rows of either side below which nothing is said."""
PAIRED = 16
"""Columns, in the order of the schema, of which every pair has a product."""
PERMUTATIONS = 1_999


@check(
    "domain_classifier",
    family=Family.DRIFT,
    subject=Subject.SAMPLE,
    threshold=0.1,
    most=1.0,
    roles=(Role.FEATURE,),
    stretches=True,
)
def domain_classifier(reference: Known, current: pa.Table) -> Statistic:
    """Measure how much better than chance a classifier tells which side a row is from.

    The value is 2 AUROC - 1: 0 where nothing tells the window's rows from the
    reference's, 1 where everything does; 0.1 is an AUROC of 0.55. The classifier is a
    linear discriminant on normal scores, their squares, the products of pairs of the
    first 16 numeric features, and indicators of levels and of missing values
    (`checks.features`). It is fitted on one half of the rows (at most 2,000 a side) and
    judged on the other, both ways. Given the fitted scores, permuting the sides of the
    rows held out is exact: 1,999 permutations, and the normal tail of the rank sum
    beyond them; p is twice the smaller one of both halves. Where stretches of the
    reference were kept, the window must also be easier to tell from the rest than they
    are, with classifiers fitted on as many rows.

    Blind to what a quadratic boundary does not separate, such as a change between
    columns beyond the sixteenth that leaves each one alone (use `correlation_change`).

    Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017;
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), for the interval.

    >>> from checks.example import known, rows
    >>> x = [float(i * 7 % 200) for i in range(200)]
    >>> y = [float(i * 11 % 200) for i in range(200)]
    >>> usual = known({"a": x, "b": y})
    >>> found = domain_classifier(usual, rows({"a": [v + 90.0 for v in x], "b": y}))
    >>> found.value > 0.4, found.p_value < 1e-6, found.explained_by[0][0]
    (True, True, 'a')
    """
    fitted, compared = halves(reference.rows)
    coder = Coder.fit(fitted, current, reference.features)
    space = _Space.of(coder)
    usual = space.code(compared.slice(0, 2 * MOST_ROWS))
    rows = space.code(current.slice(0, MOST_ROWS))
    if min(len(usual), len(rows)) < FEWEST_ROWS:
        cause = f"fewer than {FEWEST_ROWS} rows in the reference or the window"
        raise Unmeasurable(cause)
    pair = _Half.both(usual)
    tests = [half.tested(rows[1 - k :: 2], rows[k::2]) for k, half in enumerate(pair)]
    stretches, size = beside(reference.stretches, len(rows), MOST_ROWS)
    if size < FEWEST_ROWS:
        stretches = ()
    others = [_separation(pair, space.code(stretch)) for stretch in stretches]
    unusual = among(_separation(pair, rows[:size]), others) if stretches else 0.0
    auc = float(np.mean([test.auc for test in tests]))
    error = float(np.mean([test.error for test in tests]))
    gaps = np.mean([test.gaps for test in tests], axis=0)
    named = explained(*owned(space.owners, gaps))
    value, arm = max(0.0, 2 * auc - 1), 2 * Z * error
    return Statistic(
        value=value,
        low=max(0.0, 2 * auc - 1 - arm),
        high=max(0.0, min(1.0, 2 * auc - 1 + arm)),
        p_value=max(min(1.0, 2 * min(test.p_value for test in tests)), unusual),
        n_reference=len(usual),
        n_current=len(rows),
        detail=", ".join([f"AUROC {auc:.3g}", *leading(named), *without(coder.left)]),
        explained_by=named,
    )


def _separation(pair: "Sequence[_Half]", rows: Matrix) -> float:
    """Return by how much rows are told apart from the reference's, 2 AUROC - 1."""
    found = [
        half.tested(rows[1 - k :: 2], rows[k::2]).auc for k, half in enumerate(pair)
    ]
    return 2 * float(np.mean(found)) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Space:
    """What the classifier looks at: codes, squares and products of scores."""

    coder: Coder
    first: tuple[int, ...]
    second: tuple[int, ...]

    @classmethod
    def of(cls, coder: Coder) -> "_Space":
        scored = coder.scored
        pairs = [
            (a, b)
            for i, a in enumerate(scored[:PAIRED])
            for b in scored[i + 1 : PAIRED]
        ]
        return cls(
            coder=coder,
            first=(*scored, *(a for a, _ in pairs)),
            second=(*scored, *(b for _, b in pairs)),
        )

    @property
    def owners(self) -> list[str]:
        """The column, or the pair, that each number belongs to."""
        names = self.coder.owners
        return [
            *names,
            *(
                names[a] if a == b else f"{names[a]} ~ {names[b]}"
                for a, b in zip(self.first, self.second, strict=True)
            ),
        ]

    def code(self, table: pa.Table) -> Matrix:
        """Return rows × numbers."""
        coded = self.coder.code(table)
        products = coded[:, list(self.first)] * coded[:, list(self.second)]
        return np.hstack([coded, products])


@dataclass(frozen=True, kw_only=True, eq=False)
class Test:
    """What a classifier did on rows that it was not fitted on.

    `scores` are those of the reference's rows and of the window's; `gaps` is what each
    number adds to the difference of their means.
    """

    scores: tuple[Floats, Floats]
    gaps: Floats

    @cached_property
    def ranks(self) -> Floats:
        """The centred ranks of all scores, the reference's first."""
        return midranks(np.concatenate(self.scores))

    @property
    def auc(self) -> float:
        """The area under the curve: how often a window's row has the higher score."""
        n, m = map(len, self.scores)
        return 0.5 + float(self.ranks[n:].sum()) * (n + m) / (n * m)

    @property
    def error(self) -> float:
        """The standard error of the area, by where each row is among the others."""
        n, m = map(len, self.scores)
        placed = self.ranks * (n + m)
        was = placed[:n] - midranks(self.scores[0]) * n
        now = placed[n:] - midranks(self.scores[1]) * m
        parts = float(now.var(ddof=1)) / n**2 / m, float(was.var(ddof=1)) / m**2 / n
        return math.sqrt(sum(parts))

    @property
    def p_value(self) -> float:
        """The p-value of permuting the sides of the rows, given their scores."""
        n, m = map(len, self.scores)
        ranks = self.ranks
        rng = generator(np.concatenate(self.scores)[:, None])
        drawn = [float(rng.permutation(ranks)[:m].sum()) for _ in range(PERMUTATIONS)]
        found = float(ranks[n:].sum())
        spread = math.sqrt(float(ranks @ ranks) * n * m / (n + m) / (n + m - 1))
        away = (found - 0.5 / (n + m)) / spread if spread > 0 else 0.0
        tail = float(special.ndtr(-away))
        # Sums that differ by rounding alone are equal.
        return permutation_p(found - 1e-9, np.array(drawn), tail)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Half:
    """Half of the reference to fit on, as moments, and the other half to test on."""

    mean: Floats
    scale: Floats
    inverse: Matrix
    fitted: int
    held: Matrix

    @classmethod
    def both(cls, usual: Matrix) -> "tuple[_Half, _Half]":
        """Cut a reference into two."""
        return cls.of(usual[1::2], usual[::2]), cls.of(usual[::2], usual[1::2])

    @classmethod
    def of(cls, fitted: Matrix, held: Matrix) -> "_Half":
        """Take the moments of one half.

        The covariance is drawn towards a multiple of the unit matrix by the oracle
        approximating shrinkage (Chen, Wiesel, Eldar and Hero, IEEE Trans. Signal
        Processing 58, 2010).
        """
        n, p = fitted.shape
        mean = fitted.mean(axis=0)
        centred = fitted - mean
        scale = np.sqrt((centred**2).mean(axis=0) + 1 / n)
        covariance = (centred / scale).T @ (centred / scale) / n
        square, trace = float((covariance**2).sum()), float(np.trace(covariance))
        if trace <= 0:
            cause = "all rows of the reference are alike"
            raise Unmeasurable(cause)
        above = (1 - 2 / p) * square + trace**2
        below = (n + 1 - 2 / p) * (square - trace**2 / p)
        weight = 1.0 if below <= 0 else min(1.0, above / below)
        drawn = (1 - weight) * covariance + weight * trace / p * np.eye(p)
        return cls(
            mean=mean,
            scale=scale,
            inverse=np.linalg.inv(drawn),
            fitted=n,
            held=held,
        )

    def tested(self, fit: Matrix, held: Matrix) -> Test:
        """Fit on this half and some rows of a window, and test on the other rows."""
        gap = (fit.mean(axis=0) - self.mean) / self.scale
        error = math.sqrt(1 / len(fit) + 1 / self.fitted)
        # What chance alone makes of so many means is taken off each (Donoho, 1995).
        reach = error * math.sqrt(math.log(max(2, len(gap))))
        kept = np.sign(gap) * np.maximum(np.abs(gap) - reach, 0.0)
        if not kept.any():
            kept = gap
        weights = self.inverse @ kept / self.scale
        scores = self.held @ weights, held @ weights
        gaps = weights * (held.mean(axis=0) - self.held.mean(axis=0))
        return Test(scores=scores, gaps=gaps)
