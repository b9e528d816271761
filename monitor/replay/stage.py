"""The stage of a replay: the daemon's own rounds on a store that is thrown away.

Only three things are not the daemon's: a script says what windows say, recipients stand
in for actions, and the clock is moved. A restart closes the store and opens it again.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

from checks.verdict import Verdict
from monitor.action import Action
from monitor.clock import ManualClock
from monitor.config import Config, Plugin, Version
from monitor.consequence import Outcome
from monitor.cycle import Cycle, Rotation, Turn
from monitor.deliver import deliver_due
from monitor.engines.base import Rows
from monitor.engines.local import LocalEngine
from monitor.errors import SourceError
from monitor.evaluate import Watch
from monitor.followup import ASKED, FollowUp
from monitor.holding import holding
from monitor.judging import Judged
from monitor.parts import Parts, Trains
from monitor.remind import remind
from monitor.retraining import State
from monitor.store import Store
from monitor.window import Window

MINUTE = timedelta(minutes=1)
"""Mute times begin and end on whole minutes."""


class Stage:
    """The daemon at work on one monitor, while nothing is read and nothing is sent."""

    def __init__(
        self,
        config: Config,
        watch: Watch,
        *,
        folder: Path,
        recipients: Mapping[str, Action],
        clock: ManualClock,
    ) -> None:
        """Set it up in an empty folder."""
        self.clock = clock
        self._said: dict[Window, tuple[Verdict, ...]] = {}
        self.watch = watch
        self._recipients = recipients
        self._file = folder / "version.json"
        self._version = {"version": watch.section.version.value or "1"}
        self._deploying = False
        self._numbers = count(1)
        self._rng = Random(1)  # noqa: S311 - it would only spread retries
        self._publish()
        self._config = _alone(config, watch, folder, self._file)
        self._open()

    def _open(self) -> None:
        self.store = Store.open(self._config.store)
        self._parts = Parts(
            config=self._config,
            store=self.store,
            actions=self._recipients,
            engine=LocalEngine(),
            open_source=_unread,
            new_id=lambda: f"incident-{next(self._numbers)}",
            hold=partial(holding, self.store.leases, holder="replay"),
        )
        self._cycle = Cycle(self._parts, self._judge)
        self.followup = FollowUp(self.store, self._recipients)

    def restart(self) -> None:
        """Stop the daemon and start it again."""
        self.close()
        self._open()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def begin(self, moment: datetime) -> None:
        """Say when the version in production was first seen."""
        self.store.see_version(self.watch.model, self._version["version"], moment)

    # ── time ─────────────────────────────────────────────────────────────────────

    def wait(self, until: datetime) -> None:
        """Let time pass while the daemon is at work: it reminds when that is due."""
        while (moment := self._next(until)) is not None:
            self.clock.move_to(moment)
            self.tick()
        self.clock.move_to(max(until, self.clock.now()))

    def tick(self) -> None:
        """Do what the daemon does every few seconds."""
        now = self.clock.now()
        self.followup.round(now)
        remind(self._parts, now)
        self._deliver()

    def _next(self, until: datetime) -> datetime | None:
        """Return the next moment before another at which something may be told."""
        now = self.clock.now()
        return min(
            (at for at in self._moments(until) if now < at < until), default=None
        )

    def _moments(self, until: datetime) -> Iterator[datetime]:
        """Walk over the moments at which something may fall due, and more."""
        watch, settings, now = self.watch, self.watch.settings, self.clock.now()
        yield from (silence.ends for silence in self.store.silences.standing(now))
        for name in settings.actions if settings.repeat else ():
            told = self.store.told(watch.model, watch.monitor, name)
            if told is not None and settings.repeat is not None:
                yield told.at + settings.repeat
        for one in self.store.retrainings():
            action = self._recipients[one.action]
            waits = one.state in ASKED and one.state is not State.UNKNOWN
            if waits and isinstance(action, Trains):
                yield one.requested + action.policy.patience
        moment = now
        while moment < until and any(time.covers(moment) for time in settings.mute):
            moment = moment.replace(second=0, microsecond=0) + MINUTE
        yield moment

    # ── windows and versions ─────────────────────────────────────────────────────

    def judge(self, window: Window, verdicts: tuple[Verdict, ...]) -> Outcome:
        """Let a window that is due say something, and what follows follow."""
        self._said[window] = verdicts
        outcome = self._first().outcome
        self.tick()
        return outcome

    def deploy(self, version: str) -> None:
        """Put a version into production."""
        known, self._version = self._version, {"version": version}
        self.deploying(now=False)
        if self._version != known:
            self._first()

    def deploying(self, *, now: bool) -> None:
        """Say whether a version is being deployed."""
        self._deploying = now
        self._publish()

    def _first(self) -> Turn | Rotation:
        """Do what is due first; the rest is left to the next."""
        with contextlib.closing(self._cycle.run(self.clock.now())) as events:
            return next(events)

    def _judge(
        self, watch: Watch, window: Window, version: str | None, now: datetime
    ) -> Judged:
        """Say of a window what stands in the script."""
        del watch, version, now
        return Judged(verdicts=self._said[window])

    def _deliver(self) -> None:
        store, actions = self.store, self._recipients
        while deliver_due(store, actions, clock=self.clock, rng=self._rng).total:
            pass

    def _publish(self) -> None:
        told = {**self._version, "deploying": self._deploying}
        self._file.write_text(json.dumps(told), encoding="utf-8")


def _alone(config: Config, watch: Watch, folder: Path, version: Path) -> Config:
    """Return the config with one monitor alone, and all that it keeps in a folder."""
    section = watch.section.model_copy(
        update={
            "version": Version(file=version, deploying="deploying"),
            "monitors": {watch.monitor: watch.settings},
            "evaluation": None,
        }
    )
    store = f"sqlite:///{folder / 'replay.db'}"
    return config.model_copy(update={"models": {watch.model: section}, "store": store})


def _unread(section: Plugin, timestamp: str | None, version: str | None) -> Rows:
    del section, timestamp, version
    msg = "a replay reads no data"
    raise SourceError(msg, permanent=True)
