"""The store: everything the daemon must not forget, in one database."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import Connection

from monitor.action import Delivery, Kind, Receipt
from monitor.incident import Incident, Transition
from monitor.notice import Told
from monitor.retraining import Retraining, State
from monitor.store import arrivals, incidents, outbox, retrainings, runs, versions
from monitor.store.approvals import Approvals
from monitor.store.arrivals import Arrivals
from monitor.store.database import Database
from monitor.store.journal import Journal
from monitor.store.leases import Leases
from monitor.store.records import (
    Consequences,
    Evaluation,
    Lease,
    Outcome,
    Posted,
    Run,
    RunRecord,
    StoredReference,
)
from monitor.store.silences import Silences
from monitor.store.tables import profile, sample
from monitor.store.tallies import Tallies
from monitor.window import Window


class Store:
    """The one place that speaks SQL; every method is one transaction.

    It may be used from several threads at once. Methods that write say in their
    docstring what a second writer sees; those that are made `under` a lease write
    nothing once another has taken it (FencedError). All raise StoreError alone.
    """

    def __init__(self, url: str) -> None:
        """Open the database, made and migrated as need be; `open` reads better."""
        self._database = Database(url)
        self._transaction = self._database.transaction
        self.name = self._database.name
        self.close = self._database.close
        self.ping = self._database.ping
        self.only_daemon = self._database.only_daemon
        self.arrivals = Arrivals(self._transaction)
        """What was seen of labels."""
        self.approvals = Approvals(self._transaction)
        """What people decide of retrainings."""
        self.journal = Journal(self._transaction)
        """Who did what, and when."""
        self.leases = Leases(self._transaction)
        """Who works on what, of all who share the database."""
        self.silences = Silences(self._transaction)
        """What keeps incidents from being told."""
        self.tallies = Tallies(self._transaction)
        """How many there are of everything."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open `sqlite:///driftd.db`, make it if need be, and bring it up to date.

        Raises StoreError when it cannot be opened or a newer driftd has written it.
        """
        return cls(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self, connection: Connection, made: Consequences) -> None:
        """Write what a decision leads to, inside its transaction."""
        incidents.move(connection, made.moves)
        outbox.post(connection, made.deliveries)
        retrainings.put(connection, made.retrainings)

    # ── runs ─────────────────────────────────────────────────────────────────────

    def record_run(self, record: RunRecord, *, under: Lease | None = None) -> bool:
        """Commit a run with all its consequences in one transaction.

        False when the window has its run: then nothing at all was written.
        """
        try:
            with self._transaction(writes=True, under=under) as connection:
                runs.add(connection, record)
                if record.arrival is not None:
                    arrivals.add(connection, record.arrival)
                self._write(connection, record.consequences)
        except runs.AlreadyRunError:
            return False
        return True

    def windows_done(
        self, model: str, monitor: str, since: datetime | None = None
    ) -> set[datetime]:
        """Return the starts of the windows that have their run, from a moment on."""
        with self._transaction(writes=False) as connection:
            return runs.starts(connection, model, monitor, since)

    def first_window(self, model: str, monitor: str) -> datetime | None:
        """Return the start of the first window that has its run; None for none."""
        with self._transaction(writes=False) as connection:
            return runs.first(connection, model, monitor)

    def latest_runs(self) -> list[Run]:
        """Return the run with the latest window of each monitor, with its verdicts."""
        with self._transaction(writes=False) as connection:
            return runs.latest(connection)

    def runs_between(
        self, model: str, monitor: str, start: datetime, end: datetime
    ) -> list[Run]:
        """Return the runs of the windows inside a stretch of time, oldest first."""
        with self._transaction(writes=False) as connection:
            return runs.between(connection, model, monitor, start, end)

    def points_before(self, run: Run, names: Collection[str], n: int) -> runs.Points:
        """Return what some checks measured in the runs before this one, like it."""
        with self._transaction(writes=False) as connection:
            return runs.points(connection, run, names, n)

    def errors_before(self, run: Run, n: int) -> list[tuple[datetime, bytes]]:
        """Return the single outcomes kept with the runs before this one, like it."""
        with self._transaction(writes=False) as connection:
            return runs.mistakes(connection, run, n)

    def profiles_between(
        self, model: str, monitor: str, start: datetime, end: datetime
    ) -> list[tuple[Window, bytes]]:
        """Return the kept profiles of the windows inside a stretch, oldest first."""
        with self._transaction(writes=False) as connection:
            return runs.contents(
                connection, profile, model=model, monitor=monitor, start=start, end=end
            )

    def samples_between(
        self, model: str, monitor: str, start: datetime, end: datetime
    ) -> list[tuple[Window, bytes]]:
        """Return the kept row samples of the windows inside a stretch."""
        with self._transaction(writes=False) as connection:
            return runs.contents(
                connection, sample, model=model, monitor=monitor, start=start, end=end
            )

    def load_profile(self, model: str, monitor: str, window: Window) -> bytes | None:
        """Return the kept profile of one window, or None."""
        kept = self.profiles_between(model, monitor, window.start, window.end)
        return next((content for found, content in kept if found == window), None)

    def load_sample(self, model: str, monitor: str, window: Window) -> bytes | None:
        """Return the kept row sample of one window, or None."""
        kept = self.samples_between(model, monitor, window.start, window.end)
        return next((content for found, content in kept if found == window), None)

    # ── incidents ────────────────────────────────────────────────────────────────

    def open_incidents(
        self, model: str | None = None, monitor: str | None = None
    ) -> list[Incident]:
        """Return the pending and firing incidents, the oldest first."""
        with self._transaction(writes=False) as connection:
            return incidents.are_open(connection, model, monitor)

    def incidents(self, ids: Collection[str]) -> list[Incident]:
        """Return the incidents of these ids, in whatever state."""
        with self._transaction(writes=False) as connection:
            return incidents.named(connection, ids)

    def incidents_ended(self, since: datetime) -> list[Incident]:
        """Return the incidents that have resolved since a moment."""
        with self._transaction(writes=False) as connection:
            return incidents.ended_since(connection, since)

    def newest_incidents(self, limit: int = 100) -> list[Incident]:
        """Return the incidents that opened last, in whatever state."""
        with self._transaction(writes=False) as connection:
            return incidents.newest(connection, limit)

    def transitions(self, incident_id: str) -> list[Transition]:
        """Return how an incident moved, in order."""
        with self._transaction(writes=False) as connection:
            return incidents.transitions(connection, incident_id)

    # ── deliveries ───────────────────────────────────────────────────────────────

    def told(self, model: str, monitor: str, action: str) -> Told | None:
        """Return what an action was last told about a monitor, or None.

        What is still on its way counts as told; what will never arrive does not.
        """
        with self._transaction(writes=False) as connection:
            return outbox.told(connection, f"{model}/{monitor}", action)

    def post(self, deliveries: Sequence[Delivery]) -> None:
        """Put deliveries into the outbox; one that is there already stays as it is."""
        with self._transaction(writes=True) as connection:
            outbox.post(connection, deliveries)

    def claim_due(self, now: datetime, limit: int, lease: timedelta) -> list[Delivery]:
        """Claim deliveries that are due for as long as the lease.

        Of one group and action only the oldest is ever due. A second claimer gets
        none of these until the lease is over, and then with a higher attempt.
        """
        with self._transaction(writes=True) as connection:
            return outbox.claim(connection, now, limit, lease)

    def delivered(self, delivery: Delivery, receipt: Receipt, now: datetime) -> bool:
        """Record that it arrived; a retraining is then accepted.

        False when it was settled before.
        """
        with self._transaction(writes=True) as connection:
            first = outbox.delivered(connection, delivery, receipt, now)
            self._follow(
                connection,
                delivery,
                State.ACCEPTED,
                now,
                remote_id=receipt.remote_id,
                detail=receipt.detail,
            )
        return first

    def failed(
        self, delivery: Delivery, now: datetime, detail: str, next_attempt: datetime
    ) -> bool:
        """Record a failed attempt and when to try again; False for a lost lease."""
        with self._transaction(writes=True) as connection:
            return outbox.failed(connection, delivery, now, detail, next_attempt)

    def dead(
        self,
        delivery: Delivery,
        now: datetime,
        detail: str,
        notices: Sequence[Delivery] = (),
    ) -> bool:
        """Record that it never will arrive, and post the notices that say so.

        A retraining has then failed. False, and nothing posted, for a lost lease.
        """
        return self._give_up(delivery, Outcome.DEAD, now, detail, notices)

    def unknown(
        self,
        delivery: Delivery,
        now: datetime,
        detail: str,
        notices: Sequence[Delivery] = (),
    ) -> bool:
        """Record that nobody can know whether it arrived, and post who is told.

        False, and nothing posted, for a lost lease.
        """
        return self._give_up(delivery, Outcome.UNKNOWN, now, detail, notices)

    def _give_up(
        self,
        delivery: Delivery,
        outcome: Outcome,
        now: datetime,
        detail: str,
        notices: Sequence[Delivery],
    ) -> bool:
        """End a delivery that did not arrive for certain."""
        state = State.FAILED if outcome is Outcome.DEAD else State.UNKNOWN
        with self._transaction(writes=True) as connection:
            if not outbox.give_up(connection, delivery, outcome, now, detail):
                return False
            self._follow(connection, delivery, state, now, detail=detail)
            outbox.post(connection, notices)
        return True

    def _follow(  # noqa: PLR0913 - a row's new state
        self,
        connection: Connection,
        delivery: Delivery,
        state: State,
        now: datetime,
        *,
        remote_id: str | None = None,
        detail: str = "",
    ) -> None:
        """Let a retraining follow the delivery that carries it."""
        if delivery.kind is Kind.RETRAINING:
            retrainings.advance(
                connection,
                delivery.id,
                state,
                now,
                remote_id=remote_id,
                detail=detail,
            )

    def replay(self, delivery_id: str, now: datetime) -> bool:
        """Try a dead or unknown delivery, and its retraining, again as they were."""
        with self._transaction(writes=True) as connection:
            if revived := outbox.replay(connection, delivery_id, now):
                retrainings.again(connection, delivery_id, now)
        return revived

    def deliveries(
        self, limit: int = 100, outcome: Outcome | None = None
    ) -> list[Posted]:
        """Return the newest deliveries, with all attempts at each."""
        with self._transaction(writes=False) as connection:
            return outbox.read(connection, limit, outcome)

    def delivery(self, name: str) -> Delivery | None:
        """Return a delivery, whatever became of it, or None."""
        with self._transaction(writes=False) as connection:
            return outbox.one(connection, name)

    def oldest_pending(self) -> datetime | None:
        """Return when the delivery that has waited longest was made, or None."""
        with self._transaction(writes=False) as connection:
            return outbox.oldest_pending(connection)

    # ── retrainings ──────────────────────────────────────────────────────────────

    def retrainings(self, model: str | None = None) -> list[Retraining]:
        """Return a model's retrainings (or all), the oldest first."""
        with self._transaction(writes=False) as connection:
            return retrainings.of(connection, model)

    def set_retraining(  # noqa: PLR0913 - a row's new state
        self,
        retraining_id: str,
        state: State,
        now: datetime,
        *,
        remote_id: str | None = None,
        detail: str = "",
        actor: str = "driftd",
        notices: Sequence[Delivery] = (),
    ) -> Retraining | None:
        """Move a retraining on and return it; None when there is none of that id.

        A late word of an earlier step changes nothing, and posts no notices.
        """
        with self._transaction(writes=True) as connection:
            found = retrainings.advance(
                connection,
                retraining_id,
                state,
                now,
                remote_id=remote_id,
                detail=detail,
                actor=actor,
            )
            if found is not None and (found.state, found.changed) == (state, now):
                outbox.post(connection, notices)
        return found

    def labelled_since(self, model: str, since: datetime) -> int:
        """Count the labelled rows that a model's windows and periods have had."""
        with self._transaction(writes=False) as connection:
            return runs.labelled(connection, model, since)

    # ── versions, references, evaluations ────────────────────────────────────────

    def current_version(self, model: str) -> str | None:
        """Return the version of a model that was seen last, or None."""
        with self._transaction(writes=False) as connection:
            return versions.current(connection, model)

    def see_version(
        self,
        model: str,
        version: str,
        now: datetime,
        consequences: Consequences = Consequences(),  # noqa: B008 - a frozen value
        *,
        under: Lease | None = None,
    ) -> bool:
        """Record a model's new version with its consequences in one transaction.

        False when it has that version already: then nothing at all was written.
        """
        with self._transaction(writes=True, under=under) as connection:
            if not versions.see(connection, model, version, now):
                return False
            self._write(connection, consequences)
        return True

    def versions(self, model: str) -> list[tuple[str, datetime]]:
        """Return the versions a model has had, with when each was first seen."""
        with self._transaction(writes=False) as connection:
            return versions.history(connection, model)

    def save_reference(self, reference: StoredReference) -> StoredReference:
        """Freeze a reference to a model version and return the one that stands.

        That is the first that was saved under the version and name.
        """
        with self._transaction(writes=True) as connection:
            return versions.freeze(connection, reference)

    def load_reference(self, reference_id: str) -> StoredReference | None:
        """Return a reference by its content's hash, or None."""
        with self._transaction(writes=False) as connection:
            return versions.reference_by_id(connection, reference_id)

    def reference_for(
        self, model: str, version: str, name: str = "training"
    ) -> StoredReference | None:
        """Return the reference that is frozen to a model version, or None."""
        with self._transaction(writes=False) as connection:
            return versions.reference_for(connection, model, version, name)

    def record_evaluation(
        self,
        evaluation: Evaluation,
        consequences: Consequences = Consequences(),  # noqa: B008 - a frozen value
        *,
        after: int | None = None,
        under: Lease | None = None,
    ) -> int | None:
        """Commit one more revision of a period with its consequences; return it.

        None, and nothing written, when the newest is not the one to come `after`.
        """
        with self._transaction(writes=True, under=under) as connection:
            newest = versions.newest_revision(connection, evaluation)
            if after is not None and newest != after:
                return None
            versions.add_evaluation(connection, evaluation, newest + 1)
            self._write(connection, consequences)
        return newest + 1

    def evaluations(
        self, model: str | None = None, period: Window | None = None
    ) -> list[Evaluation]:
        """Return a model's evaluations (of one period, or all), by revision."""
        with self._transaction(writes=False) as connection:
            return versions.evaluations(connection, model, period)

    def decide(self, consequences: Consequences, *, under: Lease | None = None) -> None:
        """Commit consequences that belong to no run, such as a removed column's."""
        with self._transaction(writes=True, under=under) as connection:
            self._write(connection, consequences)
