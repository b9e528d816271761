"""The SQL of the outbox: what is to be delivered, who tries, and how it ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    func,
    insert,
    or_,
    select,
    update,
)

from monitor.action import Delivery, Receipt
from monitor.notice import Reason, Told
from monitor.store import rows
from monitor.store.records import Attempt, Outcome, Posted
from monitor.store.tables import attempt, outbox

HELD = (Outcome.PENDING.value, Outcome.DELIVERED.value)
"""Outcomes of a notice that its receiver has, or will have, heard."""


def post(connection: Connection, deliveries: Iterable[Delivery]) -> None:
    """Put deliveries into the outbox; one that is there already stays as it is."""
    for delivery in deliveries:
        row = rows.delivery_row(delivery)
        known = select(outbox.c.seq).where(outbox.c.id == delivery.id)
        if connection.scalar(known) is None:
            connection.execute(insert(outbox).values(row))


def told(connection: Connection, group: str, action: str) -> Told | None:
    """Return what an action was last told about a group, or None.

    A delivery under way counts, for it will arrive; a dead one does not.
    """
    wanted = (
        select(outbox.c.reason, outbox.c.incident_ids, outbox.c.created)
        .where(
            outbox.c.action == action,
            outbox.c.group == group,
            outbox.c.kind == "notice",
            outbox.c.outcome.in_(HELD),
        )
        .order_by(outbox.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(wanted).first()
    if row is None:
        return None
    return Told(incident_ids=frozenset(row[1]), reason=Reason(row[0]), at=row[2])


def claim(
    connection: Connection, now: datetime, limit: int, lease: timedelta
) -> list[Delivery]:
    """Claim deliveries that are due, each for the time of a lease.

    Only the oldest of a group that is still pending can be claimed: an all clear does
    not overtake its alarm. An all clear whose alarm never got through is dropped.
    """
    claimed: list[Delivery] = []
    while len(claimed) < limit:
        wanted = _claimable(now).order_by(outbox.c.next_attempt, outbox.c.seq)
        row = connection.execute(wanted.limit(1)).mappings().first()
        if row is None:
            break
        if _unheard(connection, row):
            _settle(
                connection, row["id"], Outcome.UNHEARD, now, "nobody heard it start"
            )
        else:
            claimed += _claim_one(connection, row, now, lease)
    return claimed


def _claimable(now: datetime) -> Any:  # noqa: ANN401 - SQLAlchemy's own
    """Return the query for rows that may be claimed now."""
    earlier = outbox.alias()
    waits = (
        select(earlier.c.seq)
        .where(
            earlier.c.action == outbox.c.action,
            earlier.c.group == outbox.c.group,
            earlier.c.outcome == Outcome.PENDING.value,
            earlier.c.seq < outbox.c.seq,
        )
        .exists()
    )
    return select(outbox).where(
        outbox.c.outcome == Outcome.PENDING.value,
        outbox.c.next_attempt <= now,
        _free(now),
        ~waits,
    )


def _free(now: datetime) -> ColumnElement[bool]:
    """Say that nobody holds a lease on a row."""
    return or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now)


def _claim_one(
    connection: Connection, row: rows.Row, now: datetime, lease: timedelta
) -> list[Delivery]:
    """Take the lease on one row, unless another has just taken it."""
    number = row["attempts"] + 1
    taken = connection.execute(
        update(outbox)
        .where(
            outbox.c.id == row["id"],
            outbox.c.outcome == Outcome.PENDING.value,
            outbox.c.attempts == row["attempts"],
            _free(now),
        )
        .values(attempts=number, leased_until=now + lease)
    )
    if taken.rowcount == 0:
        return []
    interrupted = _interrupted(connection, row)
    started = {"delivery": row["id"], "number": number, "started": now, "detail": ""}
    connection.execute(insert(attempt).values(started))
    memory = _memory(connection, row)
    numbered = {**row, "attempts": number}
    return [rows.delivery_of(numbered, memory=memory, interrupted=interrupted)]


def _interrupted(connection: Connection, row: rows.Row) -> bool:
    """Tell whether the attempt before began and has no outcome."""
    wanted = select(attempt.c.number).where(
        attempt.c.delivery == row["id"],
        attempt.c.number == row["attempts"],
        attempt.c.outcome.is_(None),
    )
    return connection.scalar(wanted) is not None


def _before(row: rows.Row) -> tuple[ColumnElement[bool], ...]:
    """Say which rows come before one, in its group."""
    return (
        outbox.c.action == row["action"],
        outbox.c.group == row["group"],
        outbox.c.seq < row["seq"],
    )


def _memory(connection: Connection, row: rows.Row) -> Mapping[str, Any]:
    """Return what the group's last receipt left; nothing after an all clear."""
    wanted = (
        select(outbox.c.reason, outbox.c.memory)
        .where(*_before(row), outbox.c.outcome == Outcome.DELIVERED.value)
        .order_by(outbox.c.seq.desc())
        .limit(1)
    )
    last = connection.execute(wanted).first()
    if last is None or last[0] == Reason.RESOLVED:
        return {}
    memory: Mapping[str, Any] = last[1]
    return memory


def _unheard(connection: Connection, row: rows.Row) -> bool:
    """Tell whether a row is an all clear that follows no alarm that got through."""
    if row["reason"] != Reason.RESOLVED:
        return False
    # An all clear that was lost has ended nothing for those who heard the alarm.
    clear = select(func.max(outbox.c.seq)).where(
        *_before(row),
        outbox.c.reason == Reason.RESOLVED.value,
        outbox.c.outcome == Outcome.DELIVERED.value,
    )
    since = connection.scalar(clear) or 0
    heard = select(outbox.c.seq).where(
        *_before(row),
        outbox.c.seq > since,
        outbox.c.outcome == Outcome.DELIVERED.value,
    )
    return connection.scalar(heard.limit(1)) is None


