"""How badly a few directions of the reference tell a row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from scipy import special

from checks.bins import TINIEST, Floats
from checks.chance import generator, permutation_p, tail
from checks.column import level_counts
from checks.dependence import FEWEST_STRETCHES
from checks.errors import Unmeasurable
from checks.features import halves, without
from checks.interval import Z
from checks.option import Part
from checks.ranks import Matrix
from checks.registry import Subject, check
from checks.samples import Known, explained, leading
from checks.schema import Column, Kind, Role
from checks.statistic import Statistic
from checks.table import measured
from checks.values import texts
from checks.verdict import Family

MOST_ROWS = 2_000
"""Rows of a window that are looked at."""
FEWEST_ROWS = 10
"""Rows of either side below which nothing is said."""
PERMUTATIONS = 999
SQUARED = 2.0
"""Skewness of what grows with the square of a day's level, as an error does."""
FARTHEST = 1e6
"""Standard deviations beyond which a value is taken to be no farther."""


@check(
    "pca_reconstruction",
    family=Family.DRIFT,
    subject=Subject.SAMPLE,
    threshold=0.05,
    roles=(Role.FEATURE,),
    stretches=True,
)
def pca_reconstruction(
    reference: Known,
    current: pa.Table,
    *,
    explained_variance: Part = 0.65,
) -> Statistic:
    """Measure by how much the error of a reconstruction from few components changed.

    Columns are standardised by the reference (a category counts as the share of its
    level, a missing value as the mean) and projected onto the principal components that
    explain 65 % of the reference's variance; a row's error is its distance from that
    projection. The value is the relative change of the mean error, up or down: 0.05 is
    a twentieth. Each half of the reference is measured with the other half's
    components, the window with both. The p-value is that of 999 permutations of the
    rows' errors, its far tail Welch's; where stretches of the reference were kept, the
    change must also be larger than theirs, given what chance adds to each.

    Blind to a shift along the components that were kept (use `wasserstein`), and to
    whatever changes the direction of errors but not their size (use
    `domain_classifier`).

    Source: NannyML's data reconstruction error, whose components, encoding and distance
    these are; Welch, Biometrika 34 (1947).

    >>> from checks.example import known, rows
    >>> x = [float(i * 7 % 100) for i in range(100)]
    >>> y = [float(i * 11 % 100) for i in range(100)]
    >>> usual = known({"a": x, "b": x, "c": y})
    >>> found = pca_reconstruction(usual, rows({"a": x, "b": x[::-1], "c": y}))
    >>> round(found.value, 2), found.p_value < 1e-6
    (0.52, True)
    """
    fitted, compared = halves(reference.rows)
    scale = Scale.of(fitted, current, reference.features)
    usual = scale.apply(compared)
    rows = scale.apply(current.slice(0, MOST_ROWS))
    if min(len(usual), len(rows)) < FEWEST_ROWS or not scale.columns:
        cause = f"fewer than {FEWEST_ROWS} rows, or no feature that varies"
        raise Unmeasurable(cause)
    sides = usual[::2], usual[1::2]
    parts = [components(half, explained_variance) for half in sides]
    left = [usual[1::2], usual[::2]]
    residues = np.vstack([residue(h, c) for h, c in zip(left, parts, strict=True)])
    was = _size(residues)
    now = np.mean([_size(residue(rows, c)) for c in parts], axis=0)
    before, after = float(was.mean()), float(now.mean())
    if before <= 1e-9:  # noqa: PLR2004 - rounding alone
        cause = "the components tell every row of the reference without an error"
        raise Unmeasurable(cause)
    stretches = [
        np.mean([_size(residue(scale.apply(s), c)) for c in parts], axis=0)
        for s in reference.stretches
        if s.num_rows >= FEWEST_ROWS
    ]
    ratio, error = after / before, _relative_error(was, now)
    value = abs(ratio - 1)
    gap = np.mean([(residue(rows, c) ** 2).mean(axis=0) for c in parts], axis=0)
    gap = gap - (residues**2).mean(axis=0)
    named = explained(scale.names, gap if ratio > 1 else -gap)
    p = max(_permuted(was, now), _unusual(now, stretches))
    return Statistic(
        value=value,
        low=max(0.0, value - Z * ratio * error),
        high=value + Z * ratio * error,
        p_value=p,
        n_reference=len(was),
        n_current=len(now),
        detail=", ".join(
            [f"error {before:.3g} → {after:.3g}", *leading(named), *without(scale.left)]
        ),
        explained_by=named,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """How rows are standardised by the reference; `left` names what cannot be.

    `shares` holds, for each categorical column, the share of each level.
    """

    columns: tuple[Column, ...]
    mean: Floats
    std: Floats
    shares: dict[str, dict[str, float]]
    left: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(column.name for column in self.columns)

    @classmethod
    def of(
        cls, reference: pa.Table, current: pa.Table, features: Sequence[Column]
    ) -> Self:
        """Take the columns that can be read on both sides and vary in the reference."""
        kept, means, stds, left = [], [], [], []
        shares: dict[str, dict[str, float]] = {}
        for column in features:
            shares[column.name] = _shares(reference, column)
            values = _numbers(reference, column, shares[column.name])
            other = _numbers(current, column, shares[column.name])
            known = values[np.isfinite(values)] if values is not None else np.empty(0)
            # What float64 cannot square has no bins either.
            if other is None or not len(known) or np.abs(known).max() > 1 / TINIEST:
                left.append(column.name)
            elif known.std() > 0:
                kept.append(column)
                means.append(float(known.mean()))
                stds.append(float(known.std()))
        return cls(
            columns=tuple(kept),
            mean=np.array(means),
            std=np.array(stds),
            shares=shares,
            left=tuple(left),
        )

    def apply(self, table: pa.Table) -> Matrix:
        """Return rows × columns, standardised; a missing value is at the mean."""
        coded = np.zeros((table.num_rows, len(self.columns)))
        for k, column in enumerate(self.columns):
            values = _numbers(table, column, self.shares[column.name])
            if values is not None:
                coded[:, k] = (values - self.mean[k]) / self.std[k]
        coded = np.clip(np.nan_to_num(coded, nan=0.0), -FARTHEST, FARTHEST)
        return np.asarray(coded)


def _shares(table: pa.Table, column: Column) -> dict[str, float]:
    """Return the share of each level of a categorical column."""
    if column.kind is not Kind.CATEGORICAL or column.name not in table.column_names:
        return {}
    try:
        counts = level_counts(table.column(column.name))
    except Unmeasurable:
        return {}
    total = sum(counts.values())
    return {level: count / total for level, count in counts.items()}


def _numbers(
    table: pa.Table, column: Column, shares: dict[str, float]
) -> Floats | None:
    """Return a column as numbers, NaN where one is missing; None where it has none."""
    if column.kind is not Kind.CATEGORICAL:
        return measured(table, column)
    if column.name not in table.column_names:
        return None
    try:
        levels = texts(table.column(column.name)).to_pylist()
    except Unmeasurable:
        return None
    return np.array(
        [math.nan if level is None else shares.get(level, 0.0) for level in levels]
    )


def components(rows: Matrix, share: float) -> Matrix:
    """Return the fewest principal components that explain a share of the variance.

    One component in each column. The share is over 0 and below 1; as in scikit-learn's
    `PCA(n_components=share)`.
    """
    centred = rows - rows.mean(axis=0)
    _, size, directions = np.linalg.svd(centred, full_matrices=False)
    told = np.cumsum(size**2) / max(float((size**2).sum()), 1e-300)
    kept = int(np.searchsorted(told, share, side="right")) + 1
    return np.asarray(directions[:kept].T)


def residue(rows: Matrix, kept: Matrix) -> Matrix:
    """Return what components leave of rows."""
    return np.asarray(rows - (rows @ kept) @ kept.T)


def _size(residues: Matrix) -> Floats:
    return np.asarray(np.sqrt((residues**2).sum(axis=1)))


def _relative_error(was: Floats, now: Floats) -> float:
    """Return the standard error of the logarithm of the ratio of two means."""
    return math.sqrt(_square_error(was) + _square_error(now))


def _permuted(was: Floats, now: Floats) -> float:
    """Return the p-value of the difference of two means, rows being permuted."""
    both = np.concatenate([was, now])
    n, m = len(was), len(now)
    observed = abs(float(now.mean() - was.mean()))
    rng = generator(both[:, None])
    drawn = np.array([rng.permutation(both)[:m].sum() for _ in range(PERMUTATIONS)])
    gaps = np.abs(drawn / m - (both.sum() - drawn) / n)
    parts = [float(e.var(ddof=1)) / len(e) for e in (was, now)]
    total = sum(parts)
    if total <= 0:
        return 1.0
    degrees = total**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    far = 2 * float(special.stdtr(degrees, -observed / math.sqrt(total)))
    return permutation_p(observed, gaps, far)


def _unusual(now: Floats, stretches: Sequence[Floats]) -> float:
    """Return how likely a window's mean error is among those of the stretches.

    Logarithms of means are compared. What varies between stretches is what chance in
    their rows does not explain; it is known with few degrees (Satterthwaite).
    """
    count = len(stretches)
    if count < FEWEST_STRETCHES:
        return 0.0
    logs = np.log([max(float(e.mean()), 1e-300) for e in stretches])
    chance = math.fsum(map(_square_error, stretches)) / count
    observed = float(logs.var(ddof=1))
    total = max(observed, chance)
    spread = max(observed - chance, 0.0) + _square_error(now) + total / count
    if spread <= 0:
        return 1.0
    degrees = min((count - 1) * (spread / total) ** 2, 1e9) if total > 0 else 1e9
    away = abs(math.log(max(float(now.mean()), 1e-300)) - float(logs.mean()))
    return min(1.0, 2 * tail(away / math.sqrt(spread), max(degrees, 1.0), SQUARED))


def _square_error(errors: Floats) -> float:
    """Return the variance of the logarithm of a mean."""
    return (
        float(errors.var(ddof=1)) / len(errors) / max(float(errors.mean()), 1e-300) ** 2
    )
