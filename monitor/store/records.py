"""What the store keeps and gives back: plain values, never rows of a database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from checks.verdict import Status, Verdict
from monitor.action import Delivery
from monitor.incident import Move
from monitor.retraining import Retraining
from monitor.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What a decision leads to; it commits with the decision or not at all."""

    moves: tuple[Move, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    retrainings: tuple[Retraining, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation of one window by one monitor, with its verdicts.

    `rows` were in the window, `sampled` of them are in the kept row sample. `cause`
    says why nothing could be evaluated and is None otherwise. `seconds` is how long
    it took; the hashes name the input and the configuration that gave this answer.
    """

    model: str
    monitor: str
    window: Window
    model_version: str | None
    reference_id: str | None
    status: Status
    evaluated: datetime
    rows: int = 0
    sampled: int = 0
    seconds: float = 0.0
    cause: str | None = None
    profile_hash: str | None = None
    config_hash: str | None = None
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a check measured on the window that began at `start`, without the rest."""

    start: datetime
    value: float
    at_reference: float | None
    at_current: float | None


LEARNED = ""
"""The monitor under whose name the looks stand from which delays are learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What was seen at `as_of` of the labels of a window's predictions.

    `content` is how long they took (`checks.delays`), `maturity` the share of those
    that will come which had come, None where it is not known; `newest` when the last
    one came. A look that delays are learned from stands under LEARNED.
    """

    model: str
    monitor: str
    window: Window
    as_of: datetime
    rows: int
    labelled: int
    content: bytes
    maturity: float | None = None
    newest: datetime | None = None

    @property
    def coverage(self) -> float:
        """The share of the predictions whose labels had come."""
        return self.labelled / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run and all that commits with it."""

    run: Run
    profile: bytes | None = None
    sample: bytes | None = None
    errors: bytes | None = None
    arrival: Arrival | None = None
    consequences: Consequences = Consequences()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReference:
    """A frozen reference: its content's hash is its id, bound to a model version.

    `name` tells the references of one version apart (`training`).
    """

    id: str
    model: str
    version: str
    created: datetime
    content: bytes
    name: str = "training"
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A model's performance in a period, as the labels known at `as_of` show it.

    A later look at the same period is another revision, counted from 1 by the store;
    none is ever overwritten. `rows` were predicted, `labelled` of them have labels.
    """

    model: str
    model_version: str | None
    period: Window
    as_of: datetime
    rows: int
    labelled: int
    status: Status
    verdicts: tuple[Verdict, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 0

    @property
    def coverage(self) -> float:
        """The share of the predictions whose labels have come."""
        return self.labelled / self.rows if self.rows else 0.0


class Outcome(StrEnum):
    """How a delivery, or one attempt at it, has ended."""

    HELD = "held"
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"
    UNKNOWN = "unknown"
    UNHEARD = "unheard"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a delivery; no outcome when the daemon died in the middle of it."""

    number: int
    started: datetime
    ended: datetime | None
    outcome: Outcome | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A delivery in the outbox and what has become of it.

    HELD until a person releases it, or it is WITHDRAWN; PENDING until it is DELIVERED;
    DEAD when it never will be; UNKNOWN when nobody can know; UNHEARD for an all clear
    whose alarm never got through.
    """

    delivery: Delivery
    outcome: Outcome
    next_attempt: datetime
    settled: datetime | None
    remote_id: str | None
    detail: str
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something that was done, by whom, to what."""

    at: datetime
    actor: str
    event: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on something, for a while; a later holder's token is higher."""

    name: str
    token: int
