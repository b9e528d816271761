"""Two profiles of one column, laid beside each other in fewer, fuller groups."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile, NumericProfile
from checks.errors import OptionError, Unmeasurable
from checks.interval import chi_square_tail
from checks.rows import Values
from checks.shares import MIN_EXPECTED

GROUPS = 10
"""Groups of a numeric column: the deciles of the reference, as PSI has always had."""
FEWEST = 2
"""Groups below which nothing can move."""
MAX_LEVEL_GROUPS = 50
"""Levels of a categorical column that are compared one by one; the rest are pooled."""


def measurable(
    reference: ColumnProfile | Values, current: ColumnProfile | Values
) -> None:
    """Raise Unmeasurable, with the cause, unless both sides hold values."""
    if reference.n == 0:
        cause = "the reference has no values in this column"
        raise Unmeasurable(cause)
    if current.n == 0:
        cause = "the window has no values in this column"
        raise Unmeasurable(cause)


def grouped(
    reference: ColumnProfile,
    current: ColumnProfile,
    groups: int = GROUPS,
    levels: int = MAX_LEVEL_GROUPS,
) -> tuple[Ints, Ints]:
    """Add fine cells up to groups that the reference alone decides.

    Numeric: at most `groups` neighbouring stretches of near-equal reference counts,
    open ends included. Levels: one group for each of the `levels` commonest, one for
    all other values. Returns the counts of both sides; raises OptionError for fewer
    than two groups.
    """
    group = grouping(reference, groups, levels)
    return summed(reference, group), summed(current, group)


def grouping(
    reference: ColumnProfile, groups: int = GROUPS, levels: int = MAX_LEVEL_GROUPS
) -> Ints:
    """Return the group of each fine cell, as `grouped` adds them up.

    A column of levels has one cell more than levels: that of all other values.
    """
    if groups < FEWEST:
        msg = f"option 'groups' is {groups}, and at least {FEWEST} are compared"
        raise OptionError(msg)
    if isinstance(reference, NumericProfile):
        middle = np.cumsum(reference.counts) - reference.counts / 2
        group = np.minimum(
            (middle * groups / max(reference.n, 1)).astype(np.int64), groups - 1
        )
    else:
        cells = len(reference.counts) + 1
        group = np.minimum(np.arange(cells), levels)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def summed(profile: ColumnProfile, group: Ints) -> Ints:
    """Add a profile's fine cells up to groups, given the group of each cell."""
    counts = profile.counts
    if isinstance(profile, LevelProfile):
        counts = np.append(counts, profile.others)
    return np.bincount(group, weights=counts).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Homogeneity:
    """A two-sample test on counts: the certainty key of binned distances.

    `scale` is 1/n + 1/m in effective rows: a plug-in distance of two samples of one
    distribution is about `scale` times a chi-square variable with `degrees`.
    """

    statistic: float
    degrees: int
    p_value: float
    scale: float


def homogeneity(
    counts: tuple[Ints, Ints],
    reference: ColumnProfile,
    current: ColumnProfile,
    *,
    likelihood: bool = False,
) -> Homogeneity:
    """Test whether two rows of counts come from one distribution.

    Groups whose expected count is below `MIN_EXPECTED` on either side are pooled
    (Cochran, Biometrics 10, 1954). Counts are scaled to effective rows first.
    Pearson 1900, or Wilks' likelihood ratio of 1938 when `likelihood` is true; equals
    `scipy.stats.chi2_contingency(..., correction=False)`, with `lambda_` set to
    "log-likelihood" for the latter, where nothing is pooled and rows are independent.
    """
    r = counts[0] / reference.design_effect
    c = counts[1] / current.design_effect
    n, m = r.sum(), c.sum()
    scale = float(1 / n + 1 / m)
    small = (r + c) * min(n, m) / (n + m) < MIN_EXPECTED
    if small.any():
        r = np.append(r[~small], r[small].sum())
        c = np.append(c[~small], c[small].sum())
    keep = (r + c) > 0
    r, c = r[keep], c[keep]
    degrees = len(r) - 1
    if degrees < 1:
        return Homogeneity(statistic=0.0, degrees=1, p_value=1.0, scale=scale)
    pooled = (r + c) / (n + m)
    if likelihood:
        both = special.rel_entr(r, n * pooled) + special.rel_entr(c, m * pooled)
        statistic = 2 * float(both.sum())
    else:
        statistic = float(((r / n - c / m) ** 2 / pooled).sum() / scale)
    return Homogeneity(
        statistic=statistic,
        degrees=degrees,
        p_value=chi_square_tail(statistic, degrees),
        scale=scale,
    )


def smoothed(counts: Ints) -> Floats:
    """Return shares with half a row added to each group, so that none is zero.

    Half a count is Jeffreys' prior; a fixed epsilon would make the distance depend on
    the epsilon instead of the data.
    """
    full = counts + 0.5
    return np.asarray(full / full.sum())


def shares(counts: Ints) -> Floats:
    """Return the plain shares of some counts that are not all zero."""
    return np.asarray(counts / counts.sum())
