"""The SQL of model versions, and of the references and evaluations bound to them."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, select

from monitor.store import rows
from monitor.store.records import Evaluation, StoredReference
from monitor.store.tables import evaluation, model_version, reference
from monitor.window import Window


def current(connection: Connection, model: str) -> str | None:
    """Return the version of a model that was seen last, or None."""
    wanted = select(model_version.c.version).where(model_version.c.model == model)
    last = wanted.order_by(model_version.c.seq.desc()).limit(1)
    found: str | None = connection.scalar(last)
    return found


def see(connection: Connection, model: str, version: str, now: datetime) -> bool:
    """Record that a model now has this version; False when it had it already."""
    if current(connection, model) == version:
        return False
    row = {"model": model, "version": version, "seen": now}
    connection.execute(insert(model_version).values(row))
    return True


def history(connection: Connection, model: str) -> list[tuple[str, datetime]]:
    """Return the versions a model has had, with when each was first seen."""
    wanted = select(model_version.c.version, model_version.c.seen)
    wanted = wanted.where(model_version.c.model == model).order_by(model_version.c.seq)
    return [(version, seen) for version, seen in connection.execute(wanted)]


def freeze(connection: Connection, made: StoredReference) -> StoredReference:
    """Keep a reference unless the version has one of that name; return what stands."""
    wanted = select(reference).where(
        reference.c.model == made.model,
        reference.c.version == made.version,
        reference.c.name == made.name,
    )
    row = connection.execute(wanted).mappings().first()
    if row is not None:
        return rows.reference_of(row)
    connection.execute(insert(reference).values(rows.reference_row(made)))
    return made


def reference_by_id(connection: Connection, name: str) -> StoredReference | None:
    """Return a reference of that content hash, or None."""
    wanted = select(reference).where(reference.c.id == name).limit(1)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else rows.reference_of(row)


def reference_for(
    connection: Connection, model: str, version: str, name: str
) -> StoredReference | None:
    """Return the reference that is bound to a model version, or None."""
    wanted = select(reference).where(
        reference.c.model == model,
        reference.c.version == version,
        reference.c.name == name,
    )
    row = connection.execute(wanted).mappings().first()
    return None if row is None else rows.reference_of(row)


def _of_period(model: str, period: Window) -> tuple[ColumnElement[bool], ...]:
    """Say which evaluations are of a model and a period."""
    return (
        evaluation.c.model == model,
        evaluation.c.period_start == period.start,
        evaluation.c.period_end == period.end,
    )


def newest_revision(connection: Connection, made: Evaluation) -> int:
    """Return the newest revision of an evaluation's period; 0 where there is none."""
    newest = select(func.max(evaluation.c.revision)).where(
        *_of_period(made.model, made.period)
    )
    return int(connection.scalar(newest) or 0)


def add_evaluation(connection: Connection, made: Evaluation, revision: int) -> None:
    """Write one more revision of a period's evaluation."""
    row = {**rows.evaluation_row(made), "revision": revision}
    connection.execute(insert(evaluation).values(row))


def evaluations(
    connection: Connection, model: str | None, period: Window | None
) -> list[Evaluation]:
    """Return evaluations, by period and then by revision."""
    wanted = select(evaluation)
    if model is not None:
        wanted = wanted.where(evaluation.c.model == model)
    if period is not None and model is not None:
        wanted = wanted.where(*_of_period(model, period))
    order = (evaluation.c.model, evaluation.c.period_start, evaluation.c.revision)
    found = connection.execute(wanted.order_by(*order)).mappings()
    return [rows.evaluation_of(row) for row in found]
