"""What follows from a window's verdicts: moves of incidents, notices, a retraining.

Pure: it looks at what is known, decides, and returns rows that are to be committed
together with the verdicts. Who delivers them, and when, is another matter.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from checks.verdict import Verdict
from monitor import notice, retraining
from monitor.action import Delivery
from monitor.incident import Cause, Incident, Move, Policy, State, advance, close
from monitor.notice import Context, Group, Past, Routing, Told, no_past
from monitor.retraining import Decision, Facts, Retraining, RetrainPolicy
from monitor.silence import TELL_ALL, Quiet
from monitor.store.records import Consequences
from monitor.window import Window, rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An action that a monitor tells its notices to."""

    action: str
    routing: Routing
    told: Told | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """An action that a monitor asks for retraining."""

    action: str
    policy: RetrainPolicy
    facts: Facts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that is known when a window has been judged.

    `incidents` are the model's open ones in all its monitors, `ended` those of this
    monitor that a listener heard of and that have ended since, `past` its retrainings;
    `data` says where the model's rows lie, for the pipeline that retrains on them, and
    `home` is where driftd can be reached, for its word of how that goes. `quiet` says
    what is not to be told; while there is a `hold` nobody is told anything, and hears
    it when the hold is over. `measured` says what a check measured before.
    """

    model: str
    monitor: str
    model_version: str | None
    reference_id: str | None
    window: Window
    incidents: tuple[Incident, ...]
    ended: tuple[Incident, ...]
    listeners: tuple[Listener, ...]
    trainers: tuple[Trainer, ...]
    past: tuple[Retraining, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    home: str | None = None
    quiet: Quiet = TELL_ALL
    hold: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    measured: Past = no_past

    @property
    def own(self) -> tuple[Incident, ...]:
        """The open incidents of this monitor."""
        return tuple(i for i in self.incidents if i.key.monitor == self.monitor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be committed, and what was decided about retraining, by action."""

    consequences: Consequences
    decisions: tuple[tuple[str, Decision], ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """What was decided, in words."""
        return _said(self.decisions)


def _said(decisions: Iterable[tuple[str, Decision]]) -> tuple[str, ...]:
    quiet = retraining.Reason.NOTHING_FIRING
    told = [made.sentence for _, made in decisions if made.reason is not quiet]
    return tuple(dict.fromkeys(told))


def follow(
    situation: Situation,
    verdicts: Sequence[Verdict],
    *,
    policy: Policy,
    now: datetime,
    new_id: Callable[[], str],
) -> Outcome:
    """Decide what follows from the verdicts of one window."""
    moves = advance(
        situation.own,
        verdicts,
        model=situation.model,
        monitor=situation.monitor,
        window=situation.window,
        policy=policy,
        now=now,
        new_id=new_id,
    )
    return _told(situation, moves, now)


def rotate(situation: Situation, *, now: datetime) -> Outcome:
    """Decide what follows from a new model version: a new reference, a clean slate.

    Every open incident of the monitor was about the old version and is closed; who
    heard of it hears its end.
    """
    return end(situation, situation.own, Cause.REFERENCE_ROTATED, now=now)


def remind(situation: Situation, *, now: datetime) -> Outcome:
    """Decide what is to be told though no window says anything new.

    That is a repeat, and what a silence or a hold that is over has kept back.
    """
    return _told(replace(situation, trainers=()), [], now)


def end(
    situation: Situation, gone: Sequence[Incident], cause: Cause, *, now: datetime
) -> Outcome:
    """Decide what follows when some of a monitor's incidents end by no window's word.

    That they ended says nothing of the model: nobody is asked to retrain.
    """
    moves = [close(incident, cause, now) for incident in gone]
    return _told(replace(situation, trainers=()), moves, now)


def _told(situation: Situation, moves: Sequence[Move], now: datetime) -> Outcome:
    moved = {move.incident.id: move.incident for move in moves}
    own = {incident.id: incident for incident in situation.own} | moved
    elsewhere = [i for i in situation.incidents if i.id not in own]
    asked, sent, decisions = _retrain(situation, [*own.values(), *elsewhere], now)
    told = {incident.id: incident for incident in situation.ended} | own
    group = _group(situation, told.values(), elsewhere, now)
    context = Context(
        model_version=situation.model_version,
        window=situation.window,
        reference_id=situation.reference_id,
        retraining=" ".join(_said(decisions)) or None,
        proposed=_proposed([*situation.past, *asked]),
        past=situation.measured,
        links=situation.links if fired(moves) else {},
    )
    notices = [
        notice.notify(
            group,
            listener.told,
            action=listener.action,
            routing=listener.routing,
            context=context,
            now=now,
        )
        for listener in (() if situation.hold else situation.listeners)
    ]
    heard = {n.action for n in notices if n is not None}
    waiting = _awaited(situation, asked, heard, now)
    return Outcome(
        consequences=Consequences(
            moves=tuple(moves),
            deliveries=(*(n for n in notices if n is not None), *sent, *waiting),
            retrainings=asked,
        ),
        decisions=decisions,
    )


def _proposed(retrainings: Iterable[Retraining]) -> tuple[Mapping[str, str], ...]:
    """Name the retrainings that wait for a person's word."""
    waiting = (r for r in retrainings if r.state is retraining.State.PROPOSED)
    return tuple({"id": one.id, "action": one.action} for one in waiting)


def _awaited(
    situation: Situation,
    asked: Iterable[Retraining],
    heard: Collection[str],
    now: datetime,
) -> list[Delivery]:
    """Tell of new proposals whoever hears nothing else of this window."""
    return [
        notice.attention(
            one.evidence,
            about=f"proposed/{one.id}",
            model=situation.model,
            monitor=situation.monitor,
            action=listener.action,
            now=now,
            context=Context(window=situation.window, proposed=_proposed([one])),
        )
        for one in asked
        for listener in (() if situation.hold else situation.listeners)
        if listener.action not in heard and _proposed([one])
    ]


def _group(
    situation: Situation,
    told: Iterable[Incident],
    elsewhere: Sequence[Incident],
    now: datetime,
) -> Group:
    """Sort a monitor's incidents, with what is not to be told of them."""
    quiet = situation.quiet
    group = Group.of(
        situation.model,
        situation.monitor,
        told,
        elsewhere,
        lambda incident: quiet.reason(incident, now),
    )
    return replace(group, acknowledged=frozenset(quiet.acknowledged))


def fired(moves: Sequence[Move]) -> bool:
    """Tell whether an incident has begun to fire: then a report is drawn."""
    return any(
        move.transition is not None and move.transition.new is State.FIRING
        for move in moves
    )


def _retrain(
    situation: Situation, incidents: Sequence[Incident], now: datetime
) -> tuple[
    tuple[Retraining, ...], tuple[Delivery, ...], tuple[tuple[str, Decision], ...]
]:
    """Ask every trainer whether it is time; return requests and what was decided."""
    incidents = [one for one in incidents if not situation.quiet.dismissed(one)]
    asked: list[Retraining] = []
    sent: list[Delivery] = []
    decisions: list[tuple[str, Decision]] = []
    for trainer in situation.trainers:
        past = [r for r in situation.past if r.action == trainer.action]
        decision = retraining.reason_to_retrain(
            incidents, [*past, *asked], now, trainer.policy, trainer.facts
        )
        if decision.reason is retraining.Reason.CIRCUIT_OPEN:
            sent += _paged(situation, trainer, decision, past, now)
        decisions.append((trainer.action, decision))
        if not decision.retrain:
            continue
        wanted = retraining.request(
            decision,
            model=situation.model,
            monitor=situation.monitor,
            model_version=situation.model_version,
            action=trainer.action,
            window=situation.window,
            now=now,
        )
        asked.append(wanted)
        sent.append(
            retraining.delivery(
                wanted,
                decision,
                reference_id=situation.reference_id,
                context={
                    "data": dict(situation.data),
                    "links": dict(situation.links),
                    "callback": situation.home
                    and f"{situation.home}/v1/retrainings/{wanted.id}",
                },
            )
        )
    return tuple(asked), tuple(sent), tuple(decisions)


def _paged(
    situation: Situation,
    trainer: Trainer,
    decision: Decision,
    past: Sequence[Retraining],
    now: datetime,
) -> list[Delivery]:
    """Tell people that retraining does not help; once, however often it is asked."""
    newest = max((one.requested for one in past), default=now)
    return [
        notice.attention(
            f"{decision.sentence} Action: {trainer.action}.",
            about=f"breaker/{trainer.action}/{rfc3339(newest)}",
            model=situation.model,
            monitor=situation.monitor,
            action=listener.action,
            now=now,
        )
        for listener in situation.listeners
    ]
