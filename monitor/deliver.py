"""Delivery: takes what is due from the outbox, hands it to its action, and records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from traceback import extract_tb

from monitor.action import Action, Delivery, Kind, Receipt, Searchable
from monitor.clock import Clock
from monitor.errors import ActionError, StoreError
from monitor.logs import logger
from monitor.notice import Reason, attention
from monitor.store import Outcome, Store

log = logger(__name__)

SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        0,
        5,
        5 * 60,
        30 * 60,
        2 * 3600,
        5 * 3600,
        10 * 3600,
        14 * 3600,
        20 * 3600,
        24 * 3600,
    )
)
"""The wait before each attempt: the schedule that Standard Webhooks recommends."""

JITTER = 0.1
"""The share by which a wait varies, so that retries do not march in step."""

LONGEST_WAIT = timedelta(hours=24)
"""The most that a receiver's Retry-After can put an attempt off."""

LEASE = timedelta(minutes=2)
"""How long an attempt may take before another may try; a request takes 30 s at most."""


OUTAGE = (1, 2, 4, 8, 16)
"""Seconds before each new try to record how an attempt ended."""


def next_attempt(
    attempt: int, now: datetime, retry_after: float | None, rng: Random
) -> datetime | None:
    """Return when to try again after that many attempts; None when all are used up.

    Never earlier than the receiver asked for with Retry-After, up to `LONGEST_WAIT`.

    >>> from datetime import UTC
    >>> noon = datetime(2013, 5, 1, 12, tzinfo=UTC)
    >>> wait = next_attempt(1, noon, 60.0, Random(1)) - noon
    >>> wait.total_seconds(), next_attempt(10, noon, None, Random(1))
    (60.0, None)
    """
    if attempt >= len(SCHEDULE):
        return None
    wait = SCHEDULE[attempt] * rng.uniform(1 - JITTER, 1 + JITTER)
    if retry_after is not None:
        asked = timedelta(seconds=min(retry_after, LONGEST_WAIT.total_seconds()))
        wait = max(wait, asked)
    return now + wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How the deliveries of one round ended."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """How many attempts were made."""
        return self.delivered + self.failed + self.dead + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """What went wrong in one attempt, with the answers that delivery needs."""

    detail: str
    permanent: bool = False
    ambiguous: bool = False
    retry_after: float | None = None


def deliver_due(  # noqa: PLR0913 - a shell takes the world as arguments
    store: Store,
    actions: Mapping[str, Action],
    *,
    clock: Clock,
    rng: Random,
    limit: int = 100,
    lease: timedelta = LEASE,
) -> Counts:
    """Make one attempt at each delivery that is due, at most `limit`, in order.

    They are claimed one at a time, so that a slow receiver does not let the leases of
    the others run out. A crash after an attempt and before its record leads to a
    repeat with the same id and body, never to a loss; where a repeat could do harm (a
    retraining at a target that is not idempotent) the outcome is recorded as unknown
    and people are told instead.
    """
    tally = dict.fromkeys(Outcome, 0)
    for _ in range(limit):
        claimed = store.claim_due(clock.now(), 1, lease)
        if not claimed:
            break
        tally[_deliver(store, actions, claimed[0], clock, rng)] += 1
    return Counts(
        delivered=tally[Outcome.DELIVERED],
        failed=tally[Outcome.FAILED],
        dead=tally[Outcome.DEAD],
        unknown=tally[Outcome.UNKNOWN],
    )


def _deliver(
    store: Store,
    actions: Mapping[str, Action],
    delivery: Delivery,
    clock: Clock,
    rng: Random,
) -> Outcome:
    """Make one attempt and record how it ended."""
    action = actions.get(delivery.action)
    ended = _attempt(action, delivery)
    now = clock.now()
    words = log.bind(
        delivery=delivery.id,
        action=delivery.action,
        kind=delivery.kind.value,
        reason=delivery.reason,
        attempt=delivery.attempt,
    )
    if isinstance(ended, Receipt):
        _kept(lambda: store.delivered(delivery, ended, now), clock)
        words.info("delivered", remote_id=ended.remote_id)
        return Outcome.DELIVERED
    again = next_attempt(delivery.attempt, now, ended.retry_after, rng)
    doubtful = ended.ambiguous and not _repeatable(action, delivery)
    settles = _settles(action)
    if doubtful and settles is not None and again is not None:
        # What it took shows only after a while: to look earlier is to find nothing.
        again = max(again, now + settles)
    elif doubtful:
        told = _tell_others(actions, delivery, _DOUBT, ended.detail, now)
        _kept(lambda: store.unknown(delivery, now, ended.detail, told), clock)
        words.error("delivery_unknown", detail=ended.detail, told=len(told))
        return Outcome.UNKNOWN
    if ended.permanent or again is None:
        told = _tell_others(actions, delivery, _LOSS, ended.detail, now)
        _kept(lambda: store.dead(delivery, now, ended.detail, told), clock)
        words.error("delivery_dead", detail=ended.detail, told=len(told))
        return Outcome.DEAD
    _kept(lambda: store.failed(delivery, now, ended.detail, again), clock)
    words.warning("delivery_failed", detail=ended.detail, next_attempt=str(again))
    return Outcome.FAILED


def _kept(record: Callable[[], bool], clock: Clock) -> None:
    """Record how an attempt ended, through an outage of the store if it is short.

    What is not recorded is done again, or nobody knows of it. Raises StoreError when
    the outage lasts: the delivery's lease will soon be another's.
    """
    for wait in OUTAGE:
        try:
            record()
        except StoreError as error:
            log.warning("delivery_not_recorded", cause=str(error), next_try=wait)
            clock.sleep(wait)
        else:
            return
    record()


def _attempt(action: Action | None, delivery: Delivery) -> Receipt | _Failure:
    """Perform a delivery; whatever happens comes back as a value."""
    if action is None:
        detail = f"the config has no action named {delivery.action!r}"
        return _Failure(detail=detail, permanent=True)
    try:
        if not _repeatable(action, delivery) and delivery.attempt > 1:
            if isinstance(action, Searchable) and action.settles is not None:
                found = _searched(action, delivery)
                if found is not None:
                    return found
            elif delivery.interrupted:
                detail = "the daemon stopped in the middle of an earlier attempt"
                return _Failure(detail=detail, ambiguous=True)
        return action.perform(delivery)
    except ActionError as error:
        return _Failure(
            detail=str(error),
            permanent=error.permanent,
            ambiguous=error.ambiguous,
            retry_after=error.retry_after,
        )
    except Exception as error:  # noqa: BLE001 - one mistake must not stop the others
        # Its text may hold anything, secrets too: only its kind and place are kept.
        # Nobody knows how far it came.
        kind, place = type(error).__name__, extract_tb(error.__traceback__)[-1]
        at = f"{Path(place.filename).name}:{place.lineno}"
        log.error("action_raised", action=action.name, error=kind, at=at)  # noqa: TRY400 - the trace may show a secret
        return _Failure(detail=f"the action broke off with {kind}", ambiguous=True)


def _settles(action: object) -> timedelta | None:
    """Return when a target shows what it took; None where it cannot be searched."""
    return action.settles if isinstance(action, Searchable) else None


def _searched(action: Searchable, delivery: Delivery) -> Receipt | _Failure | None:
    """Look for what an earlier attempt left; None where it is known to be nothing."""
    try:
        return action.find(delivery)
    except ActionError as error:
        detail = f"whether an earlier attempt got through cannot be seen: {error}"
        # Refused or not, a look that fails leaves open what there is to see.
        return _Failure(detail=detail, ambiguous=True, retry_after=error.retry_after)


def _repeatable(action: Action | None, delivery: Delivery) -> bool:
    """Tell whether doing it twice does no harm: news always, work only where keyed."""
    if delivery.kind is Kind.NOTICE or action is None:
        return True
    return action.idempotent


_LOSS = "could not be delivered by action {action!r} and was given up"
_DOUBT = "may or may not have reached action {action!r}; look before you ask again"


def _tell_others(
    actions: Mapping[str, Action],
    delivery: Delivery,
    story: str,
    detail: str,
    now: datetime,
) -> list[Delivery]:
    """Return the notices that tell people elsewhere what became of a delivery.

    Never by the action that failed, and never about such a notice itself: two broken
    actions would tell each other of it for ever.
    """
    if delivery.reason == Reason.ATTENTION:
        return []
    what = (
        f"retraining {delivery.id}"
        if delivery.kind is Kind.RETRAINING
        else f"notice {delivery.id} ({delivery.reason})"
    )
    message = f"{what} {story.format(action=delivery.action)}: {detail}"
    return [
        attention(
            message,
            about=f"{delivery.id}/{delivery.attempt}",
            model=delivery.model,
            monitor=delivery.monitor,
            action=name,
            now=now,
        )
        for name, action in sorted(actions.items())
        if name != delivery.action and action.takes is Kind.NOTICE
    ]
