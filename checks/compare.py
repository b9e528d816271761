"""Two profiles of one column, laid beside each other in fewer, fuller groups."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile, NumericProfile
from checks.dealing import chance
from checks.errors import Unmeasurable
from checks.interval import chi_square_tail
from checks.rows import Values
from checks.shares import MIN_EXPECTED

GROUPS = 10
"""Groups of a numeric column: the deciles of the reference, as PSI has always had."""
EXACT_ROWS = 100
"""Effective rows of the smaller side up to which every table of counts is looked at."""
FEWEST_EXPECTED = 1.0
"""Groups that expect fewer rows drown the others in their noise."""
DOUBTFUL = 0.06
"""p-values above this one open no alarm, whatever they are exactly."""
CERTAIN = 1e-15
"""p-values below this one need not be told apart."""
ROUNDING = 1e-9
"""What a sum of effective rows may be off by."""
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
    all other values. Returns the counts of both sides.
    """
    group = grouping(reference, groups, levels)
    return summed(reference, group), summed(current, group)


def grouping(
    reference: ColumnProfile, groups: int = GROUPS, levels: int = MAX_LEVEL_GROUPS
) -> Ints:
    """Return the group of each fine cell, as `grouped` adds them up.

    A column of levels has one cell more than levels: that of all other values.
    """
    if isinstance(reference, NumericProfile):
        middle = np.cumsum(reference.counts) - reference.counts / 2
        group = np.minimum(
            (middle * groups / max(reference.n, 1)).astype(np.int64), groups - 1
        )
    else:
        # Bins hold levels in the order of all rows: a segment has one of its own.
        group = np.full(len(reference.counts) + 1, levels, np.int64)
        common = np.argsort(-reference.counts, kind="stable")[:levels]
        group[common] = np.arange(len(common))
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def summed(profile: ColumnProfile, group: Ints) -> Ints:
    """Add a profile's fine cells up to groups, given the group of each cell."""
    counts = profile.counts
    if isinstance(profile, LevelProfile):
        counts = np.append(counts, profile.others)
    # Of rows with weights only shares are known, which are no whole rows.
    return np.bincount(group, weights=counts).astype(counts.dtype)


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

    Pearson 1900, or Wilks' likelihood ratio of 1938 when `likelihood` is true. Counts
    are scaled to effective rows first, and groups that the reference expects fewer
    than `FEWEST_EXPECTED` rows in are added up (Cochran, Biometrics 10, 1954). The
    p-value is exact where either side has at most `EXACT_ROWS` and it matters what it
    is, and a chi-square tail elsewhere: there it equals
    `scipy.stats.chi2_contingency(..., correction=False)`, with `lambda_` set to
    "log-likelihood" for the likelihood ratio, where no group is added to another and
    rows are independent.
    """
    r: Floats = counts[0] / reference.design_effect
    c: Floats = counts[1] / current.design_effect
    n, m = float(r.sum()), float(c.sum())
    scale = 1 / n + 1 / m
    few = min(n, m) <= EXACT_ROWS
    least = FEWEST_EXPECTED if few else MIN_EXPECTED
    expected = r * (min(n, m) / n)
    if not ((expected > 0) & (expected < least)).any():
        # Where no value is rare, one that the reference never had is no accident.
        expected = np.where(r > 0, expected, c)
    group = _full(expected, least)
    if few and not group.any():
        group = np.arange(len(r), dtype=np.int64)
    r = np.asarray(np.bincount(group, weights=r), dtype=np.float64)
    c = np.asarray(np.bincount(group, weights=c), dtype=np.float64)
    r, c = r[(r + c) > 0], c[(r + c) > 0]
    degrees = len(r) - 1
    if degrees < 1:
        return Homogeneity(statistic=0.0, degrees=1, p_value=1.0, scale=scale)
    statistic = float(_parts(r + c, c, m / (n + m), likelihood=likelihood).sum())
    p_value = chi_square_tail(statistic, degrees)
    if few and p_value < DOUBTFUL:
        side = c if m <= n else r
        p_value = _exact(r + c, side, statistic, likelihood=likelihood)
    return Homogeneity(
        statistic=statistic, degrees=degrees, p_value=p_value, scale=scale
    )


def _full(expected: Floats, least: float) -> Ints:
    """Number the groups so that each is expected to hold enough rows.

    What is expected is what the reference expects: to go by the window's own counts
    would be to choose the test by its outcome. From the last group on, which is the
    rarest where values are levels, neighbours are added up until they are enough.
    """
    rows = expected.tolist()
    begun = np.zeros(len(rows), np.int64)
    held = 0.0
    for k in range(len(rows) - 1, 0, -1):
        held += rows[k]
        if held >= least:
            begun[k - 1] = 1
            held = 0.0
    group: Ints = np.cumsum(begun[::-1])[::-1]
    if held + rows[0] < least:
        group = np.minimum(group, max(0, int(group[0]) - 1))
    return group


def _parts(totals: Floats, side: Floats, share: float, *, likelihood: bool) -> Floats:
    """Return what each group adds to the statistic when `side` of its rows are there.

    `share` is that side's part of all rows.
    """
    expected = totals * share
    if not likelihood:
        return np.asarray((side - expected) ** 2 / (expected * (1 - share)))
    other = np.maximum(totals - side, 0.0)
    both = special.xlogy(side, side / expected)
    both += special.xlogy(other, other / (totals - expected))
    return np.asarray(2 * both)


def _exact(
    totals: Floats, side: Floats, statistic: float, *, likelihood: bool
) -> float:
    """Return the exact chance of such a statistic among all tables of these margins.

    Effective rows need not be whole: those dealt are rounded down and those of each
    group up, which is a little less to go by than there is.
    """
    whole = np.ceil(totals - ROUNDING)
    rows = max(1, int(side.sum() + ROUNDING))
    share = rows / float(whole.sum())
    dealt = np.minimum(np.arange(rows + 1), whole[:, None])
    parts = _parts(whole[:, None], dealt, share, likelihood=likelihood)
    enough = float(special.chdtri(len(totals) - 1, CERTAIN))
    return chance(whole.astype(np.int64), rows, parts, min(statistic, enough))


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
