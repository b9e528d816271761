"""What a statistic means: PASS, WARN, FAIL or UNKNOWN, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from checks.statistic import Statistic


class Status(StrEnum):
    """The outcome of one check on one window."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"

    @property
    def severity(self) -> int:
        """How much attention it asks for: PASS, UNKNOWN, WARN, FAIL in rising order."""
        return _SEVERITY[self]

    @staticmethod
    def worst(statuses: "Iterable[Status]") -> "Status":
        """Return the gravest of the statuses; UNKNOWN when there is none.

        >>> Status.worst([Status.PASS, Status.WARN]).value
        'WARN'
        >>> Status.worst([]).value
        'UNKNOWN'
        """
        return max(statuses, key=lambda s: s.severity, default=Status.UNKNOWN)


_SEVERITY = {Status.PASS: 0, Status.UNKNOWN: 1, Status.WARN: 2, Status.FAIL: 3}


class Family(StrEnum):
    """What a check looks after."""

    DRIFT = "drift"
    SKEW = "skew"
    QUALITY = "quality"
    PERFORMANCE = "performance"
    ESTIMATE = "estimate"


class Reason(StrEnum):
    """Why a verdict is what it is: which of the two keys turned."""

    CERTAIN_AND_MATERIAL = "certain_and_material"
    CERTAIN_BUT_SMALL = "certain_but_small"
    CERTAIN_AND_NEARLY_MATERIAL = "certain_and_nearly_material"
    LARGE_BUT_UNCERTAIN = "large_but_uncertain"
    LARGE_BUT_USUAL = "large_but_usual"
    PEERS_RULE = "peers_rule"
    NO_DIFFERENCE = "no_difference"
    UNMEASURABLE = "unmeasurable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one check on one column (or the whole table) and one segment.

    `column` is None for a check on the whole table, `segment` None for all rows.
    `cause` says why an UNKNOWN could not be measured and is None otherwise;
    `statistic` is None exactly when nothing was measured.
    """

    check: str
    family: Family
    column: str | None
    segment: str | None
    status: Status
    reason: Reason
    cause: str | None = None
    statistic: Statistic | None = None
    p_adjusted: float | None = None
    threshold: float | None = None


def is_series(check: str) -> bool:
    """Tell whether a name is that of a detector along a check's figures.

    >>> is_series("cusum(missing)"), is_series("missing")
    (True, False)
    """
    return check.endswith(")")


def overall(verdicts: Iterable[Verdict]) -> Status:
    """Return the gravest status of a window's verdicts; UNKNOWN when there is none.

    A segment that is UNKNOWN, which a small one often is, says nothing of the window
    where anything else was said; nor does a series whose history is short yet.
    """
    told = list(verdicts)
    quiet = [
        v
        for v in told
        if v.status is not Status.UNKNOWN
        or (v.segment is None and not is_series(v.check))
    ]
    return Status.worst(v.status for v in quiet or told)
