"""What rows of a window are compared with: the reference's own rows, and its stretches.

A profile tells columns one by one. How they go together is seen in whole rows, of which
a reference and a window each keep a sample.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from checks.bins import Floats
from checks.dependence import Dependence
from checks.schema import Column, Role

LOSS = "driftd_loss"
"""The column that holds what each row's prediction cost, NaN before its label comes."""
MOST_NAMED = 10
"""Columns, or pairs of them, that a statistic names as what explains it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """The reference side of a check on rows.

    `features` are the columns to compare, `rows` a sample of the reference's rows, and
    `stretches` samples of rows of its own stretches of a window's length, in order of
    time: empty where none were kept. `dependence` is None where no two features hold
    numbers, or where it was not measured: `dependence_cause` says which. `clustering`
    is by how much a column's rows of one stretch are correlated, absent for not at all.
    `rarity` says how rarely the stream takes a column's rows as far from others.
    """

    features: tuple[Column, ...]
    rows: pa.Table
    stretches: tuple[pa.Table, ...] = ()
    dependence: Dependence | None = None
    dependence_cause: str = "fewer than two features of the reference hold numbers"
    clustering: Mapping[str, float] = field(default_factory=dict)
    rarity: Callable[[str, pa.Table, pa.Table], float] = lambda _name, _was, _now: 0.0

    def among(
        self, names: Collection[str] | None, roles: Collection[Role] = tuple(Role)
    ) -> "Known":
        """Return it with these features alone, all for None, that play such roles."""
        kept = tuple(
            column
            for column in self.features
            if column.role in roles and (names is None or column.name in names)
        )
        return replace(self, features=kept)

    def effect(self, column: str, rows: int) -> float:
        """Return a column's design effect in so many rows of one stretch.

        Kish, "Survey Sampling", 1965: 1 + (rows - 1) ρ, where ρ is the correlation
        within a stretch: fewer rows of it say less of what they have in common.
        """
        return 1.0 + max(0, rows - 1) * self.clustering.get(column, 0.0)


def explained(
    names: Sequence[str], amounts: Floats | Iterable[float]
) -> tuple[tuple[str, float], ...]:
    """Name what explains a value, largest first, each with its share of the whole.

    Amounts that are not positive explain nothing.

    >>> explained(["a", "b", "c"], [1.0, 3.0, -2.0])
    (('b', 0.75), ('a', 0.25))
    """
    found = np.maximum(np.nan_to_num(np.asarray(amounts, dtype=np.float64)), 0.0)
    total = float(found.sum())
    if total <= 0:
        return ()
    order = np.argsort(-found, kind="stable")[:MOST_NAMED].tolist()
    return tuple((names[k], float(found[k]) / total) for k in order if found[k] > 0)


def owned(owners: Sequence[str], amounts: Floats) -> tuple[list[str], list[float]]:
    """Add up the amounts of one owner: the names, and the sum of each.

    >>> owned(["a", "b", "a"], np.array([1.0, 2.0, 3.0]))
    (['a', 'b'], [4.0, 2.0])
    """
    sums: dict[str, float] = {}
    for owner, amount in zip(owners, amounts.tolist(), strict=True):
        sums[owner] = sums.get(owner, 0.0) + amount
    return list(sums), list(sums.values())


def leading(named: Sequence[tuple[str, float]]) -> list[str]:
    """Tell the first three of what explains a value: a phrase, or none.

    >>> leading([("price", 0.612), ("a ~ b", 0.2)]), leading([])
    (['most in price (61 %), a ~ b (20 %)'], [])
    """
    said = [f"{name} ({share:.0%})".replace("%", " %") for name, share in named[:3]]
    return [f"most in {', '.join(said)}"] if said else []


def beside(
    stretches: Sequence[pa.Table], rows: int, most: int
) -> tuple[Sequence[pa.Table], int]:
    """Return stretches of one size that a window of so many rows may stand beside.

    The size is that of the smaller stretches, and never more than `rows` or `most`.
    """
    if not stretches:
        return (), 0
    lengths = sorted(stretch.num_rows for stretch in stretches)
    size = min(lengths[len(lengths) // 4], rows, most)
    return [s.slice(0, size) for s in stretches if s.num_rows >= size], size
