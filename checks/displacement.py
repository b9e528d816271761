"""The profile of a window that has moved by so much, as it is expected to look.

Nothing is drawn: the reference's own distribution is moved, and counted on a grain so
fine that rounding tells nothing. The design effect makes these rows weigh as much as
those of the window that is meant, so that the checks see its uncertainty.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.bins import Floats, Ints
from checks.column import ColumnProfile, LevelProfile, NumericProfile

GRAIN = 1 << 24
"""Rows of an expected profile, whatever the window that it stands for."""
MISSED = -math.log(0.8)
"""Rows expected in the end of a distribution that four of five windows miss."""


def points(profile: NumericProfile) -> tuple[Floats, Ints]:
    """Return where a column's values lie, cell by cell, and how many lie there."""
    bins, counts, sums = profile.bins, profile.counts, profile.sums
    edges = bins.edges
    where = np.empty(len(counts))
    where[1::2] = edges
    held = np.maximum(counts[::2], 1)
    where[2:-1:2] = edges[0] + sums[1:-1] * bins.step / held[1:-1]
    where[0] = edges[0] - float(sums[0]) * bins.tail_step / held[0]
    where[-1] = edges[-1] + float(sums[-1]) * bins.tail_step / held[-1]
    kept = counts > 0
    return where[kept], counts[kept]


def spread(profile: NumericProfile) -> float:
    """Return the standard deviation of a column's values, up to that inside cells."""
    where, counts = points(profile)
    mean = float(where @ counts) / profile.n
    return float(np.sqrt(((where - mean) ** 2) @ counts / profile.n))


def moved(profile: NumericProfile, by: float, effective: float) -> NumericProfile:
    """Return a window whose values have all moved by a distance.

    It weighs as much as `effective` independent rows. Values so far out that a window
    of that many rows rarely holds one are left out, and those of a column with few
    distinct ones stay among these: rows go over to a neighbour in proportion.

    >>> from checks.example import column
    >>> found = moved(column(range(100)), 10.5, 50.0)
    >>> round(found.n_effective, 9), round(float(found.counts[-1]) / found.n, 2)
    (50.0, 0.11)
    """
    where, counts = _typical(profile, effective)
    bins, edges = profile.bins, profile.bins.edges
    weight = np.rint(counts * (GRAIN / counts.sum())).astype(np.int64)
    where = where + by
    if not profile.counts[::2].any():
        where, weight = _on(edges, where, weight)
    at = np.searchsorted(edges, where, "left")
    exact = edges[np.minimum(at, len(edges) - 1)] == where
    cell = 2 * at + exact
    size = 2 * len(edges) + 1
    lengths = np.where(
        at == 0,
        (edges[0] - where) / bins.tail_step,
        np.where(
            at == len(edges),
            (where - edges[-1]) / bins.tail_step,
            (where - edges[0]) / bins.step,
        ),
    )
    sums = np.bincount(at, np.where(exact, 0.0, lengths * weight), len(edges) + 1)
    rows = int(weight.sum())
    return replace(
        profile,
        rows=rows,
        nulls=0,
        nans=0,
        infinities=0,
        counts=np.bincount(cell, weight, size).astype(np.int64),
        sums=np.rint(sums).astype(np.int64),
        saturated=0,
        minimum=float(where.min()),
        maximum=float(where.max()),
        design_effect=rows / effective,
    )


def _typical(profile: NumericProfile, effective: float) -> tuple[Floats, Ints]:
    """Return where values lie, without the ends that most such windows miss."""
    where, counts = points(profile)
    rare = profile.n * MISSED / max(effective, 4.0)
    below = np.cumsum(counts)
    kept = (below >= rare) & (below - counts <= profile.n - rare)
    return where[kept], counts[kept]


def _on(edges: Floats, where: Floats, weight: Ints) -> tuple[Floats, Ints]:
    """Split values between the neighbouring edges, so that their mean stays."""
    at = np.searchsorted(edges, where, "right")
    inside = (at > 0) & (at < len(edges))
    left, right = edges[at[inside] - 1], edges[at[inside]]
    up = np.rint(weight[inside] * (where[inside] - left) / (right - left))
    up = up.astype(np.int64)
    return (
        np.concatenate([where[~inside], left, right]),
        np.concatenate([weight[~inside], weight[inside] - up, up]),
    )


def gathered(profile: LevelProfile, share: float, effective: float) -> LevelProfile:
    """Return a window in which a share of all rows has gone over to the rarest level.

    Where there is but one level they go to one that the reference does not have. It
    weighs as much as `effective` independent rows.

    >>> from checks.example import levels
    >>> found = gathered(levels({"a": 75, "b": 25}), 0.5, 40.0)
    >>> (found.counts / found.n).tolist(), found.n_effective
    ([0.375, 0.625], 40.0)
    """
    left = np.append(profile.counts, profile.others) / profile.n * (1 - share)
    known = np.flatnonzero(profile.counts)
    # Levels stand in order of how common they are: the last one is the rarest.
    left[known[-1] if len(known) > 1 else -1] += share
    counts = np.rint(left * GRAIN).astype(np.int64)
    rows = int(counts.sum())
    return counted(profile, counts, rows / effective)


def drawn(expected: LevelProfile, draws: int) -> Iterator[LevelProfile]:
    """Walk over windows as chance makes them of an expected one.

    Their numbers are random, and the same each time: an answer must not depend on luck.
    """
    rng = np.random.Generator(np.random.PCG64(draws))
    share = np.append(expected.counts, expected.others) / expected.n
    rows = max(1, math.floor(expected.n_effective))
    for counts in rng.multinomial(rows, share, draws):
        yield counted(expected, counts, 1.0)


def counted(profile: LevelProfile, counts: Ints, effect: float) -> LevelProfile:
    """Return a profile with other counts, the last one of values that are no level."""
    return replace(
        profile,
        rows=int(counts.sum()),
        nulls=0,
        counts=counts[:-1],
        others=int(counts[-1]),
        unseen={},
        design_effect=effect,
    )


def marred(
    column: ColumnProfile, count: int, rows: int, *, missing: bool
) -> ColumnProfile:
    """Return a window with so many rows that are missing, or that the bins lack.

    >>> from checks.example import column, levels
    >>> marred(levels({"a": 3}), 2, 9, missing=False).others
    2
    >>> marred(column([1.0]), 2, 9, missing=True).missing
    2
    """
    counts = np.zeros_like(column.counts)
    if isinstance(column, LevelProfile):
        if missing:
            return replace(column, rows=rows, nulls=count)
        if len(counts):
            counts[0] = rows - count
        return replace(
            column, rows=rows, nulls=0, counts=counts, others=count, unseen={}
        )
    if missing:
        return replace(column, rows=rows, nulls=count, nans=0, infinities=0)
    counts[1], counts[-1] = rows - count, count
    return replace(column, rows=rows, nulls=0, nans=0, infinities=0, counts=counts)
