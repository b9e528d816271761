"""What people are told of personal values: pseudonyms of many rows, and no others.

A pseudonym says nothing of a value, but who knows a person's rare traits may know the
person by it. What is measured is measured on all values; what is said of those that
few rows hold is said of `other`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from checks.column import LevelProfile
from checks.profile import Profile
from checks.segment import Segment
from checks.statistic import Statistic
from checks.verdict import Verdict
from monitor.privacy import PREFIX, Personal

OTHER = "other"
"""What stands for every value that few rows hold."""
_ANY = re.compile(re.escape(PREFIX) + r"[0-9a-f]{4,32}")
"""A pseudonym, or as much of one as a long phrase has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The personal columns of a model, and the pseudonyms that may be named."""

    columns: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()

    @classmethod
    def of(cls, personal: Personal | None, *profiles: Profile) -> Self:
        """Name what one of some profiles has enough rows of."""
        if personal is None:
            return cls()
        named = frozenset(
            level
            for profile in profiles
            for column in personal.columns
            for level, rows in _levels(profile, column)
            if rows >= personal.min_rows
        )
        return cls(columns=personal.columns, named=named)

    def text(self, told: str) -> str:
        """Return a text as people may read it.

        >>> crowd = Crowd(columns=frozenset({"plan"}), named=frozenset())
        >>> crowd.text("plan = pii-00000000000000000000000000000000")
        'plan = other'
        """
        if not self.columns or PREFIX not in told:
            return told
        return _ANY.sub(lambda m: m[0] if m[0] in self.named else OTHER, told)

    def told(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return a JSON value, all of whose texts are as people may read them."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.told(one) for name, one in value.items()}
        return [self.told(one) for one in value] if isinstance(value, list) else value

    def verdict(self, one: Verdict) -> Verdict:
        """Return a verdict as people may read it."""
        if not self.columns:
            return one
        return replace(
            one,
            cause=one.cause and self.text(one.cause),
            segment=one.segment and self.text(one.segment),
            statistic=one.statistic and self._statistic(one.statistic),
        )

    def rows(self, table: pa.Table) -> pa.Table:
        """Return rows as people may look at them."""
        for name in self.columns & {*table.column_names}:
            place = table.column_names.index(name)
            values = pc.cast(table.column(place), pa.string())
            known = pc.is_in(values, value_set=pa.array([*self.named], pa.string()))
            hidden = pc.and_(pc.is_valid(values), pc.invert(known))
            table = table.set_column(place, name, pc.if_else(hidden, OTHER, values))
        return table

    def _statistic(self, found: Statistic) -> Statistic:
        return replace(
            found,
            detail=self.text(found.detail),
            segment=found.segment and self.text(found.segment),
            explained_by=tuple(
                (self.text(name), share) for name, share in found.explained_by
            ),
        )


EVERYONE = Crowd()
"""Of a model without personal columns."""


def least_rows(segment: Segment, asked: int, personal: Personal | None) -> int:
    """Return how many rows of the reference make a segment worth watching."""
    if personal and any(c.column in personal.columns for c in segment.conditions):
        return max(asked, personal.min_rows)
    return asked


def _levels(profile: Profile, column: str) -> Iterator[tuple[str, int]]:
    """Walk over the levels of a column that are known by name, with their rows."""
    found = profile.columns.get(column)
    if isinstance(found, LevelProfile):
        yield from zip(found.bins.levels, found.counts.tolist(), strict=False)
        yield from found.unseen.items()
