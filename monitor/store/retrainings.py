"""The SQL of retrainings, each step of which leaves a line in the audit."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from monitor import retraining
from monitor.retraining import Retraining, State
from monitor.store import rows
from monitor.store.journal import note
from monitor.store.records import AuditEntry
from monitor.store.tables import retraining as table


def put(
    connection: Connection, made: Iterable[Retraining], actor: str = "driftd"
) -> None:
    """Write retrainings as they stand; a known one only if it has moved on since."""
    for one in made:
        row = rows.retraining_row(one)
        known = connection.scalar(select(table.c.state).where(table.c.id == one.id))
        if known is None:
            connection.execute(insert(table).values(row))
        elif one.state.follows(State(known)):
            connection.execute(update(table).where(table.c.id == one.id).values(row))
        else:
            continue
        entry = AuditEntry(
            at=one.changed,
            actor=actor,
            event=f"retraining_{one.state}",
            subject=one.id,
            detail=one.detail or one.evidence,
        )
        note(connection, entry)


def advance(  # noqa: PLR0913 - a row's new state
    connection: Connection,
    name: str,
    state: State,
    now: datetime,
    *,
    remote_id: str | None = None,
    detail: str = "",
    actor: str = "driftd",
) -> Retraining | None:
    """Move a retraining one step on; None when there is none of that id.

    A late word of an earlier step changes nothing.
    """
    wanted = select(table).where(table.c.id == name)
    row = connection.execute(wanted).mappings().first()
    if row is None:
        return None
    old = rows.retraining_of(row)
    new = retraining.moved(old, state, now, remote_id=remote_id, detail=detail)
    if new is not old:
        put(connection, [new], actor)
    return new


def again(connection: Connection, name: str, now: datetime) -> None:
    """Take up a retraining that failed because its request never arrived."""
    wanted = select(table).where(table.c.id == name)
    row = connection.execute(wanted).mappings().first()
    if row is None or row["state"] != State.FAILED.value:
        return
    detail = "its request is sent once more"
    asked = {"state": State.REQUESTED.value, "changed": now, "detail": detail}
    connection.execute(update(table).where(table.c.id == name).values(asked))
    event = f"retraining_{State.REQUESTED}"
    entry = AuditEntry(at=now, actor="driftd", event=event, subject=name, detail=detail)
    note(connection, entry)


def of(connection: Connection, model: str | None) -> list[Retraining]:
    """Return a model's retrainings (or all), the oldest first."""
    wanted = select(table).order_by(table.c.requested, table.c.id)
    if model is not None:
        wanted = wanted.where(table.c.model == model)
    return [rows.retraining_of(row) for row in connection.execute(wanted).mappings()]


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """Count the retrainings by model and state."""
    by = (table.c.model, table.c.state)
    wanted = select(*by, func.count()).group_by(*by)
    return {(model, state): n for model, state, n in connection.execute(wanted)}
