"""What people decide of retrainings: yes, no, and that they have looked."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from monitor.retraining import State
from monitor.store import outbox, retrainings, rows
from monitor.store.journal import note
from monitor.store.records import AuditEntry
from monitor.store.tables import audit, retraining

BREAKER_CLOSED = "retraining_breaker_closed"
"""The audit's word for a circuit breaker that a person has closed."""


class Approvals:
    """The decisions of people, each in one transaction; all raise StoreError."""

    def __init__(
        self, transaction: Callable[..., AbstractContextManager[Connection]]
    ) -> None:
        """Take the way to a transaction of the store."""
        self._transaction = transaction

    def approve(self, retraining_id: str, now: datetime, *, actor: str) -> bool:
        """Let a proposed retraining be asked for; False where none is proposed."""
        with self._transaction(writes=True) as connection:
            moved = _moved(connection, retraining_id, State.REQUESTED, now, actor)
            return moved and outbox.release(connection, retraining_id, now)

    def decline(self, retraining_id: str, now: datetime, *, actor: str) -> bool:
        """Let a proposed retraining be; False where none is proposed."""
        with self._transaction(writes=True) as connection:
            moved = _moved(connection, retraining_id, State.REFUSED, now, actor)
            return moved and outbox.withdraw(connection, retraining_id, now, "declined")

    def close_breaker(
        self, model: str, action: str, now: datetime, *, actor: str
    ) -> None:
        """Let an action ask for retrainings again after useless ones."""
        entry = AuditEntry(
            at=now, actor=actor, event=BREAKER_CLOSED, subject=_breaker(model, action)
        )
        with self._transaction(writes=True) as connection:
            note(connection, entry)

    def breaker_closed(self, model: str, action: str) -> datetime | None:
        """Return when a person last closed a circuit breaker, or None."""
        wanted = select(func.max(audit.c.at)).where(
            audit.c.event == BREAKER_CLOSED, audit.c.subject == _breaker(model, action)
        )
        with self._transaction(writes=False) as connection:
            found: datetime | None = connection.scalar(wanted)
        return found


def _breaker(model: str, action: str) -> str:
    """Name a circuit breaker: there is one for each model and action."""
    return f"{model}/{action}"


def _moved(
    connection: Connection, name: str, state: State, now: datetime, actor: str
) -> bool:
    """Move a proposed retraining by a person's word; False where there is none."""
    wanted = select(retraining).where(
        retraining.c.id == name, retraining.c.state == State.PROPOSED.value
    )
    row = connection.execute(wanted).mappings().first()
    if row is None:
        return False
    detail = "approved" if state is State.REQUESTED else "declined"
    proposed = rows.retraining_of(row)
    decided = replace(proposed, state=state, changed=now, detail=detail)
    retrainings.put(connection, [decided], actor)
    return True
