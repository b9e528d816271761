"""Two keys open an alarm: the difference is certain, and it matters."""

from dataclasses import dataclass

from checks.statistic import Statistic
from checks.verdict import Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Where a difference begins to matter: `fail`, and `warn` somewhat below it."""

    fail: float
    warn: float

    def __post_init__(self) -> None:
        """Refuse a warning level above the level of failure."""
        if not self.warn <= self.fail:
            msg = f"warn ({self.warn}) lies above fail ({self.fail})"
            raise ValueError(msg)


def judge(
    statistic: Statistic, p_adjusted: float | None, threshold: Threshold, alpha: float
) -> tuple[Status, Reason]:
    """Turn a statistic into a status, with the reason.

    FAIL takes both keys: the adjusted p-value is at most `alpha`, and the lower
    confidence bound of the effect is above the threshold (a p-value of None means that
    chance plays no part). WARN is a certain difference whose value, though not
    its lower bound, lies above the warning level. A large value that chance could
    have made, or that is usual for the stream, and a certain one too small to matter
    PASS. Where another system's rule is asked for, that rule alone decides, and
    nothing is a WARN.
    """
    if statistic.ruling is not None:
        return _ruled(crossed=statistic.ruling.crossed)
    certain = p_adjusted is None or p_adjusted <= alpha
    if certain and statistic.low > threshold.fail:
        return Status.FAIL, Reason.CERTAIN_AND_MATERIAL
    if certain and statistic.value > threshold.warn:
        return Status.WARN, Reason.CERTAIN_AND_NEARLY_MATERIAL
    if certain and p_adjusted is not None:
        return Status.PASS, Reason.CERTAIN_BUT_SMALL
    if statistic.value > threshold.fail:
        usual = statistic.usual
        return Status.PASS, (
            Reason.LARGE_BUT_USUAL if usual else Reason.LARGE_BUT_UNCERTAIN
        )
    return Status.PASS, Reason.NO_DIFFERENCE


def _ruled(*, crossed: bool) -> tuple[Status, Reason]:
    if crossed:
        return Status.FAIL, Reason.PEERS_RULE
    return Status.PASS, Reason.NO_DIFFERENCE
