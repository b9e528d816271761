"""The daemon's memory: runs, incidents, the outbox and what else must survive.

What it keeps are plain values; SQLAlchemy is imported where a store is opened.
"""

from typing import TYPE_CHECKING, Any

from monitor.store.records import (
    LEARNED,
    Arrival,
    Attempt,
    AuditEntry,
    Consequences,
    Evaluation,
    Lease,
    Outcome,
    Posted,
    Run,
    RunRecord,
    StoredReference,
)

if TYPE_CHECKING:
    from monitor.store.store import Store

__all__ = [
    "LEARNED",
    "Arrival",
    "Attempt",
    "AuditEntry",
    "Consequences",
    "Evaluation",
    "Lease",
    "Outcome",
    "Posted",
    "Run",
    "RunRecord",
    "Store",
    "StoredReference",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module may hold
    if name == "Store":
        from monitor.store.store import Store  # noqa: PLC0415 - a check needs none

        return Store
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
