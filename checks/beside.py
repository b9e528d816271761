"""What else the rows have on which a feature differs: where a mistake is made.

Categories of another column are counted beside all joined rows, and beside those that
differ; and where nothing was recomputed, beside what was served instead.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Ints
from checks.cause import Law, Nature
from checks.proposal import beyond

MOST_CATEGORIES = 100
"""Categories beyond which a column does not say where a mistake is made."""
NEARLY_ONLY = 0.95
"""The share of the differing rows that are in one category where it is made there."""
MIN_GROUPS = 3
"""Categories that have a default of their own where it depends on them."""
MIN_FILLED = 3
"""Filled rows of a category that tell what its default is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Counts of one other column's categories, beside a feature that differs.

    `rows` are all joined ones, `differing` those that were kept of the differing ones,
    and `filled` what was served in each category where nothing was recomputed.
    """

    rows: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    filled: Counter[tuple[str, str]] = field(default_factory=Counter)

    def merge(self, other: "Beside") -> "Beside":
        """Return the counts of both sets of rows together."""
        return Beside(
            rows=self.rows + other.rows,
            differing=self.differing + other.differing,
            filled=self.filled + other.filled,
        )

    @property
    def only(self) -> str | None:
        """The one category in which rows differ, if it is one, and not most rows."""
        total = self.differing.total()
        if not total or len(self.rows) > MOST_CATEGORIES:
            return None
        category, count = min(self.differing.items(), key=lambda c: (-c[1], c[0]))
        usual = self.rows[category] / self.rows.total()
        sure = count >= NEARLY_ONLY * total and total >= MIN_FILLED
        return category if sure and beyond(count / total, usual) else None

    def by_category(self, name: str) -> dict[Law, int]:
        """Explain what was served instead of null by one default for each category."""
        groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (category, value), count in self.filled.items():
            groups[category][value] += count
        known = {c: g for c, g in groups.items() if g.total() >= MIN_FILLED}
        best = {c: g.most_common(1)[0] for c, g in known.items()}
        if len({value for value, _ in best.values()}) < MIN_GROUPS:
            return {}
        everywhere: Counter[str] = Counter()
        for group in known.values():
            everywhere += group
        total = everywhere.total()
        # One row of each category chooses its default, and proves nothing.
        share = sum(n - 1 for _, n in best.values()) / max(1, total - len(best))
        usual = sum(known[c].total() * everywhere[v] for c, (v, _) in best.items())
        if not beyond(share, usual / total**2):
            return {}
        told = f"served is one value for each {name!r} where recomputed is null"
        return {Law(Nature.DEFAULT, told): sum(count for _, count in best.values())}


Categories = Mapping[str, pa.DictionaryArray]
"""The categories of other columns, by their name, of all joined rows."""


def beside(
    categories: pa.DictionaryArray, rows: Ints, served: pa.Array, recomputed: pa.Array
) -> Beside:
    """Count a column's categories beside rows, and the pairs that were kept of them."""
    names = categories.dictionary.to_pylist()
    kept = categories.take(pa.array(rows))
    filled: Counter[tuple[str, str]] = Counter()
    empty = pc.and_(pc.is_null(recomputed), pc.is_valid(served))
    if pc.any(empty).as_py():
        of = kept.filter(empty).dictionary_decode().to_pylist()
        values = pc.cast(served.filter(empty), pa.string()).to_pylist()
        pairs = zip(of, values, strict=True)
        filled = Counter((c, v) for c, v in pairs if c is not None)
    return Beside(
        rows=_counted(categories, names),
        differing=_counted(kept, names),
        filled=filled,
    )


def _counted(categories: pa.DictionaryArray, names: list[str]) -> Counter[str]:
    codes = np.asarray(categories.indices.fill_null(len(names)))
    counts = np.bincount(codes, minlength=len(names) + 1)[: len(names)]
    found = zip(names, counts.tolist(), strict=True)
    return Counter({name: count for name, count in found if count})
