"""An incident: what a run of verdicts on one thing adds up to, and how it moves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from checks.verdict import Family, Reason, Status, Verdict
from monitor.window import Window

NO_DATA = "no_data"
"""The check that stands for silence: nothing could be measured, again and again."""

SCHEMA_CHANGE = "schema_change"
"""The check whose failure says that drift figures mean nothing."""

SEARCHES = ("worst_segment", "worst_segment_error")
"""The checks that find their segment themselves, another one from window to window."""


class State(StrEnum):
    """Where an incident stands, in the words that operators know."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"

    @property
    def open(self) -> bool:
        """Whether the next verdict can still move it."""
        return self in (State.PENDING, State.FIRING)


class Cause(StrEnum):
    """Why an incident moved from one state to the next."""

    FAILED = "failed"
    FAILED_LONG_ENOUGH = "failed_long_enough"
    RECOVERED = "recovered"
    RECOVERED_BEFORE_FIRING = "recovered_before_firing"
    REFERENCE_ROTATED = "reference_rotated"
    NO_LONGER_WATCHED = "no_longer_watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What an incident is about; one key has at most one open incident."""

    model: str
    monitor: str
    family: Family
    check: str
    column: str | None = None
    segment: str | None = None

    @classmethod
    def of(cls, model: str, monitor: str, verdict: Verdict) -> "Key":
        """Return the key that a verdict speaks about.

        A segment that was searched for is a finding, and what was asked is the same.
        """
        return cls(
            model=model,
            monitor=monitor,
            family=verdict.family,
            check=verdict.check,
            column=verdict.column,
            segment=None if verdict.check in SEARCHES else verdict.segment,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How many windows it takes to fire, to resolve, and to call silence a problem.

    `for_` FAILs in a row fire; with `of`, `for_` FAILs among the last `of` windows.
    `keep_firing_for` PASSes in a row resolve. All are counted in windows that said
    something: UNKNOWN windows do not count. After `no_data_after` UNKNOWNs in a row
    the silence is an incident of its own; None never makes it one.
    """

    for_: int = 1
    of: int | None = None
    keep_firing_for: int = 1
    no_data_after: int | None = 3

    def __post_init__(self) -> None:
        """Refuse counts that no number of windows can meet."""
        counts = (self.for_, self.keep_firing_for, self.no_data_after)
        if any(n is not None and n < 1 for n in counts):
            msg = "for, keep_firing_for and no_data_after count windows: at least 1"
            raise ValueError(msg)
        if self.of is not None and self.of < self.for_:
            msg = f"for: {self.for_} can never be met within of: {self.of}"
            raise ValueError(msg)

    @property
    def width(self) -> int:
        """How many of the last counted windows decide whether it fires."""
        return self.of if self.of is not None else self.for_

    @property
    def memory(self) -> int:
        """How many counted statuses an incident has to remember."""
        return max(self.width, self.keep_firing_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One stretch of trouble with one thing, from the first FAIL to its end.

    `history` holds the last counted statuses, oldest first; `opened` is the start of
    the window of the first FAIL, `last_window` of the last one counted; `fired` and
    `resolved` are the times of those moves; `verdict` is the last telling one (the
    latest FAIL or WARN).
    """

    id: str
    key: Key
    state: State
    history: tuple[Status, ...]
    opened: datetime
    last_window: datetime
    verdict: Verdict
    fired: datetime | None = None
    resolved: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One move of an incident: a row that is never changed."""

    incident_id: str
    old: State
    new: State
    reason: Cause
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What one run did to an incident; no transition when only its history grew."""

    incident: Incident
    transition: Transition | None = None


def step(  # noqa: PLR0913 - the whole question, in the open
    incident: Incident | None,
    verdict: Verdict,
    *,
    key: Key,
    window: Window,
    policy: Policy,
    now: datetime,
    new_id: Callable[[], str],
) -> tuple[Incident | None, Transition | None]:
    """Move an incident by one verdict; the very same incident back if nothing changed.

    UNKNOWN changes nothing, nor does a window at or before the last one counted. An
    incident that has ended stays ended: a later FAIL opens another with a new id.
    """
    if verdict.status is Status.UNKNOWN:
        return incident, None
    if incident is None or not incident.state.open:
        if verdict.status is not Status.FAIL:
            return incident, None
        return _settle(_opened(verdict, key, window, new_id()), policy, now)
    if window.start <= incident.last_window:
        return incident, None
    return _settle(_counted(incident, verdict, window, policy), policy, now)


def _opened(verdict: Verdict, key: Key, window: Window, fresh_id: str) -> Incident:
    """Return the incident that a first FAIL makes, before it is judged."""
    return Incident(
        id=fresh_id,
        key=key,
        state=State.INACTIVE,
        history=(verdict.status,),
        opened=window.start,
        last_window=window.start,
        verdict=verdict,
    )


def _counted(
    incident: Incident, verdict: Verdict, window: Window, policy: Policy
) -> Incident:
    """Return the incident with one more status in its history."""
    telling = verdict.status is not Status.PASS
    return replace(
        incident,
        history=(*incident.history, verdict.status)[-policy.memory :],
        last_window=window.start,
        verdict=verdict if telling else incident.verdict,
    )


def _settle(
    incident: Incident, policy: Policy, now: datetime
) -> tuple[Incident, Transition | None]:
    """Judge an incident by its history."""
    if incident.state is State.FIRING:
        last = incident.history[-policy.keep_firing_for :]
        if len(last) == policy.keep_firing_for and set(last) == {Status.PASS}:
            return _moved(incident, State.RESOLVED, Cause.RECOVERED, now)
        return incident, None
    last = incident.history[-policy.width :]
    if last.count(Status.FAIL) >= policy.for_:
        return _moved(incident, State.FIRING, Cause.FAILED_LONG_ENOUGH, now)
    if not _can_still_fire(last, policy):
        return _moved(incident, State.INACTIVE, Cause.RECOVERED_BEFORE_FIRING, now)
    if incident.state is State.INACTIVE:
        return _moved(incident, State.PENDING, Cause.FAILED, now)
    return incident, None


def _can_still_fire(last: Sequence[Status], policy: Policy) -> bool:
    """Tell whether a FAIL already seen can be one of the `for_` that fire it."""
    return any(
        status is Status.FAIL
        and last[i:].count(Status.FAIL) + policy.width - (len(last) - i) >= policy.for_
        for i, status in enumerate(last)
    )


def _moved(
    incident: Incident, new: State, reason: Cause, now: datetime
) -> tuple[Incident, Transition]:
    """Return the incident in its new state, with the row that says so."""
    transition = Transition(
        incident_id=incident.id, old=incident.state, new=new, reason=reason, at=now
    )
    moved = replace(
        incident,
        state=new,
        fired=now if new is State.FIRING else incident.fired,
        resolved=None if new.open else now,
    )
    return moved, transition


def close(incident: Incident, reason: Cause, now: datetime) -> Move:
    """End an open incident for a reason outside the data, such as a new reference.

    Raises ValueError when the incident has ended already.
    """
    if not incident.state.open:
        msg = f"incident {incident.id} is {incident.state}, not open"
        raise ValueError(msg)
    fired = incident.state is State.FIRING
    end = State.RESOLVED if fired else State.INACTIVE
    moved, transition = _moved(incident, end, reason, now)
    return Move(incident=moved, transition=transition)


def advance(  # noqa: PLR0913 - the whole question, in the open
    incidents: Iterable[Incident],
    verdicts: Sequence[Verdict],
    *,
    model: str,
    monitor: str,
    window: Window,
    policy: Policy,
    now: datetime,
    new_id: Callable[[], str],
) -> list[Move]:
    """Apply every verdict of a run to the open incidents; list only what changed.

    An incident whose key no verdict speaks about (a column removed from the config)
    is left as it is: that is for `close`. Silence that lasts becomes an incident by
    the verdicts that `silence` draws from the UNKNOWNs.
    """
    by_key = {incident.key: incident for incident in incidents if incident.state.open}
    quiet = replace(policy, for_=policy.no_data_after or 1, of=None, keep_firing_for=1)
    judged = [(verdict, policy) for verdict in verdicts]
    if policy.no_data_after is not None:
        judged += [(verdict, quiet) for verdict in silence(verdicts)]
    moves = []
    for verdict, rule in judged:
        key = Key.of(model, monitor, verdict)
        old = by_key.get(key)
        new, transition = step(
            old, verdict, key=key, window=window, policy=rule, now=now, new_id=new_id
        )
        if new is not None and new is not old:
            moves.append(Move(incident=new, transition=transition))
    return moves


_AWAITS_OTHERS = (Family.PERFORMANCE, Family.ESTIMATE, Family.SKEW)


def silence(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Draw the `no_data` verdicts from a run: FAIL where a column said nothing.

    One verdict a column, FAIL when every one of its checks is UNKNOWN: one that can
    never be made on a column (too many categories, say) is no silence while others
    speak. When every column is silent they are one table-wide FAIL and no verdict
    each: an outage is one incident, not two hundred. Segments are left out (a small
    one is often empty), and so is what waits for other data than the window's own:
    labels, and recomputed features.
    """
    heard: dict[str | None, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.segment is None and verdict.family not in _AWAITS_OTHERS:
            heard.setdefault(verdict.column, []).append(verdict)
    table = _silent(heard.pop(None, []))
    columns = {column: _silent(said) for column, said in heard.items()}
    if columns and all(columns.values()):
        unknown = [verdict for silent in columns.values() for verdict in silent]
        return [_no_data(None, [*table, *unknown])]
    drawn = [_no_data(None, table)] if verdicts else []
    return drawn + [_no_data(column, silent) for column, silent in columns.items()]


def _silent(verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
    """Return the verdicts when all of them are UNKNOWN, else none."""
    said = any(verdict.status is not Status.UNKNOWN for verdict in verdicts)
    return () if said else verdicts


def _no_data(column: str | None, silent: Sequence[Verdict]) -> Verdict:
    """Make the verdict on a column's silence, with the causes that were given."""
    causes = list(dict.fromkeys(v.cause or "no cause given" for v in silent))
    return Verdict(
        check=NO_DATA,
        family=Family.QUALITY,
        column=column,
        segment=None,
        status=Status.FAIL if silent else Status.PASS,
        reason=Reason.UNMEASURABLE if silent else Reason.NO_DIFFERENCE,
        cause="; ".join(causes[:3]) if silent else None,
    )


def inhibited(incident: Incident, others: Iterable[Incident]) -> Incident | None:
    """Return the firing incident of the same model that explains this one, or None.

    A schema break explains drift (all of it when table-wide, else its own column's);
    broken quality or skew on a column explains drift on it; drift explains estimated
    performance; what all rows have explains the same in a segment, and a segment
    explains no other. Measured performance is explained by nothing else.
    """
    return next(
        (
            other
            for other in others
            if other.state is State.FIRING
            and other.key.model == incident.key.model
            and _explains(other.key, incident.key)
        ),
        None,
    )


def _explains(cause: Key, effect: Key) -> bool:
    """Tell whether trouble with one thing makes trouble with the other unsurprising."""
    if cause.segment is not None and cause.segment != effect.segment:
        return False
    if replace(effect, segment=None) == cause != effect:
        return True
    if effect.family is Family.ESTIMATE:
        return cause.family is Family.DRIFT
    if effect.family is not Family.DRIFT:
        return False
    if cause.check == SCHEMA_CHANGE and cause.column is None:
        return True
    broken = cause.family in (Family.QUALITY, Family.SKEW)
    return broken and cause.column is not None and cause.column == effect.column
