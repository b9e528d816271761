"""A notice: what people are told of a model's incidents, and whether to tell them."""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from checks.verdict import Family
from monitor import wording
from monitor.action import Delivery, Kind
from monitor.finding import Finding, gravity
from monitor.incident import Incident, State, inhibited
from monitor.window import Window, parse_time, rfc3339

PICTURED = 30
"""Windows of the worst incident that a notice knows the values of."""
SHOWN = 20
"""Incidents of each sort that a notice spells out; the rest are a number."""


class Reason(StrEnum):
    """Why a notice is sent."""

    FIRST = "first"
    CHANGED = "changed"
    RESOLVED = "resolved"
    REPEAT = "repeat"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one action was last told about one monitor: the ids it knows to be firing.

    After a resolve it knows of none.
    """

    incident_ids: frozenset[str]
    reason: Reason
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What an action wants to hear: which families, and how often again."""

    on: frozenset[Family] = frozenset(Family)
    repeat: timedelta | None = None


Hush = Callable[[Incident], str | None]
"""Says why an incident is not to be told, or None where it is."""


def tell_all(incident: Incident) -> str | None:
    """Keep nothing back."""
    del incident
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The incidents of one monitor of one model, worst first.

    `muted` are firing too, each with the incident that explains it; they are kept and
    told as muted, and make no notice on their own. So do not `hushed` ones, each with
    the words why: they are silenced, or a person has dismissed them. `resolved` are
    those that ended; of those `acknowledged` as real nobody is reminded.
    """

    model: str
    monitor: str
    firing: tuple[Incident, ...] = ()
    muted: tuple[tuple[Incident, Incident], ...] = ()
    resolved: tuple[Incident, ...] = ()
    hushed: tuple[tuple[Incident, str], ...] = ()
    acknowledged: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        model: str,
        monitor: str,
        incidents: Iterable[Incident],
        others: Iterable[Incident] = (),
        hush: Hush = tell_all,
    ) -> "Group":
        """Sort a monitor's incidents; `others` are the model's elsewhere, which mute.

        Pending and inactive incidents are nobody's business yet. `hush` says why one
        is not to be told.
        """
        own = sorted(incidents, key=gravity)
        ours = {incident.id for incident in own}
        around = [*own, *(other for other in others if other.id not in ours)]
        firing = [incident for incident in own if incident.state is State.FIRING]
        why = [(incident, hush(incident)) for incident in firing]
        told = [incident for incident, word in why if word is None]
        explained = [(incident, inhibited(incident, around)) for incident in told]
        return cls(
            model=model,
            monitor=monitor,
            firing=tuple(i for i, cause in explained if cause is None),
            muted=tuple((i, cause) for i, cause in explained if cause is not None),
            hushed=tuple((i, word) for i, word in why if word is not None),
            resolved=tuple(i for i in own if i.state is State.RESOLVED),
        )

    def heard_by(self, routing: Routing, told: Told | None) -> "Group":
        """Return what concerns one action: its families, and ends it saw begin."""
        heard = told.incident_ids if told else frozenset()
        return replace(
            self,
            firing=tuple(i for i in self.firing if i.key.family in routing.on),
            muted=tuple(m for m in self.muted if m[0].key.family in routing.on),
            hushed=tuple(h for h in self.hushed if h[0].key.family in routing.on),
            resolved=tuple(i for i in self.resolved if i.id in heard),
        )


def reason_to_send(
    group: Group, told: Told | None, now: datetime, routing: Routing
) -> Reason | None:
    """Decide whether an action hears of a group now, and why; None is silence.

    A resolve goes only to who heard the start, and only when nothing that it heard of
    goes on, muted or not. What is muted makes no notice.
    """
    mine = group.heard_by(routing, told)
    heard = told.incident_ids if told else frozenset()
    firing = {incident.id for incident in mine.firing}
    if not firing:
        still = {incident.id for incident, _ in (*group.muted, *group.hushed)}
        return Reason.RESOLVED if heard and not heard & still else None
    if told is None or not heard:
        return Reason.FIRST
    if firing - heard:
        return Reason.CHANGED
    if firing <= group.acknowledged:
        return None
    if routing.repeat is not None and now - told.at >= routing.repeat:
        return Reason.REPEAT
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one action is told at one moment; its JSON form is fixed once it is made.

    The findings are the worst `SHOWN` of each sort; the counts are of all. `message`
    is the whole story of an ATTENTION and None otherwise, `retraining` what came of
    the question whether to retrain, `proposed` the retrainings that wait for a person's
    word, `history` what the worst incident's check measured in the last windows, oldest
    first, and `links` names where there is more to see.
    """

    id: str
    model: str
    monitor: str
    reason: Reason
    created: datetime
    model_version: str | None = None
    window: Window | None = None
    reference_id: str | None = None
    firing: tuple[Finding, ...] = ()
    muted: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()
    n_firing: int = 0
    n_muted: int = 0
    n_resolved: int = 0
    n_hushed: int = 0
    message: str | None = None
    retraining: str | None = None
    proposed: tuple[Mapping[str, str], ...] = ()
    history: tuple[float, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    def headline(self) -> str:
        """Say the notice in one line."""
        if self.message is not None:
            return f"{self.model}: {self.message}"
        if self.reason is Reason.RESOLVED:
            ended = wording.count(self.n_resolved, "incident")
            return f"{self.model}: all clear, {ended} resolved"
        still = "still " if self.reason is Reason.REPEAT else ""
        firing = wording.count(self.n_firing, "incident")
        worst = self.firing[0]
        return f"{self.model}: {firing} {still}firing, worst: {worst.brief}"

    def lines(self) -> list[str]:
        """Say everything, one line an incident, worst first."""
        said = [found.sentence for found in self.firing]
        said += _more(self.n_firing, len(self.firing), "firing")
        said += [f"resolved: {found.sentence}" for found in self.resolved]
        said += _more(self.n_resolved, len(self.resolved), "resolved")
        said += [found.sentence for found in self.muted]
        said += _more(self.n_muted, len(self.muted), "muted")
        if self.n_hushed:
            hushed = wording.count(self.n_hushed, "incident")
            said.append(f"{hushed} more silenced, or dismissed by a person")
        return said + ([self.retraining] if self.retraining else [])

    def to_dict(self) -> dict[str, Any]:
        """Return the notice as JSON types, with its headline and lines spelled out."""
        plain = {
            "id": self.id,
            "headline": self.headline(),
            "lines": self.lines(),
            "model": self.model,
            "model_version": self.model_version,
            "monitor": self.monitor,
            "reason": self.reason.value,
            "created": rfc3339(self.created),
            "window": _window_dict(self.window),
            "reference_id": self.reference_id,
        }
        for sort in ("firing", "muted", "resolved"):
            plain[sort] = [found.to_dict() for found in getattr(self, sort)]
            plain[f"n_{sort}"] = getattr(self, f"n_{sort}")
        return plain | {
            "n_hushed": self.n_hushed,
            "message": self.message,
            "retraining": self.retraining,
            "proposed": [dict(one) for one in self.proposed],
            "history": list(self.history),
            "links": dict(self.links),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "Notice":
        """Read a notice back; what a later version added is left out."""
        known = {f.name: body[f.name] for f in fields(cls) if f.name in body}
        for sort in ("firing", "muted", "resolved"):
            known[sort] = tuple(Finding.from_dict(found) for found in body[sort])
        stretch = body["window"]
        return cls(
            **known
            | {
                "reason": Reason(body["reason"]),
                "proposed": tuple(body.get("proposed", ())),
                "history": tuple(body.get("history", ())),
                "created": parse_time(body["created"]),
                "window": stretch
                and Window(parse_time(stretch["start"]), parse_time(stretch["end"])),
            }
        )


def _more(n: int, shown: int, sort: str) -> list[str]:
    """Say how many are not spelled out."""
    return [f"and {n - shown:,} more {sort}"] if n > shown else []


def _window_dict(window: Window | None) -> dict[str, str] | None:
    """Return a window as JSON types."""
    if window is None:
        return None
    return {"start": rfc3339(window.start), "end": rfc3339(window.end)}


Past = Callable[[Incident], tuple[float, ...]]
"""Says what an incident's check measured in the windows before, oldest first."""


def no_past(incident: Incident) -> tuple[float, ...]:
    """Know of no windows before."""
    del incident
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a notice says beside its incidents; `past` is asked where one is made."""

    model_version: str | None = None
    window: Window | None = None
    reference_id: str | None = None
    retraining: str | None = None
    proposed: tuple[Mapping[str, str], ...] = ()
    past: Past = no_past
    links: Mapping[str, str] = field(default_factory=dict)


def notify(  # noqa: PLR0913 - everything that a notice depends on
    group: Group,
    told: Told | None,
    *,
    action: str,
    routing: Routing,
    context: Context,
    now: datetime,
) -> Delivery | None:
    """Return the delivery that tells an action about a group, or None for silence."""
    reason = reason_to_send(group, told, now, routing)
    if reason is None:
        return None
    mine = group.heard_by(routing, told)
    firing = frozenset(incident.id for incident in mine.firing)
    # What was heard of and is muted now goes on: its end is still to be told.
    heard = told.incident_ids if told else frozenset()
    kept_back = (*mine.muted, *mine.hushed)
    firing |= heard & {incident.id for incident, _ in kept_back}
    # Windows that are caught up at one moment may each have the same to tell.
    what = (reason, rfc3339(now), str(context.window), *sorted(firing))
    notice = Notice(
        id=delivery_id(group.model, group.monitor, action, *what),
        model=group.model,
        monitor=group.monitor,
        reason=reason,
        created=now,
        model_version=context.model_version,
        window=context.window,
        reference_id=context.reference_id,
        firing=tuple(Finding.of(i) for i in mine.firing[:SHOWN]),
        muted=tuple(Finding.of(i, cause) for i, cause in mine.muted[:SHOWN]),
        resolved=tuple(Finding.of(i) for i in mine.resolved[:SHOWN]),
        n_firing=len(mine.firing),
        n_muted=len(mine.muted),
        n_resolved=len(mine.resolved),
        n_hushed=len(mine.hushed),
        retraining=context.retraining,
        proposed=context.proposed,
        history=_history(mine.firing, context.past),
        links=context.links,
    )
    return deliver_to(action, notice, firing)


def _history(firing: Sequence[Incident], past: Past) -> tuple[float, ...]:
    """Return the last windows' values of the worst incident's check, with its own."""
    found = firing[0].verdict.statistic if firing else None
    if found is None or not math.isfinite(found.value):
        return ()
    return (*past(firing[0]), found.value)[-PICTURED:]


def attention(  # noqa: PLR0913 - everything that a notice depends on
    message: str,
    *,
    about: str,
    model: str,
    monitor: str,
    action: str,
    now: datetime,
    context: Context | None = None,
) -> Delivery:
    """Return the delivery of a message that is no incident: a dead letter, say.

    `about` is the id of what it is about: one message per thing and action.
    """
    context = context or Context()
    notice = Notice(
        id=delivery_id(model, monitor, action, Reason.ATTENTION, about),
        model=model,
        monitor=monitor,
        reason=Reason.ATTENTION,
        created=now,
        model_version=context.model_version,
        window=context.window,
        reference_id=context.reference_id,
        message=message,
        proposed=context.proposed,
        links=context.links,
    )
    return deliver_to(action, notice, frozenset())


def deliver_to(action: str, notice: Notice, incident_ids: frozenset[str]) -> Delivery:
    """Address a notice to an action.

    A message that is no incident keeps to a group of its own: it must neither wait
    for, nor be threaded with, nor count as news of the incidents.
    """
    group = f"{notice.model}/{notice.monitor}"
    aside = notice.reason is Reason.ATTENTION
    return Delivery(
        id=notice.id,
        action=action,
        kind=Kind.NOTICE,
        group=f"{group}/{notice.id}" if aside else group,
        model=notice.model,
        monitor=notice.monitor,
        reason=notice.reason,
        body=notice.to_dict(),
        created=notice.created,
        incident_ids=incident_ids,
    )


def delivery_id(*parts: str) -> str:
    """Return the id that these parts always give, in an alphabet every target takes.

    >>> delivery_id("a", "bc") == delivery_id("ab", "c"), len(delivery_id("a"))
    (False, 32)
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
