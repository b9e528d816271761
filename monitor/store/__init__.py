"""The daemon's memory: runs, incidents, the outbox and what else must survive."""

from monitor.store.records import (
    Attempt,
    AuditEntry,
    Consequences,
    Evaluation,
    Outcome,
    Posted,
    Run,
    RunRecord,
    StoredReference,
)
from monitor.store.store import Store

__all__ = [
    "Attempt",
    "AuditEntry",
    "Consequences",
    "Evaluation",
    "Outcome",
    "Posted",
    "Run",
    "RunRecord",
    "Store",
    "StoredReference",
]
