"""A column's profile with the shares of the full traffic that its rows stand for."""

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from checks.bins import Ints
from checks.column import ColumnProfile, NumericProfile
from checks.errors import Unmeasurable
from checks.statistic import Statistic
from checks.weight import UNIT, effect_in_groups, effect_of
from checks.weighted import Weighted

Some = TypeVar("Some", bound=ColumnProfile)


def standing(profile: Some) -> Some:
    """Return as many rows with a value as there are, divided as their weights say.

    What a cell then holds is no whole number of rows. `weight_effect` says how much
    less certain its share is than that of rows of one weight (`checks.weight`).
    Rows of one weight are what they are. Raises Unmeasurable for more of them than can
    be counted.

    >>> from checks.example import levels
    >>> from checks.weight import Weight
    >>> known = levels({"a": 3, "b": 1})
    >>> units = np.array([1, 1, 1, 3]) * UNIT
    >>> cells, squares = np.array([3, 3]) * UNIT, np.array([3, 9, 0])
    >>> held = replace(known.weights, valued=Weight.of(units), counts=cells)
    >>> held = replace(held, squares=squares)
    >>> found = standing(replace(known, weighted=held))
    >>> found.counts.tolist(), found.n, round(found.weight_effect, 3)
    ([2.0, 2.0], 4, 1.867)
    """
    held = profile.weighted
    if held is None or held.even or not profile.n:
        return profile
    if held.beyond:
        cause = "what its rows stand for adds up to more than can be counted"
        raise Unmeasurable(cause)
    n, total = profile.n, held.valued.total
    missing = n * (held.missing.total / total)
    told: dict[str, Any] = {
        "rows": n + missing,
        "nulls": missing,
        "counts": held.counts * (n / total),
        "weight_effect": _effect(held),
    }
    if isinstance(profile, NumericProfile):
        told |= {"nans": 0, "infinities": 0, "sums": held.sums * (n * UNIT / total)}
    else:
        named = {level: units * n / total for level, units in held.unseen.items()}
        told |= {"others": held.others * n / total, "unseen": named}
    return replace(profile, **told)


def _effect(held: Weighted) -> float:
    """Return the design effect of a column's weights, in some groups of its cells."""
    cells = np.append(held.counts, held.others).astype(np.float64)
    squares = held.squares.astype(np.float64)
    if not len(held.sums):  # levels stand in no order but that of how common they are
        order = np.argsort(-cells, kind="stable")
        cells, squares = cells[order], squares[order]
    return effect_in_groups(cells, squares, held.valued)


def evened(profile: Some) -> Some:
    """Return as many whole rows of one weight as tell no more than these do."""
    found = standing(profile)
    if found is profile:
        return profile
    effect = found.weight_effect
    counts: Ints = np.rint(found.counts / effect).astype(np.int64)
    told: dict[str, Any] = {
        "nulls": round(found.nulls / effect),
        "counts": counts,
        "weight_effect": 1.0,
        "weighted": None,
    }
    rows = told["nulls"] + int(counts.sum())
    if isinstance(found, NumericProfile):
        told["sums"] = np.rint(found.sums / effect).astype(np.int64)
    else:
        told["others"] = round(found.others / effect)
        rows += told["others"]
    return replace(found, rows=rows, **told)


def missing_effect(profile: ColumnProfile) -> float:
    """Return how much less certain its missing share is for uneven weights."""
    held = profile.weighted
    if held is None or held.even:
        return 1.0
    parts = (held.valued, held.missing)
    totals, squares = (
        np.array([getattr(part, name) for part in parts], np.float64)
        for name in ("total", "squares")
    )
    return max(held.whole.effect, effect_of(totals, squares, profile.rows))


def by_row(*profiles: ColumnProfile) -> None:
    """Raise Unmeasurable where weights forbid to compare rows one by one."""
    if any(profile.weight_effect > 1 for profile in profiles):
        cause = (
            "its rows stand for unequal numbers of rows, and this check compares them "
            "one by one. Fix: choose one that goes by shares, such as "
            "kolmogorov_smirnov or wasserstein"
        )
        raise Unmeasurable(cause)


def looked_at(
    found: Statistic, reference: ColumnProfile, current: ColumnProfile
) -> Statistic:
    """Return what was measured of all rows, with those that were looked at on a side.

    Of rows with weights it knows only how many there would be for those with a value.
    """
    return replace(found, n_reference=reference.rows, n_current=current.rows)
