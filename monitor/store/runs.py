"""The SQL of runs: windows that were evaluated, with profiles, samples and verdicts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, func, insert, select
from sqlalchemy.exc import IntegrityError

from checks.verdict import Family, Verdict
from monitor.store import rows
from monitor.store.records import Point, Run, RunRecord
from monitor.store.tables import errors, evaluation, profile, run, sample, verdict
from monitor.window import Window

Points = dict[tuple[str, str | None], list[Point]]
"""What was measured window after window, by check and column."""


class AlreadyRunError(Exception):
    """Another writer has evaluated the window: its answer stands."""


def add(connection: Connection, record: RunRecord) -> None:
    """Insert a run with its profile, sample and verdicts.

    Raises AlreadyRunError when the window has its run.
    """
    try:
        made = connection.execute(insert(run).values(rows.run_row(record.run)))
    except IntegrityError as error:
        raise AlreadyRunError from error
    (seq,) = made.inserted_primary_key or (None,)
    kept = (
        (profile, record.profile),
        (sample, record.sample),
        (errors, record.errors),
    )
    for table, content in kept:
        if content is not None:
            connection.execute(insert(table).values(run=seq, content=content))
    judged = [
        {"run": seq, "position": position, **rows.verdict_row(one)}
        for position, one in enumerate(record.run.verdicts)
    ]
    if judged:
        connection.execute(insert(verdict), judged)


def starts(
    connection: Connection, model: str, monitor: str, since: datetime | None = None
) -> set[datetime]:
    """Return the starts of the windows that have their run, from a moment on."""
    found = select(run.c.window_start).where(
        run.c.model == model, run.c.monitor == monitor
    )
    if since is not None:
        found = found.where(run.c.window_start >= since)
    return set(connection.scalars(found))


def first(connection: Connection, model: str, monitor: str) -> datetime | None:
    """Return the start of the first window that has its run; None where none has."""
    wanted = select(func.min(run.c.window_start)).where(
        run.c.model == model, run.c.monitor == monitor
    )
    found: datetime | None = connection.scalar(wanted)
    return found


def read(connection: Connection, wanted: Select[Any]) -> list[Run]:
    """Return the runs that a query over the run table finds, with their verdicts."""
    found = connection.execute(wanted).mappings().all()
    verdicts = _verdicts(connection, [row["seq"] for row in found])
    return [rows.run_of(row, tuple(verdicts[row["seq"]])) for row in found]


def _verdicts(connection: Connection, runs: Iterable[int]) -> dict[int, list[Verdict]]:
    """Return the verdicts of each run, in the order in which they were given."""
    by_run: dict[int, list[Verdict]] = {seq: [] for seq in runs}
    wanted = (
        select(verdict)
        .where(verdict.c.run.in_(by_run))
        .order_by(verdict.c.run, verdict.c.position)
    )
    for row in connection.execute(wanted).mappings():
        by_run[row["run"]].append(rows.verdict_of(row))
    return by_run


def latest(connection: Connection) -> list[Run]:
    """Return the run with the latest window of each monitor."""
    last = (
        select(run.c.model, run.c.monitor, func.max(run.c.window_start).label("start"))
        .group_by(run.c.model, run.c.monitor)
        .subquery()
    )
    same = and_(
        run.c.model == last.c.model,
        run.c.monitor == last.c.monitor,
        run.c.window_start == last.c.start,
    )
    wanted = select(run).join(last, same).order_by(run.c.model, run.c.monitor)
    return read(connection, wanted)


def counts(connection: Connection) -> dict[tuple[str, str, str], tuple[int, datetime]]:
    """Count the runs by model, monitor and status, with when each was last made."""
    by = (run.c.model, run.c.monitor, run.c.status)
    wanted = select(*by, func.count(), func.max(run.c.evaluated)).group_by(*by)
    return {
        (model, monitor, status): (n, last)
        for model, monitor, status, n, last in connection.execute(wanted)
    }


def between(
    connection: Connection, model: str, monitor: str, start: datetime, end: datetime
) -> list[Run]:
    """Return the runs of the windows that lie in a stretch of time, oldest first."""
    return read(connection, _inside(select(run), model, monitor, start, end))


def points(
    connection: Connection, like: Run, names: Iterable[str], most: int
) -> Points:
    """Return what some checks measured on all rows, oldest window first.

    Of at most so many windows before that of a run, under its version and reference.
    """
    last = _before(like, most).subquery()
    figures = (verdict.c.value, verdict.c.at_reference, verdict.c.at_current)
    wanted = (
        select(verdict.c.check, verdict.c.column, last.c.window_start, *figures)
        .join(verdict, verdict.c.run == last.c.seq)
        .where(verdict.c.check.in_(sorted(names)))
        .where(verdict.c.segment.is_(None), verdict.c.value.is_not(None))
        .order_by(last.c.window_start)
    )
    found: Points = {}
    for check, column, start, value, before, after in connection.execute(wanted):
        point = Point(start=start, value=value, at_reference=before, at_current=after)
        found.setdefault((check, column), []).append(point)
    return found


def labelled(connection: Connection, model: str, since: datetime) -> int:
    """Count the labelled rows of a model's windows and periods from a moment on.

    A row that several monitors, or a monitor and a re-evaluation, have seen with its
    label counts once: the most that one of them has seen is taken.
    """
    seen = (
        select(run.c.monitor, func.max(verdict.c.n_current).label("rows"))
        .join(verdict, verdict.c.run == run.c.seq)
        .where(
            run.c.model == model,
            run.c.window_start >= since,
            verdict.c.family == Family.PERFORMANCE.value,
            verdict.c.segment.is_(None),
        )
        .group_by(run.c.monitor, run.c.seq)
        .subquery()
    )
    by_monitor = select(func.sum(seen.c.rows)).group_by(seen.c.monitor)
    newest = (
        select(func.max(evaluation.c.labelled).label("rows"))
        .where(evaluation.c.model == model, evaluation.c.period_start >= since)
        .group_by(evaluation.c.period_start, evaluation.c.period_end)
        .subquery()
    )
    figures = [
        *connection.scalars(by_monitor),
        connection.scalar(select(func.sum(newest.c.rows))),
    ]
    return max((int(figure) for figure in figures if figure is not None), default=0)


def _before(like: Run, most: int) -> Select[tuple[int, datetime]]:
    """Find the windows before that of a run, under its version and reference."""
    return (
        select(run.c.seq, run.c.window_start)
        .where(
            run.c.model == like.model,
            run.c.monitor == like.monitor,
            run.c.model_version == like.model_version,
            run.c.reference_id == like.reference_id,
            run.c.window_start < like.window.start,
        )
        .order_by(run.c.window_start.desc())
        .limit(most)
    )


def mistakes(
    connection: Connection, like: Run, most: int
) -> list[tuple[datetime, bytes]]:
    """Return the kept single outcomes of the windows before, oldest first.

    Of as many windows as `points` goes back.
    """
    last = _before(like, most).subquery()
    wanted = (
        select(last.c.window_start, errors.c.content)
        .join(errors, errors.c.run == last.c.seq)
        .order_by(last.c.window_start)
    )
    return [(start, content) for start, content in connection.execute(wanted)]


def _inside(
    wanted: Select[Any], model: str, monitor: str, start: datetime, end: datetime
) -> Select[Any]:
    """Narrow a query to the windows of a monitor inside a stretch, oldest first."""
    return wanted.where(
        run.c.model == model,
        run.c.monitor == monitor,
        run.c.window_start >= start,
        run.c.window_end <= end,
    ).order_by(run.c.window_start)


def contents(  # noqa: PLR0913 - where, whose and when
    connection: Connection,
    table: Table,
    *,
    model: str,
    monitor: str,
    start: datetime,
    end: datetime,
) -> list[tuple[Window, bytes]]:
    """Return the profiles or samples of the windows in a stretch, oldest first."""
    wanted = _inside(
        select(run.c.window_start, run.c.window_end, table.c.content).join(table),
        model,
        monitor,
        start,
        end,
    )
    found = connection.execute(wanted).all()
    return [(Window(first, last), content) for first, last, content in found]
