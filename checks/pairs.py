"""Row-level skew: how rows of two tables met, and what became of one feature of them.

What is kept is counts, with the laws that explain the differing pairs
(`checks.cause`); `checks.tally` makes them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType

import numpy as np

from checks import cause
from checks.cause import Cause, Law
from checks.errors import ProfileError


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingCounts:
    """How the rows of two tables found each other by their ids (TFDV's counters).

    `duplicated` counts ids that stand twice on either side, whose rows are left out,
    because none of them is known to be the right one.
    """

    served_with_id: int = 0
    served_without_id: int = 0
    recomputed_with_id: int = 0
    recomputed_without_id: int = 0
    ids: int = 0
    only_served: int = 0
    only_recomputed: int = 0
    duplicated: int = 0
    joined: int = 0

    @property
    def joined_share(self) -> float:
        """The share of the served ids that could be compared; 1 of none."""
        served = self.ids - self.only_recomputed
        return self.joined / served if served else 1.0

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON types, by name."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def merge(self, other: "PairingCounts") -> "PairingCounts":
        """Return the counts of two sets of rows that share no id."""
        return PairingCounts(
            **{
                part.name: getattr(self, part.name) + getattr(other, part.name)
                for part in fields(self)
            }
        )


MOST_EXAMPLES = 3
"""Rows that are shown of a feature that differs."""


HIDDEN = "(values hidden)"
"""What stands for a personal value."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row on which the sides differ; None for null."""

    id: str
    served: str | None
    recomputed: str | None

    def __str__(self) -> str:
        sides = self.served, self.recomputed
        if sides == (HIDDEN, HIDDEN):
            return f"{self.id} {HIDDEN}"
        ours, theirs = ("null" if side is None else side for side in sides)
        return f"{self.id}: {ours} instead of {theirs}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """One feature, served and recomputed, over the joined rows.

    Every joined row is of exactly one of five sorts: equal, different, missing on
    either side, or missing on both, which counts as agreement. `examined` of the
    differing ones were asked for a cause, and `laws` tells how many each explains.
    `where` names the one category in which rows differ, empty where there is none.
    `first` and `last` are the times of differing rows, in microseconds since the Unix
    epoch, None where they have none; `examples` are some of these rows.
    `unjoined` says why there are no pairs, where there are none.
    """

    column: str
    match: int = 0
    mismatch: int = 0
    served_missing: int = 0
    recomputed_missing: int = 0
    both_missing: int = 0
    examined: int = 0
    laws: Mapping[Law, int] = field(default_factory=lambda: MappingProxyType({}))
    where: str = ""
    first: int | None = None
    last: int | None = None
    examples: tuple[Example, ...] = ()
    unjoined: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the feature's counters under the names that TFDV gives them.

        Its base is the training side, which is recomputed here, its test the serving
        side. A row that neither has a value for is in neither count.
        """
        found = self.cause
        return {
            "base_count": self.match + self.mismatch + self.served_missing,
            "test_count": self.match + self.mismatch + self.recomputed_missing,
            "match_count": self.match,
            "mismatch_count": self.mismatch,
            "base_only": self.served_missing,
            "test_only": self.recomputed_missing,
            "diff_count": self.differing,
            "cause": found.law.sentence if found else None,
            "nature": found.law.nature.value if found else None,
            "confidence": found.share if found else None,
            "where": self.where or None,
            "first": _told(self.first),
            "last": _told(self.last),
            "examples": [asdict(one) for one in self.examples],
        }

    @property
    def circumstances(self) -> str:
        """Say where the differing rows are, and since when; empty where unknown."""
        said = [f"where {self.where}"] if self.where else []
        if self.first is not None:
            said.append(f"the first at {(_told(self.first) or '')[:16]} UTC")
        return ", ".join(said)

    @property
    def n_both(self) -> int:
        """Joined rows."""
        return self.match + self.both_missing + self.differing

    @property
    def differing(self) -> int:
        """Joined rows on which the sides disagree, missing values included."""
        return self.mismatch + self.served_missing + self.recomputed_missing

    @property
    def cause(self) -> Cause | None:
        """The law that explains nearly all differing rows, if there is one."""
        return cause.likely(self.laws, self.examined)

    def merge(self, other: "Pairs") -> "Pairs":
        """Return the pairs of both sets of rows together.

        A law is proposed anew in each set; those that agree add up. Raises
        ProfileError for another column.
        """
        if self.column != other.column:
            msg = f"pairs of {self.column!r} cannot be merged with {other.column!r}"
            raise ProfileError(msg)
        found = {
            law: self.laws.get(law, 0) + other.laws.get(law, 0)
            for law in sorted({*self.laws, *other.laws})
        }
        return replace(
            self,
            match=self.match + other.match,
            mismatch=self.mismatch + other.mismatch,
            served_missing=self.served_missing + other.served_missing,
            recomputed_missing=self.recomputed_missing + other.recomputed_missing,
            both_missing=self.both_missing + other.both_missing,
            examined=self.examined + other.examined,
            laws=MappingProxyType(found),
            where=self.where if self.where == other.where else "",
            first=min(_known(self.first, other.first), default=None),
            last=max(_known(self.last, other.last), default=None),
            examples=tuple(
                sorted(self.examples + other.examples, key=lambda one: one.id)
            )[:MOST_EXAMPLES],
            unjoined=min(self.unjoined, other.unjoined),
        )


def _known(*times: int | None) -> list[int]:
    return [time for time in times if time is not None]


def _told(micros: int | None) -> str | None:
    """Write a time as people do, in UTC."""
    if micros is None:
        return None
    return str(np.datetime64(micros, "us").astype("datetime64[s]")).replace("T", " ")