def _settle(
    connection: Connection, name: str, outcome: Outcome, now: datetime, detail: str
) -> bool:
    """End a pending delivery; False when another has ended it."""
    done = connection.execute(
        update(outbox)
        .where(outbox.c.id == name, outbox.c.outcome == Outcome.PENDING.value)
        .values(outcome=outcome.value, settled=now, detail=detail, leased_until=None)
    )
    return done.rowcount == 1


def delivered(
    connection: Connection, delivery: Delivery, receipt: Receipt, now: datetime
) -> bool:
    """Record that a delivery arrived; False when it was settled already.

    Whoever delivered it may say so, even after its lease: it did arrive.
    """
    _end(connection, delivery, Outcome.DELIVERED, now, receipt.detail)
    if not _settle(connection, delivery.id, Outcome.DELIVERED, now, receipt.detail):
        return False
    connection.execute(
        update(outbox)
        .where(outbox.c.id == delivery.id)
        .values(
            remote_id=receipt.remote_id,
            memory={**delivery.memory, **receipt.memory},
        )
    )
    return True


def failed(
    connection: Connection,
    delivery: Delivery,
    now: datetime,
    detail: str,
    next_attempt: datetime,
) -> bool:
    """Record a failed attempt and when to try again; False for a lost lease."""
    _end(connection, delivery, Outcome.FAILED, now, detail)
    put_back = connection.execute(
        update(outbox)
        .where(
            outbox.c.id == delivery.id,
            outbox.c.outcome == Outcome.PENDING.value,
            outbox.c.attempts == delivery.attempt,
        )
        .values(next_attempt=next_attempt, leased_until=None, detail=detail)
    )
    return put_back.rowcount == 1


def give_up(
    connection: Connection,
    delivery: Delivery,
    outcome: Outcome,
    now: datetime,
    detail: str,
) -> bool:
    """Record that a delivery is dead or unknown; False for a lost lease."""
    _end(connection, delivery, outcome, now, detail)
    held = select(outbox.c.attempts).where(outbox.c.id == delivery.id)
    if connection.scalar(held) != delivery.attempt:
        return False
    return _settle(connection, delivery.id, outcome, now, detail)


def _end(
    connection: Connection,
    delivery: Delivery,
    outcome: Outcome,
    now: datetime,
    detail: str,
) -> None:
    """Record how one attempt ended."""
    connection.execute(
        update(attempt)
        .where(attempt.c.delivery == delivery.id, attempt.c.number == delivery.attempt)
        .values(ended=now, outcome=outcome.value, detail=detail)
    )


def replay(connection: Connection, name: str, now: datetime) -> bool:
    """Send a dead or unknown delivery again, with the same id and body."""
    revived = connection.execute(
        update(outbox)
        .where(
            outbox.c.id == name,
            outbox.c.outcome.in_([Outcome.DEAD.value, Outcome.UNKNOWN.value]),
        )
        .values(outcome=Outcome.PENDING.value, next_attempt=now, settled=None)
    )
    return revived.rowcount == 1


def release(connection: Connection, name: str, now: datetime) -> bool:
    """Let a held delivery go; False where there is none of that id."""
    freed = connection.execute(
        _held(name).values(outcome=Outcome.PENDING.value, next_attempt=now)
    )
    return freed.rowcount == 1


def withdraw(connection: Connection, name: str, now: datetime, detail: str) -> bool:
    """End a held delivery unsent; False where there is none of that id."""
    ended = connection.execute(
        _held(name).values(outcome=Outcome.WITHDRAWN.value, settled=now, detail=detail)
    )
    return ended.rowcount == 1


def _held(name: str) -> Update:
    """Return the update of one delivery that is held."""
    held = outbox.c.outcome == Outcome.HELD.value
    return update(outbox).where(outbox.c.id == name, held)


def read(connection: Connection, limit: int, outcome: Outcome | None) -> list[Posted]:
    """Return the newest deliveries with all attempts at them."""
    wanted = select(outbox).order_by(outbox.c.seq.desc()).limit(limit)
    if outcome is not None:
        wanted = wanted.where(outbox.c.outcome == outcome.value)
    found = connection.execute(wanted).mappings().all()
    tries: dict[str, list[Attempt]] = {row["id"]: [] for row in found}
    made = select(attempt).where(attempt.c.delivery.in_(tries))
    for row in connection.execute(made.order_by(attempt.c.number)).mappings():
        tries[row["delivery"]].append(rows.attempt_of(row))
    return [rows.posted_of(row, tuple(tries[row["id"]])) for row in found]


def one(connection: Connection, name: str) -> Delivery | None:
    """Return a delivery, whatever became of it, or None."""
    row = connection.execute(select(outbox).where(outbox.c.id == name)).mappings()
    found = row.first()
    return rows.delivery_of(found, memory=found["memory"]) if found else None


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """Count the deliveries by action and outcome."""
    by = (outbox.c.action, outbox.c.outcome)
    wanted = select(*by, func.count()).group_by(*by)
    return {(action, outcome): n for action, outcome, n in connection.execute(wanted)}


def oldest_pending(connection: Connection) -> datetime | None:
    """Return when the delivery that has waited longest was made, or None."""
    waiting = outbox.c.outcome == Outcome.PENDING.value
    oldest = select(outbox.c.created).where(waiting).order_by(outbox.c.created)
    found: datetime | None = connection.scalar(oldest.limit(1))
    return found
