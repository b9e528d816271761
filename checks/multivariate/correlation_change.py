"""Correlations that have changed between pairs of columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import special

from checks.bins import Floats
from checks.dependence import Dependence, variance_of
from checks.errors import Unmeasurable
from checks.ranks import FEWEST_ROWS, Correlations, correlations
from checks.registry import Subject, check
from checks.samples import Known, explained
from checks.schema import Kind, Role
from checks.statistic import Statistic
from checks.table import matrix
from checks.verdict import Family

LEVEL = 0.05
"""How often any of the intervals of all pairs may miss."""
SYMMETRIC = 0.01
"""Skewness up to which a distribution is taken to have none."""
MOST_ROWS = 2_000
"""Rows of a window that are looked at: more would cost more than they tell."""
SHOWN = 3
"""Pairs that are told with the correlation before and after."""


@check(
    "correlation_change",
    family=Family.DRIFT,
    subject=Subject.SAMPLE,
    threshold=0.1,
    most=2.0,
    kinds=(Kind.NUMERIC, Kind.BOOLEAN),
    default=True,
    roles=(Role.FEATURE,),
)
def correlation_change(reference: Known, current: pa.Table) -> Statistic:
    """Measure by how much the rank correlation of a pair of columns has changed.

    Spearman's correlation of every pair of numeric and boolean features, in the kept
    rows of the window (at most 2,000), is compared with its mean over the reference's
    own stretches of a window's length. The value is the change of the pair whose
    change is surest. Interval and p-value hold for all pairs at once (Bonferroni), so
    that the largest of many differences is not taken for more than it is: they count
    in the chance of the window's rows (Student's t; Pearson's third type where
    many tied values make it skewed) and how much the pair's correlation varies between
    the reference's stretches. With fewer than five stretches rows are taken to be
    independent. Ranks are each sample's own: a column that only moves, or is only
    scaled, changes nothing here.

    Blind to a change of a single column (use `wasserstein`), to how categorical
    columns go together, and to a dependence that ranks do not follow, such as a circle
    (use `domain_classifier`).

    Source: `scipy.stats.spearmanr`; Bonett and Wright, Psychometrika 65 (2000), for
    the variance of its Fisher z; Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004), for
    variances between few stretches.

    >>> from checks.example import known, rows
    >>> x = [float(i) for i in range(200)]
    >>> usual = known({"a": x, "b": x})
    >>> found = correlation_change(usual, rows({"a": x, "b": x[::-1]}))
    >>> found.detail, found.p_value < 1e-6, found.explained_by
    ('a ~ b 1 → -1', True, (('a ~ b', 1.0),))
    """
    was = reference.dependence
    if was is None:
        raise Unmeasurable(reference.dependence_cause)
    names, values = matrix(current.slice(0, MOST_ROWS), reference.features)
    shared = [name for name in was.names if name in names]
    now = correlations(values[:, [names.index(name) for name in shared]])
    pairs = _compared(was, shared, now)
    count = len(pairs.labels)
    if count == 0:
        cause = (
            f"no two numeric features have {FEWEST_ROWS} rows, and values that differ, "
            "in both the reference and the window"
        )
        raise Unmeasurable(cause)
    reach = special.stdtrit(pairs.degrees, 1 - LEVEL / (2 * count))
    low = pairs.at(np.maximum(pairs.sigmas - reach, 0.0))
    high = pairs.at(pairs.sigmas + reach)
    best = int(np.lexsort((pairs.sigmas, low))[-1])
    weight = np.maximum(pairs.sigmas**2 - 1, 0.0)
    order = [best, *(k for k in np.argsort(-weight)[:SHOWN].tolist() if k != best)]
    asked = {column.name for column in reference.features}
    left = [name for name in was.names if name in asked and name not in shared]
    return Statistic(
        value=float(pairs.change[best]),
        low=float(low[best]),
        high=float(high[best]),
        p_value=min(1.0, count * float(pairs.tails.min())),
        n_reference=int(was.rows.max()),
        n_current=len(values),
        detail=_told(pairs, order[:SHOWN], left),
        explained_by=explained(pairs.labels, weight),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """The pairs of a window that can be measured, beside the reference's.

    `before` and `after` are Fisher's z, `spread` the standard deviation of their
    difference without a change, `degrees` those that it is known with, `skewness`
    that of the window's correlation, and `breathing` the part of the variance that is
    between stretches: how days differ is seldom normal, so that as much skewness is
    granted to it.
    """

    labels: tuple[str, ...]
    before: Floats
    after: Floats
    spread: Floats
    degrees: Floats
    skewness: Floats
    breathing: Floats

    @property
    def sigmas(self) -> Floats:
        """The size of each change in standard deviations."""
        return np.asarray(np.abs(self.after - self.before) / self.spread)

    @property
    def change(self) -> Floats:
        """The size of each change of a correlation."""
        return np.asarray(np.abs(np.tanh(self.after) - np.tanh(self.before)))

    def at(self, sigmas: Floats) -> Floats:
        """Return how large the changes are at so many standard deviations."""
        away = np.sign(self.after - self.before) * sigmas * self.spread
        return np.asarray(np.abs(np.tanh(self.before + away) - np.tanh(self.before)))

    @property
    def tails(self) -> Floats:
        """The two-sided p-value of each pair by itself."""
        sigmas = self.sigmas
        tails = 2 * special.stdtr(self.degrees, -sigmas)
        skewness = self.skewness * np.sign(self.after - self.before)
        skewness = np.maximum(skewness, self.breathing)
        skewed = skewness > SYMMETRIC
        root = 2 / np.where(skewed, skewness, 1.0)
        third = 2 * special.gammaincc(root**2, root**2 + sigmas * root)
        return np.asarray(np.where(skewed, np.maximum(tails, third), tails))


def _compared(was: Dependence, names: Sequence[str], now: Correlations) -> _Pairs:
    """Lay the pairs of a window beside the reference's."""
    place = {name: k for k, name in enumerate(names)}
    there = [name in place for name in was.names]
    first, second = np.triu_indices(len(was.names), 1)
    at = np.array([place.get(name, 0) for name in was.names], dtype=np.int64)
    i, j = at[first], at[second]
    after = now.z[i, j]
    told = np.isfinite(after) & np.isfinite(was.z)
    told &= np.array(there, dtype=bool)[first] & np.array(there, dtype=bool)[second]
    i, j, first, second = i[told], j[told], first[told], second[told]
    rho, rows = np.tanh(was.z[told]), now.rows[i, j]
    chance = variance_of(rho, rows)
    excess, error = was.excess[told], was.error[told]
    known = variance_of(rho, was.rows[told])
    if was.stretches > 1:
        known = error / was.stretches
    spread = chance + excess + known
    # Satterthwaite: only what was observed between stretches is uncertain.
    unsure = np.divide(error, spread, out=np.zeros_like(error), where=spread > 0)
    degrees = np.divide(
        was.degrees[told], unsure**2, out=np.full_like(unsure, np.inf), where=unsure > 0
    )
    return _Pairs(
        labels=tuple(
            f"{was.names[a]} ~ {was.names[b]}"
            for a, b in zip(first.tolist(), second.tolist(), strict=True)
        ),
        before=was.z[told],
        after=after[told],
        spread=np.sqrt(spread),
        degrees=np.minimum(np.maximum(degrees, 1.0), rows - 2),
        skewness=now.skewness[i] * now.skewness[j] / np.sqrt(rows),
        breathing=excess / spread,
    )


def _told(pairs: _Pairs, order: Sequence[int], left: Sequence[str]) -> str:
    """Tell the first pairs with the correlation before and after."""
    said = [
        f"{pairs.labels[k]} {np.tanh(pairs.before[k]):.2g}"
        f" → {np.tanh(pairs.after[k]):.2g}"
        for k in order
    ]
    return ", ".join([*said, *([f"without {', '.join(left[:3])}"] if left else [])])
