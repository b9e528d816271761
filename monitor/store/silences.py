"""The SQL of silences, and of what people say of incidents."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from monitor.judgement import Judgement
from monitor.silence import Acknowledgement, Quiet, Silence
from monitor.store.journal import note
from monitor.store.records import AuditEntry
from monitor.store.tables import acknowledgement, incident, silence


class Silences:
    """What keeps incidents from being told, each change in one transaction.

    All raise StoreError.
    """

    def __init__(
        self, transaction: Callable[..., AbstractContextManager[Connection]]
    ) -> None:
        """Take the way to a transaction of the store."""
        self._transaction = transaction

    def add(self, made: Silence, now: datetime) -> None:
        """Begin a silence."""
        with self._transaction(writes=True) as connection:
            row = asdict(made) | {"matchers": dict(made.matchers)}
            connection.execute(insert(silence).values(row))
            detail = (
                f"until {made.ends.isoformat()}: {dict(made.matchers)} {made.comment}"
            )
            _noted(connection, now, made.author, "silenced", made.id, detail)

    def end(self, name: str, now: datetime, *, actor: str) -> bool:
        """End a silence now; False where none of that id stands."""
        with self._transaction(writes=True) as connection:
            ended = connection.execute(
                update(silence)
                .where(silence.c.id == name, silence.c.ends > now)
                .values(ends=now)
            )
            if ended.rowcount:
                _noted(connection, now, actor, "silence_ended", name, "")
        return ended.rowcount == 1

    def standing(self, now: datetime) -> list[Silence]:
        """Return the silences that are not over, the first to end first."""
        wanted = select(silence).where(silence.c.ends > now)
        wanted = wanted.order_by(silence.c.ends, silence.c.id)
        with self._transaction(writes=False) as connection:
            return [Silence(**row) for row in connection.execute(wanted).mappings()]

    def acknowledge(self, word: Acknowledgement) -> bool:
        """Keep what a person says of an incident, in the place of what was said before.

        False where there is no such incident.
        """
        with self._transaction(writes=True) as connection:
            known = select(incident.c.id).where(incident.c.id == word.incident)
            if connection.scalar(known) is None:
                return False
            said = acknowledgement.c.incident == word.incident
            connection.execute(delete(acknowledgement).where(said))
            connection.execute(insert(acknowledgement).values(_row(word)))
            detail = f"{word.judgement}: {word.comment}".removesuffix(": ")
            about = (word.author, "acknowledged", word.incident, detail)
            _noted(connection, word.at, *about)
        return True

    def quiet(self, now: datetime, model: str | None = None) -> Quiet:
        """Return the silences that stand, and what was said of open incidents."""
        wanted = select(acknowledgement).join(
            incident, incident.c.id == acknowledgement.c.incident
        )
        if model is not None:
            wanted = wanted.where(incident.c.model == model)
        open_ = incident.c.state.in_(["pending", "firing"])
        with self._transaction(writes=False) as connection:
            said = connection.execute(wanted.where(open_)).mappings().all()
        words = [_word(row) for row in said]
        return Quiet(
            silences=tuple(self.standing(now)),
            acknowledged={word.incident: word for word in words},
        )

    def judged(self) -> dict[tuple[str, str], int]:
        """Count what people have said of incidents, by model and judgement."""
        by = (incident.c.model, acknowledgement.c.judgement)
        wanted = (
            select(*by, func.count())
            .join(acknowledgement, acknowledgement.c.incident == incident.c.id)
            .group_by(*by)
        )
        with self._transaction(writes=False) as connection:
            return {(m, said): n for m, said, n in connection.execute(wanted)}


def _row(word: Acknowledgement) -> dict[str, object]:
    return asdict(word) | {"judgement": word.judgement.value}


def _word(row: object) -> Acknowledgement:
    known = dict(row)  # type: ignore[call-overload]
    return Acknowledgement(**known | {"judgement": Judgement(known["judgement"])})


def _noted(  # noqa: PLR0913, PLR0917 - a line of the audit
    connection: Connection,
    at: datetime,
    actor: str,
    event: str,
    subject: str,
    detail: str,
) -> None:
    entry = AuditEntry(at=at, actor=actor, event=event, subject=subject, detail=detail)
    note(connection, entry)
