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
    """How far a retraining has come; what is PROPOSED waits for a person's word."""

    PROPOSED = "proposed"
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
    def asked(self) -> bool:
        """Whether a pipeline was ever asked for it."""
        return self not in (State.PROPOSED, State.REFUSED)

    def follows(self, before: "State") -> bool:
        """Tell whether a retraining can move here from another state.

        Only ever to a further step; but whatever is under way can be lost sight of.
        """
        if self is State.UNKNOWN:
            return before.under_way and before is not State.UNKNOWN
        return _STEPS[self] > _STEPS[before]


_STEPS = {
    State.PROPOSED: 0,
    State.REQUESTED: 1,
    State.UNKNOWN: 2,
    State.ACCEPTED: 3,
    State.RUNNING: 4,
    State.SUCCEEDED: 5,
    State.FAILED: 5,
    State.PROMOTED: 6,
    State.REFUSED: 6,
}


class Reason(StrEnum):
    """What came of the question whether to retrain."""

    REQUESTED = "requested"
    PROPOSED = "proposed"
    DRY_RUN = "dry_run"
    NOTHING_FIRING = "nothing_firing"
    REFUSED_DATA_BREAK = "refused_data_break"
    DEPLOYING = "deploying"
    TOO_EARLY = "too_early"
    TOO_FEW_LABELS = "too_few_labels"
    CIRCUIT_OPEN = "circuit_open"
    ALREADY_RUNNING = "already_running"
    TARGET_BUSY = "target_busy"
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

    `on` are the families whose firing incidents are evidence, once they have stood for
    `after`, counted from their first failing window. `min_labels` rows must have been
    labelled since the last retraining. At most `concurrency` retrainings of all models
    are under way at the action's target. `patience` is how long a request without a
    word of its end counts as still running. With `approval` a person has to say yes;
    with `dry_run` nothing is asked for, and what would have been is told.

    After `breaker` useless retrainings in a row none is asked for until a person says
    so: they failed, or trouble was back within `relapse` of their end.
    """

    on: frozenset[Family] = frozenset({Family.DRIFT, Family.PERFORMANCE})
    after: timedelta = timedelta(0)
    min_labels: int = 0
    cooldown: timedelta = timedelta(days=7)
    budget: Budget | None = None
    concurrency: int | None = None
    patience: timedelta = timedelta(days=7)
    approval: bool = False
    dry_run: bool = False
    breaker: int = 3
    relapse: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a decision depends on beside incidents and past retrainings of the model.

    `until` is the end of the window at hand; `labels` counts the rows labelled since
    the last retraining; `busy` the retrainings of other models that are under way at
    the same target; `deploying` tells whether a version is being deployed; `closed` is
    when a person last closed the circuit breaker.
    """

    until: datetime
    labels: int = 0
    busy: int = 0
    deploying: bool = False
    closed: datetime | None = None


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
    facts: Facts | None = None,
) -> Decision:
    """Decide whether to ask for a retraining now.

    `incidents` are all open ones of the model, in whichever monitor; `past` its
    retrainings. While a quality or skew incident is pending or firing the answer is
    no: a model trained on broken data is worse than a stale one. An incident that
    another explains still counts as evidence; muting is for people.
    """
    facts = facts or Facts(until=now)
    standing = sorted((i for i in incidents if i.state.open), key=gravity)
    evidence = tuple(
        incident
        for incident in standing
        if incident.state is IncidentState.FIRING and incident.key.family in policy.on
    )
    if not evidence:
        return _no(Reason.NOTHING_FIRING, "No retraining: nothing speaks for it.")
    refusal = (
        _broken(standing)
        or _deploying(facts)
        or _unripe(evidence, policy, facts)
        or _useless(past, now, policy, facts)
        or _restraint(past, now, policy, facts)
    )
    if refusal is not None:
        return _no(refusal[0], f"No retraining: {refusal[1]}", evidence)
    why = wording.title(evidence[0].key)
    also = f" and {len(evidence) - 1:,} more" if len(evidence) > 1 else ""
    if policy.dry_run:
        said = f"Dry run: a retraining would be requested because of {why}{also}."
        return _no(Reason.DRY_RUN, said, evidence)
    reason = Reason.PROPOSED if policy.approval else Reason.REQUESTED
    awaits = ", and awaits approval" if policy.approval else ""
    return Decision(
        retrain=True,
        reason=reason,
        sentence=f"Retraining {reason.value} because of {why}{also}{awaits}.",
        evidence=evidence,
    )


