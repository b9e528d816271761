"""Examples of the values that tests of the daemon pass around."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from checks.statistic import Statistic
from checks.verdict import Family, Reason, Status, Verdict
from monitor.incident import Incident, Key, State
from monitor.window import Window

DAY = timedelta(days=1)
FIRST = datetime(2013, 5, 1, tzinfo=UTC)


def ids(prefix: str = "incident") -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{prefix}-{next(numbers)}"


def window(day: int = 0) -> Window:
    return Window(FIRST + day * DAY, FIRST + (day + 1) * DAY)


def statistic(  # noqa: PLR0913 - a test says only what matters to it
    value: float = 1.4189,
    low: float = 1.2101,
    high: float = 1.6,
    *,
    p_value: float | None = 1e-9,
    at_reference: float | None = None,
    at_current: float | None = None,
    detail: str = "",
) -> Statistic:
    return Statistic(
        value=value,
        low=low,
        high=high,
        p_value=p_value,
        n_reference=80_000,
        n_current=900,
        at_reference=at_reference,
        at_current=at_current,
        detail=detail,
    )


def verdict(  # noqa: PLR0913 - a test says only what matters to it
    status: Status = Status.FAIL,
    *,
    family: Family = Family.DRIFT,
    check: str = "wasserstein",
    column: str | None = "temp",
    segment: str | None = None,
    cause: str | None = None,
    found: Statistic | None = None,
    threshold: float | None = 0.2,
    p_adjusted: float | None = None,
) -> Verdict:
    return Verdict(
        check=check,
        family=family,
        column=column,
        segment=segment,
        status=status,
        reason=Reason.CERTAIN_AND_MATERIAL,
        cause=cause,
        statistic=found,
        p_adjusted=p_adjusted,
        threshold=threshold,
    )


def incident(  # noqa: PLR0913 - a test says only what matters to it
    judged: Verdict | None = None,
    *,
    name: str = "",
    state: State = State.FIRING,
    day: int = 2,
    model: str = "flights",
    monitor: str = "daily",
) -> Incident:
    judged = judged or verdict(found=statistic())
    opened = FIRST + day * DAY
    key = Key.of(model, monitor, judged)
    return Incident(
        id=name or f"{key.family}-{key.check}-{key.column}",
        key=key,
        state=state,
        history=(judged.status,),
        opened=opened,
        last_window=opened,
        verdict=judged,
        fired=opened + DAY if state in (State.FIRING, State.RESOLVED) else None,
        resolved=opened + 2 * DAY if state is State.RESOLVED else None,
    )
