"""Recipients: stand-ins for a config's actions, which take note and send nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from checks.verdict import Family
from monitor.action import Action, Delivery, Kind, Receipt
from monitor.clock import Clock
from monitor.incident import Key
from monitor.notice import SHOWN
from monitor.parts import Trains
from monitor.replay.script import named
from monitor.retraining import RetrainPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one action was given: news for people, or work for a pipeline.

    `firing` of a retraining is what speaks for it. Beyond as many as a notice spells
    out, incidents are a number.
    """

    at: datetime
    to: str
    reason: str
    firing: tuple[str, ...] | int = ()
    muted: tuple[str, ...] | int = ()
    resolved: tuple[str, ...] | int = ()
    hushed: int = 0
    lines: tuple[str, ...] = ()

    @classmethod
    def of(cls, delivery: Delivery, at: datetime) -> "Sent":
        """Return what a delivery says."""
        body = delivery.body
        if delivery.kind is Kind.RETRAINING:
            return cls(
                at=at,
                to=delivery.action,
                reason=delivery.reason,
                firing=_names(body, "evidence"),
                lines=(str(body["reason"]),),
            )
        return cls(
            at=at,
            to=delivery.action,
            reason=delivery.reason,
            firing=_names(body, "firing"),
            muted=_names(body, "muted"),
            resolved=_names(body, "resolved"),
            hushed=int(body["n_hushed"]),
            lines=(str(body["headline"]), *body["lines"]),
        )


def _names(body: Mapping[str, Any], sort: str) -> tuple[str, ...] | int:
    number: int = body[f"n_{sort}"]
    if number > SHOWN:
        return number
    return tuple(named(_key(found)) for found in body[sort])


def _key(found: Mapping[str, Any]) -> Key:
    return Key(
        model="",
        monitor="",
        family=Family(found["family"]),
        check=found["check"],
        column=found["column"],
        segment=found["segment"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What all recipients were given, in order."""

    clock: Clock
    written: list[Sent] = field(default_factory=list)

    def note(self, delivery: Delivery) -> Receipt:
        """Write down what was given."""
        self.written.append(Sent.of(delivery, self.clock.now()))
        return Receipt()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Stands in for an action that tells people."""

    name: str
    type: str
    on: frozenset[Family]
    book: Book
    takes: Kind = Kind.NOTICE
    idempotent: bool = True

    def perform(self, delivery: Delivery) -> Receipt:
        """Take note."""
        return self.book.note(delivery)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Stands in for an action that asks for retraining."""

    name: str
    type: str
    on: frozenset[Family]
    policy: RetrainPolicy
    book: Book
    takes: Kind = Kind.RETRAINING
    idempotent: bool = True

    def perform(self, delivery: Delivery) -> Receipt:
        """Take note."""
        return self.book.note(delivery)


def recipients(actions: Iterable[Action], book: Book) -> dict[str, Action]:
    """Return a stand-in for each action, by name."""
    made: dict[str, Action] = {}
    for one in actions:
        if isinstance(one, Trains):
            made[one.name] = Pipeline(
                name=one.name, type=one.type, on=one.on, policy=one.policy, book=book
            )
        else:
            made[one.name] = Listener(
                name=one.name, type=one.type, on=one.on, takes=one.takes, book=book
            )
    return made
