"""Examples of the values that tests of the daemon pass around."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from checks.statistic import Statistic
from checks.verdict import Family, Reason, Status, Verdict
from monitor.action import Delivery, Kind
from monitor.incident import Cause, Incident, Key, Move, State, Transition
from monitor.retraining import Retraining
from monitor.retraining import State as RetrainingState
from monitor.store import Consequences, Run, RunRecord
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


def delivery(  # noqa: PLR0913 - a test says only what matters to it
    name: str = "d1",
    *,
    action: str = "team",
    kind: Kind = Kind.NOTICE,
    reason: str = "first",
    group: str = "flights/daily",
    told: Iterable[str] = ("a",),
    body: Mapping[str, Any] | None = None,
    created: datetime = FIRST,
) -> Delivery:
    model, monitor = group.split("/")[:2]
    return Delivery(
        id=name,
        action=action,
        kind=kind,
        group=group,
        model=model,
        monitor=monitor,
        reason=reason,
        body=body if body is not None else {"id": name},
        created=created,
        incident_ids=frozenset(told),
    )


def retraining(
    name: str = "r1", state: RetrainingState = RetrainingState.REQUESTED
) -> Retraining:
    return Retraining(
        id=name,
        model="flights",
        monitor="daily",
        model_version="1",
        action="pipeline",
        state=state,
        requested=FIRST,
        changed=FIRST,
        window=window(),
        evidence="Retraining requested because of wasserstein on temp.",
        incident_ids=frozenset({"a"}),
    )


def move(to: Incident, old: State = State.INACTIVE) -> Move:
    made = Transition(
        incident_id=to.id,
        old=old,
        new=to.state,
        reason=Cause.FAILED_LONG_ENOUGH if to.state.open else Cause.RECOVERED,
        at=to.last_window + DAY,
    )
    return Move(incident=to, transition=made)


def run(
    day: int = 0, *, monitor: str = "daily", verdicts: Iterable[Verdict] = ()
) -> Run:
    return Run(
        model="flights",
        monitor=monitor,
        window=window(day),
        model_version="1",
        reference_id="ref",
        status=Status.FAIL,
        evaluated=window(day).end,
        rows=900,
        sampled=500,
        seconds=0.25,
        profile_hash="p",
        config_hash="c",
        verdicts=tuple(verdicts),
    )


def record(day: int = 0, monitor: str = "daily", **rest: Any) -> RunRecord:
    consequences = Consequences(
        **{name: tuple(rest.pop(name, ())) for name in _CONSEQUENCES}
    )
    made = run(day, monitor=monitor, verdicts=rest.pop("verdicts", ()))
    return RunRecord(run=made, consequences=consequences, **rest)


_CONSEQUENCES = ("moves", "deliveries", "retrainings")