def _no(reason: Reason, said: str, evidence: tuple[Incident, ...] = ()) -> Decision:
    """Return a refusal."""
    return Decision(retrain=False, reason=reason, sentence=said, evidence=evidence)


Refusal = tuple[Reason, str]
"""Why not, by name and in words."""


def _broken(standing: Sequence[Incident]) -> Refusal | None:
    """Refuse while the data itself is broken."""
    breaks = [i for i in standing if i.key.family in _DATA_BREAK]
    if not breaks:
        return None
    said = f"the data is broken ({wording.title(breaks[0].key)}), not the model."
    return Reason.REFUSED_DATA_BREAK, said


def _deploying(facts: Facts) -> Refusal | None:
    """Refuse while another version is on its way."""
    if not facts.deploying:
        return None
    return Reason.DEPLOYING, "a version of the model is being deployed."


def _unripe(
    evidence: Sequence[Incident], policy: RetrainPolicy, facts: Facts
) -> Refusal | None:
    """Refuse evidence that has not stood long enough, or too few fresh labels."""
    since = min(incident.opened for incident in evidence)
    if facts.until - since < policy.after:
        ripe = wording.day(since + policy.after)
        return Reason.TOO_EARLY, f"what speaks for it has to stand until {ripe}."
    if facts.labels < policy.min_labels:
        had = wording.count(facts.labels, "row")
        said = f"{had} labelled since the last one, and {policy.min_labels:,} needed."
        return Reason.TOO_FEW_LABELS, said
    return None


def _useless(
    past: Sequence[Retraining], now: datetime, policy: RetrainPolicy, facts: Facts
) -> Refusal | None:
    """Refuse after so many retrainings in a row that were of no use."""
    asked = sorted(
        (
            one
            for one in past
            if one.state.asked
            and (facts.closed is None or one.requested > facts.closed)
        ),
        key=lambda one: one.requested,
        reverse=True,
    )
    found, again = 0, now
    for one in asked:
        ended = one.state in (State.SUCCEEDED, State.PROMOTED)
        if not (
            one.state is State.FAILED
            or (ended and again - one.changed < policy.relapse)
        ):
            break
        found, again = found + 1, one.requested
    if found < policy.breaker:
        return None
    said = f"the last {found} were of no use; a person has to look, and to close the "
    return Reason.CIRCUIT_OPEN, said + "circuit breaker."


def _restraint(
    past: Sequence[Retraining], now: datetime, policy: RetrainPolicy, facts: Facts
) -> Refusal | None:
    """Return what other retrainings have against one more, or None."""
    asked = sorted(
        (r for r in past if r.state is not State.REFUSED), key=lambda r: r.requested
    )
    for one in asked:
        waiting = one.state.under_way or one.state is State.PROPOSED
        if waiting and now - one.requested < policy.patience:
            since = wording.day(one.requested)
            return Reason.ALREADY_RUNNING, f"one from {since} is {one.state}."
    if policy.concurrency is not None and facts.busy >= policy.concurrency:
        busy = f"{wording.count(facts.busy, 'retraining')} of other models under way."
        return Reason.TARGET_BUSY, busy
    asked = [one for one in asked if one.state.asked]
    if not asked:
        return None
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
        state=State.PROPOSED if decision.reason is Reason.PROPOSED else State.REQUESTED,
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
        held=retraining.state is State.PROPOSED,
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
    if not state.follows(retraining.state):
        return retraining
    return replace(
        retraining,
        state=state,
        changed=now,
        remote_id=remote_id or retraining.remote_id,
        detail=detail,
    )


_MAY_LEAD_TO_ONE = (State.UNKNOWN, State.ACCEPTED, State.RUNNING, State.SUCCEEDED)


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
        if one.state in _MAY_LEAD_TO_ONE
    ]
