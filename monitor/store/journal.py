"""The audit: who did what, and when; lines are added and never changed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, insert, select

from monitor.store import rows
from monitor.store.records import AuditEntry
from monitor.store.tables import audit


class Journal:
    """The lines of the audit, each in a transaction; all raise StoreError."""

    def __init__(
        self, transaction: Callable[..., AbstractContextManager[Connection]]
    ) -> None:
        """Take the way to a transaction of the store."""
        self._transaction = transaction

    def note(self, entry: AuditEntry) -> None:
        """Write a line."""
        with self._transaction(writes=True) as connection:
            note(connection, entry)

    def once(self, entry: AuditEntry, *, since: datetime) -> bool:
        """Write a line; False where one of its event and subject stands since then."""
        with self._transaction(writes=True) as connection:
            before = select(audit.c.seq).where(
                audit.c.at >= since,
                audit.c.event == entry.event,
                audit.c.subject == entry.subject,
            )
            if connection.scalar(before.limit(1)) is not None:
                return False
            note(connection, entry)
        return True

    def newest(self, limit: int = 100) -> list[AuditEntry]:
        """Return the newest lines, the newest first."""
        wanted = select(audit).order_by(audit.c.seq.desc()).limit(limit)
        with self._transaction(writes=False) as connection:
            return [rows.audit_of(row) for row in connection.execute(wanted).mappings()]


def note(connection: Connection, entry: AuditEntry) -> None:
    """Write a line inside a transaction."""
    connection.execute(insert(audit).values(asdict(entry)))
