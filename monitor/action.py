"""The port to the outside: what a delivery is, and what an action must offer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from checks.verdict import Family
from monitor.incident import Incident


class Kind(StrEnum):
    """What a delivery carries: news for people, or work for a pipeline."""

    NOTICE = "notice"
    RETRAINING = "retraining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing to be delivered by one action, the same at each attempt.

    `id` and `body` are fixed when it is put into the outbox: a repeat carries both
    unchanged, so that a receiver can tell it from news. For a notice the body is
    `Notice.to_dict()`, for a retraining `retraining.request(...)`, and its id is the
    retraining's. Deliveries of one `group` (a model's monitor) reach an action in the
    order in which they were made; `memory` is what the receipts before it in the
    group left (a Slack thread, say), and empty after a resolve.

    `reason` and `incident_ids` are what the receiver will have been told: the ids that
    it then knows to be firing. `attempt` counts from 1; `interrupted` says that an
    earlier attempt began and nobody knows how it ended. What is `held` when it is put
    into the outbox waits there until a person releases it.
    """

    id: str
    action: str
    kind: Kind
    group: str
    model: str
    monitor: str
    reason: str
    body: Mapping[str, Any]
    created: datetime
    incident_ids: frozenset[str] = frozenset()
    attempt: int = 0
    interrupted: bool = False
    held: bool = False
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an action brings back: the receiver's own id, and what to remember.

    `memory` is laid over the delivery's and handed to the group's next delivery.
    """

    remote_id: str | None = None
    detail: str = ""
    memory: Mapping[str, Any] = field(default_factory=dict)


class Stage(StrEnum):
    """How far a target says that the work it took has come."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a target says of the work it took."""

    stage: Stage
    detail: str = ""


class Action(Protocol):
    """Something that delivers, to people or to machines.

    `idempotent` promises that the receiver takes two deliveries with one id for one;
    `takes` is the kind of delivery it is made for.
    """

    @property
    def name(self) -> str:
        """The name it has in the user's config."""
        ...

    @property
    def type(self) -> str:
        """The kind of action: `slack`, `webhook`, `log`, `retrain`."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether the receiver takes a repeat with the same id for the same thing."""
        ...

    @property
    def takes(self) -> Kind:
        """The kind of delivery it is made for."""
        ...

    @property
    def on(self) -> frozenset[Family]:
        """The families of incidents that concern it."""
        ...

    def perform(self, delivery: Delivery) -> Receipt:
        """Deliver it once; raises ActionError and nothing else on purpose."""
        ...


@runtime_checkable
class Searchable(Protocol):
    """An action whose target knows no key, but can be searched for what it took.

    Before any repeat the target is searched, so that an answer that was lost leads to
    no second run.
    """

    @property
    def settles(self) -> timedelta | None:
        """How long the target may take to list what it has taken.

        None where it cannot be searched after all, for want of a right, say.
        """
        ...

    def find(self, delivery: Delivery) -> Receipt | None:
        """Return what an earlier attempt left at the target; None for nothing.

        Raises ActionError where that cannot be known now.
        """
        ...


@runtime_checkable
class Followable(Protocol):
    """An action whose target can be asked how the work it took goes on."""

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Return how far the work has come; None where the target does not say.

        Raises ActionError where it cannot be asked now.
        """
        ...


@runtime_checkable
class Refreshable(Protocol):
    """An action whose receiver forgets what fires unless it is told again."""

    @property
    def every(self) -> timedelta:
        """How often it has to be told."""
        ...

    def refresh(self, incidents: Iterable[Incident]) -> int:
        """Tell how incidents stand, firing or ended; return of how many.

        Raises ActionError.
        """
        ...
