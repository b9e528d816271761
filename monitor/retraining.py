"""Retraining: whether to ask for it, and how far a request has come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from checks.verdict import Family
from monitor import wording
from monitor.action import Delivery, Kind
from monitor.finding import Finding, gravity
from monitor.incident import Incident
from monitor.incident import State as IncidentState
from monitor.notice import SHOWN, delivery_id
from monitor.window import Window, rfc3339


class State(StrEnum):
    """How far a retraining has come."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    PROMOTED = "promoted"
    REFUSED = "refused"

    @property
    def under_way(self) -> bool:
        """Whether a pipeline may be at work on it; UNKNOWN cannot rule it out."""
        return self in (
            State.REQUESTED,
            State.ACCEPTED,
            State.RUNNING,
            State.UNKNOWN,
        )

    @property
    def step(self) -> int:
        """How far along it is: a retraining only ever moves to a higher step."""
        return _STEPS[self]


_STEPS = {
    State.REQUESTED: 0,
    State.UNKNOWN: 1,
    State.ACCEPTED: 2,
    State.RUNNING: 3,
    State.SUCCEEDED: 4,
    State.FAILED: 4,
    State.PROMOTED: 5,
    State.REFUSED: 5,
}


class Reason(StrEnum):
    """What came of the question whether to retrain."""

    REQUESTED = "requested"
    NOTHING_FIRING = "nothing_firing"
    REFUSED_DATA_BREAK = "refused_data_break"
    ALREADY_RUNNING = "already_running"
    COOLDOWN = "cooldown"
    OVER_BUDGET = "over_budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most `count` retrainings in any stretch of time as long as `per`."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPolicy:
    """When an action may ask for a retraining.

    `on` are the families whose firing incidents are evidence. `patience` is how long
    a request without a word of its end counts as still running.
    """

    on: frozenset[Family] = frozenset({Family.DRIFT, Family.PERFORMANCE})
    cooldown: timedelta = timedelta(days=7)
    budget: Budget | None = None
    patience: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """One request to retrain a model; `id` is the target's idempotency key."""

    id: str
    model: str
    monitor: str
    model_version: str | None
    action: str
    state: State
    requested: datetime
    changed: datetime
    window: Window
    evidence: str
    incident_ids: frozenset[str] = frozenset()
    remote_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to retrain, the reason by name, and the sentence that people read.

    `evidence` holds the firing incidents that spoke for it, worst first.
    """

    retrain: bool
    reason: Reason
    sentence: str
    evidence: tuple[Incident, ...] = field(default=())


_DATA_BREAK = (Family.QUALITY, Family.SKEW)


def reason_to_retrain(
    incidents: Iterable[Incident],
    past: Sequence[Retraining],
    now: datetime,
    policy: RetrainPolicy,
) -> Decision:
    """Decide whether to ask for a retraining now.

    `incidents` are all open ones of the model, in whichever monitor; `past` its
    retrainings. While a quality or skew incident is pending or firing the answer is
    no: a model trained on broken data is worse than a stale one. An incident that
    another explains still counts as evidence; muting is for people.
    """
    standing = sorted((i for i in incidents if i.state.open), key=gravity)
    evidence = tuple(
        incident
        for incident in standing
        if incident.state is IncidentState.FIRING and incident.key.family in policy.on
    )
    if not evidence:
        return _no(Reason.NOTHING_FIRING, "No retraining: nothing speaks for it.")
    breaks = [i for i in standing if i.key.family in _DATA_BREAK]
    if breaks:
        said = f"the data is broken ({wording.title(breaks[0].key)}), not the model."
        return _no(Reason.REFUSED_DATA_BREAK, f"No retraining: {said}", evidence)
    refusal = _restraint(past, now, policy)
    if refusal is not None:
        return _no(refusal[0], f"No retraining: {refusal[1]}", evidence)
    why = wording.title(evidence[0].key)
    also = f" and {len(evidence) - 1:,} more" if len(evidence) > 1 else ""
    return Decision(
        retrain=True,
        reason=Reason.REQUESTED,
        sentence=f"Retraining requested because of {why}{also}.",
        evidence=evidence,
    )


def _no(reason: Reason, said: str, evidence: tuple[Incident, ...] = ()) -> Decision:
    """Return a refusal."""
    return Decision(retrain=False, reason=reason, sentence=said, evidence=evidence)


def _restraint(
    past: Sequence[Retraining], now: datetime, policy: RetrainPolicy
) -> tuple[Reason, str] | None:
    """Return what the past has against another retraining, or None."""
    asked = sorted(
        (r for r in past if r.state is not State.REFUSED), key=lambda r: r.requested
    )
    if not asked:
        return None
    for one in asked:
        if one.state.under_way and now - one.requested < policy.patience:
            since = wording.day(one.requested)
            return Reason.ALREADY_RUNNING, f"one from {since} is {one.state}."
    free = asked[-1].requested + policy.cooldown
    if now < free:
        return Reason.COOLDOWN, f"cooling down until {wording.day(free)}."
    if policy.budget is not None:
        spent = sum(now - r.requested < policy.budget.per for r in asked)
        if spent >= policy.budget.count:
            days = wording.number(policy.budget.per / timedelta(days=1))
            used = f"{spent} of {policy.budget.count} in {days} days are used up."
            return Reason.OVER_BUDGET, used
    return None


def request(  # noqa: PLR0913 - everything that a request says
    decision: Decision,
    *,
    model: str,
    monitor: str,
    model_version: str | None,
    action: str,
    window: Window,
    now: datetime,
) -> Retraining:
    """Return the retraining that a decision asks for, under its idempotency key.

    The key depends on the model, the monitor, the window's end and the action alone:
    whoever asks again about the same window asks for the same retraining.
    """
    return Retraining(
        id=delivery_id(model, monitor, rfc3339(window.end), action),
        model=model,
        monitor=monitor,
        model_version=model_version,
        action=action,
        state=State.REQUESTED,
        requested=now,
        changed=now,
        window=window,
        evidence=decision.sentence,
        incident_ids=frozenset(incident.id for incident in decision.evidence),
    )


def delivery(
    retraining: Retraining,
    decision: Decision,
    *,
    reference_id: str | None,
    context: Mapping[str, Any] | None = None,
) -> Delivery:
    """Return the delivery that carries a retraining to its pipeline.

    The body says enough to train on the right data; `context` adds to it what only
    the config knows, such as where the data lies.
    """
    findings = [Finding.of(i).to_dict() for i in decision.evidence[:SHOWN]]
    body = {
        "id": retraining.id,
        "kind": Kind.RETRAINING.value,
        "model": retraining.model,
        "model_version": retraining.model_version,
        "monitor": retraining.monitor,
        "reason": decision.sentence,
        "requested": rfc3339(retraining.requested),
        "window": {
            "start": rfc3339(retraining.window.start),
            "end": rfc3339(retraining.window.end),
        },
        "reference_id": reference_id,
        "evidence": findings,
        "n_evidence": len(decision.evidence),
        **(context or {}),
    }
    return Delivery(
        id=retraining.id,
        action=retraining.action,
        kind=Kind.RETRAINING,
        group=f"{retraining.model}/{retraining.monitor}",
        model=retraining.model,
        monitor=retraining.monitor,
        reason=decision.reason,
        body=body,
        created=retraining.requested,
        incident_ids=retraining.incident_ids,
    )


def moved(
    retraining: Retraining,
    state: State,
    now: datetime,
    *,
    remote_id: str | None = None,
    detail: str = "",
) -> Retraining:
    """Return the retraining one step on; the very same for a step already behind it.

    Answers come late and out of order: a word of an earlier step, or a second end,
    changes nothing. The target's own id is kept once it is known.
    """
    if state.step <= retraining.state.step:
        return retraining
    return replace(
        retraining,
        state=state,
        changed=now,
        remote_id=remote_id or retraining.remote_id,
        detail=detail,
    )


def promoted(
    past: Iterable[Retraining], version: str, now: datetime
) -> list[Retraining]:
    """Return the retrainings that a new model version brings to their end.

    All that may have led to it do: a pipeline that never reports back is known by
    its fruit. A request that no pipeline has taken yet has led to nothing.
    """
    detail = f"model version {version} seen"
    return [
        moved(one, State.PROMOTED, now, detail=detail)
        for one in past
        if State.REQUESTED.step < one.state.step <= State.SUCCEEDED.step
        and one.state is not State.FAILED
    ]
