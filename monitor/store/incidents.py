"""The SQL of incidents and of the rows that say how they moved."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from monitor.errors import StoreError
from monitor.incident import Incident, Move, State, Transition
from monitor.store import rows
from monitor.store.tables import incident, transition

OPEN = tuple(state.value for state in State if state.open)


def move(connection: Connection, moves: Iterable[Move]) -> None:
    """Write what a run did to its incidents.

    An incident that has ended is never written again. Raises StoreError when another
    writer has ended one meanwhile: the whole decision was made on stale ground.
    """
    for one in moves:
        row = rows.incident_row(one.incident)
        changed = connection.execute(
            update(incident)
            .where(incident.c.id == row["id"], incident.c.state.in_(OPEN))
            .values(row)
        )
        if changed.rowcount == 0:
            _insert(connection, one, row["id"])
        if one.transition is not None:
            made = rows.transition_row(one.transition)
            connection.execute(insert(transition).values(made))


def _insert(connection: Connection, one: Move, name: str) -> None:
    """Insert an incident that has just opened."""
    begins = one.transition is not None and one.transition.old is State.INACTIVE
    known = connection.scalar(select(incident.c.id).where(incident.c.id == name))
    if known is not None or not begins:
        message = f"incident {name} is not open: another writer has ended it"
        raise StoreError(message)
    connection.execute(insert(incident).values(rows.incident_row(one.incident)))


def are_open(
    connection: Connection, model: str | None, monitor: str | None
) -> list[Incident]:
    """Return the pending and firing incidents, the oldest first."""
    wanted = select(incident).where(incident.c.state.in_(OPEN))
    if model is not None:
        wanted = wanted.where(incident.c.model == model)
    if monitor is not None:
        wanted = wanted.where(incident.c.monitor == monitor)
    wanted = wanted.order_by(incident.c.opened, incident.c.id)
    return [rows.incident_of(row) for row in connection.execute(wanted).mappings()]


def named(connection: Connection, names: Collection[str]) -> list[Incident]:
    """Return the incidents of these ids, in whatever state."""
    wanted = select(incident).where(incident.c.id.in_(names)).order_by(incident.c.id)
    return [rows.incident_of(row) for row in connection.execute(wanted).mappings()]


def ended_since(connection: Connection, moment: datetime) -> list[Incident]:
    """Return the incidents that have resolved since a moment, by their ids."""
    wanted = (
        select(incident)
        .where(incident.c.state == State.RESOLVED.value, incident.c.resolved >= moment)
        .order_by(incident.c.id)
    )
    return [rows.incident_of(row) for row in connection.execute(wanted).mappings()]


def newest(connection: Connection, limit: int) -> list[Incident]:
    """Return the incidents that opened last, in whatever state."""
    wanted = select(incident).order_by(incident.c.opened.desc(), incident.c.id)
    found = connection.execute(wanted.limit(limit)).mappings()
    return [rows.incident_of(row) for row in found]


def transitions(connection: Connection, name: str) -> list[Transition]:
    """Return how an incident moved, in order."""
    wanted = select(transition).where(transition.c.incident == name)
    found = connection.execute(wanted.order_by(transition.c.seq)).mappings()
    return [rows.transition_of(row) for row in found]


def counts(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Count the open incidents by model, family and state."""
    by = (incident.c.model, incident.c.family, incident.c.state)
    wanted = select(*by, func.count()).where(incident.c.state.in_(OPEN)).group_by(*by)
    return {
        (model, family, state): n
        for model, family, state, n in connection.execute(wanted)
    }
