"""What a reading left out because it was malformed: how much, why, and where first.

A row, a line or a body that cannot be read stops nothing else and is never dropped in
silence: whoever reads it adds it here, and hands on the notes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from monitor.errors import MalformedError
from monitor.mrkdwn import visible

_SHOWN = 200
"""Characters of a malformed value that are shown; it may be as long as it likes."""


@dataclass(slots=True)
class Left:
    """What was left out for one reason."""

    place: str
    detail: str
    count: int = 0


@dataclass(slots=True)
class Quarantine:
    """Counts what is left out, by reason; keeps the first of each reason, no more.

    Not to be shared by threads; `merge` puts those of several together.

    >>> left_out = Quarantine()
    >>> why = MalformedError("it is not JSON", "expected `}`")
    >>> left_out.add(why, "a.jsonl: line 7")
    >>> left_out.add(MalformedError("it is not JSON", "no value"), "a.jsonl: line 9")
    >>> left_out.count, left_out.by_reason
    (2, {'it is not JSON': 2})
    >>> print(*left_out.notes("lines"))
    2 lines were left out: it is not JSON. The first: a.jsonl: line 7 (expected `}`)
    """

    reasons: dict[str, Left] = field(default_factory=dict, init=False)

    def add(self, why: MalformedError, place: str, count: int = 1) -> None:
        """Count something that was left out; `place` names the file and the line."""
        one = self.reasons.setdefault(why.reason, Left(place, why.detail))
        one.count += count

    def merge(self, others: Iterable["Quarantine"]) -> None:
        """Count what others left out as well."""
        for other in others:
            for reason, theirs in other.reasons.items():
                self.add(
                    MalformedError(reason, theirs.detail), theirs.place, theirs.count
                )

    @property
    def count(self) -> int:
        """How much was left out in all."""
        return sum(one.count for one in self.reasons.values())

    @property
    def by_reason(self) -> dict[str, int]:
        """How much was left out for each reason."""
        return {reason: one.count for reason, one in self.reasons.items()}

    def notes(self, noun: str) -> tuple[str, ...]:
        """Tell it in sentences, one a reason; `noun` is what was left out: lines."""
        return tuple(
            f"{one.count:,} {noun} were left out: {reason}. The first: "
            f"{visible(one.place)}"
            + (f" ({visible(one.detail[:_SHOWN])})" if one.detail else "")
            for reason, one in self.reasons.items()
        )
