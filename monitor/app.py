"""The composition root: where a config becomes sources, a store, actions and a clock.

Time, chance and ids enter here and nowhere else.
"""

import os
import random
import socket
import threading
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor import reevaluate, unwatched
from monitor.action import Action
from monitor.actions.base import open_action
from monitor.callbacks import Said, heard
from monitor.clock import Clock, SystemClock
from monitor.config import Config
from monitor.consequence import fired
from monitor.cycle import Cycle, Rotation, Turn
from monitor.deliver import Counts, deliver_due
from monitor.engines.local import LocalEngine
from monitor.errors import FencedError, SourceError, StoreError
from monitor.evaluate import Watch
from monitor.followup import FollowUp
from monitor.holding import PERIOD, holding
from monitor.judging import ByData
from monitor.logs import logger
from monitor.opening import source
from monitor.parts import Baselines, Parts
from monitor.pressing import Answered, Buttons
from monitor.reevaluate import Reevaluation
from monitor.refresh import Refresher
from monitor.remind import remind
from monitor.report import Order, ReportDesk, ahead, place
from monitor.store import Lease, Store
from monitor.window import Window

log = logger(__name__)

MANY = 100_000
"""Deliveries of one round at most: more than an outbox ever holds."""

Event = Turn | Rotation | Reevaluation
"""What a round tells of, in the order in which it happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What an app takes from outside; tests and the demo bring their own."""

    clock: Clock = field(default_factory=SystemClock)
    rng: random.Random = field(default_factory=random.Random)
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    replica: str = field(
        default_factory=lambda: f"{socket.gethostname()}/{os.getpid()}"
    )
    """The name under which it holds leases."""
    lease: timedelta = PERIOD
    """How long others leave alone what it works on and no longer says so."""


class App:
    """A config at work: rounds of evaluation and delivery, and what they need.

    `round` may be called from one thread while another delivers; the store is what
    they share.
    """

    def __init__(self, config: Config, world: World | None = None) -> None:
        """Open the store and the actions; sources are opened when they are read.

        Raises StoreError when the store cannot be opened.
        """
        self.config = config
        self.world = world or World()
        self.store = Store.open(config.store)
        self.actions: dict[str, Action] = {
            name: open_action(
                name, section, clock=self.world.clock, egress=config.egress.rule
            )
            for name, section in config.actions.items()
        }
        self.reports = ReportDesk(reports_folder(config))
        self._parts = Parts(
            config=config,
            store=self.store,
            actions=self.actions,
            engine=LocalEngine(),
            open_source=source,
            new_id=self.world.new_id,
            hold=self._hold,
            links=self._links,
        )
        self._baselines = Baselines(self.store, source)
        self.followup = FollowUp(self.store, self.actions)
        self.buttons = Buttons(self.store, self.actions)
        self.refresher = Refresher(config, self.store, self.actions)
        self.cycle = Cycle(self._parts, ByData(self._parts, self._baselines))
        self.ticked: datetime | None = None
        self._alone = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop drawing reports and close the store."""
        self.reports.close()
        self.store.close()

    def round(self) -> Generator[Event, None, None]:
        """Evaluate everything that is due now; each event is committed when yielded.

        One that is closed early leaves the rest to the next.
        """
        with self._alone:
            now = self.world.clock.now()
            unwatched.close(self._parts, now)
            for event in self.cycle.run(now):
                if isinstance(event, Turn):
                    self._draw(event)
                yield event
            yield from self._reevaluations(now)
            self.ticked = now

    def deliver(self, limit: int = MANY) -> Counts:
        """Make one attempt at everything that is due for delivery, up to a number."""
        return deliver_due(
            self.store,
            self.actions,
            clock=self.world.clock,
            rng=self.world.rng,
            limit=limit,
        )

    def remind(self) -> int:
        """Tell what is due to be told though nothing is new; return how much."""
        return remind(self._parts, self.world.clock.now())

    def hear(self, name: str, headers: Mapping[str, str], body: bytes) -> Said:
        """Take a pipeline's own word on a retraining, where it may speak."""
        now = self.world.clock.now()
        one = next((r for r in self.store.retrainings() if r.id == name), None)
        action = self.actions.get(one.action) if one else None
        said = heard(one, action, headers, body, now)
        if one is not None and said.progress is not None:
            actor = f"pipeline {one.action}"
            self.followup.record(one, said.progress, now, actor=actor)
        return said

    def press(self, headers: Mapping[str, str], body: bytes) -> Answered:
        """Do what a person wants who pressed a button in Slack."""
        return self.buttons.press(headers, body, self.world.clock.now())

    def refresh(self) -> int:
        """Tell those who forget what fires; return how many incidents were told."""
        return self.refresher.round(self.world.clock.now())

    def follow_up(self) -> int:
        """Ask targets how far the retrainings have come; return how many moved."""
        return self.followup.round(self.world.clock.now())

    def reevaluate(
        self, name: str, period: Window, as_of: datetime | None = None
    ) -> Reevaluation:
        """Evaluate a period of a model on its labels and record a revision.

        Raises SourceError when it cannot be.
        """
        now = self.world.clock.now()
        with self._hold(name) as lease:
            if lease is None:
                msg = f"{name}: another driftd works on it. Fix: try again in a moment"
                raise StoreError(msg)
            self.cycle.look(name, now, lease)
            done = self._reevaluate(
                name, period, as_of or now, now, waiting=False, under=lease
            )
        if done is None:
            msg = f"{name}: the period {period} could not be evaluated"
            raise SourceError(msg, permanent=False)
        return done

    def _reevaluations(self, now: datetime) -> Iterator[Reevaluation]:
        for name, model in self.config.models.items():
            if next(reevaluate.due(self.store, name, model, now), None) is None:
                continue
            with self._hold(name) as lease:
                if lease is None:
                    continue
                try:
                    yield from self._due_periods(name, now, lease)
                except FencedError as error:
                    reevaluate.log.warning("model_taken_over", cause=str(error))

    def _due_periods(
        self, name: str, now: datetime, lease: Lease
    ) -> Iterator[Reevaluation]:
        model = self.config.models[name]
        for period in reevaluate.due(self.store, name, model, now):
            try:
                done = self._reevaluate(
                    name, period, now, now, waiting=True, under=lease
                )
            except SourceError as error:
                reevaluate.log.warning("evaluation_put_off", cause=str(error))
                continue  # a period that cannot be read holds up no other
            if done is None:
                break
            yield done

    def _hold(self, name: str) -> AbstractContextManager[Lease | None]:
        """Take the lease on a model while it is worked on."""
        return holding(
            self.store.leases,
            f"model {name}",
            holder=self.world.replica,
            period=self.world.lease,
        )

    def _reevaluate(  # noqa: PLR0913 - the whole question, in the open
        self,
        name: str,
        period: Window,
        as_of: datetime,
        now: datetime,
        *,
        waiting: bool,
        under: Lease,
    ) -> Reevaluation | None:
        return reevaluate.reevaluate(
            self._parts,
            self._baselines,
            name,
            period,
            as_of=as_of,
            now=now,
            waiting=waiting,
            under=under,
        )

    def _links(self, watch: Watch, window: Window) -> Mapping[str, str]:
        """Say where the report of a window will be."""
        where = place(watch.model, watch.monitor, window)
        url = self.config.server.url
        if url is not None:
            return {"report": f"{url}/reports/{where}"}
        return {"report": str(self.reports.folder / where)}

    def _draw(self, turn: Turn) -> None:
        """Order a report for a window that made an incident fire."""
        begun = fired(turn.outcome.consequences.moves)
        if not begun or turn.assessment is None or turn.baseline is None:
            return
        if turn.assessment.profile.rows == 0:
            return  # there is nothing to draw
        taken = self.reports.submit(
            Order(
                model=turn.watch.model,
                monitor=turn.watch.monitor,
                window=turn.window,
                schema=ahead(turn.watch.section.table, turn.assessment.verdicts),
                reference=turn.assessment.crowd.rows(turn.baseline.sample),
                current=turn.assessment.crowd.rows(turn.assessment.sample),
                model_version=turn.assessment.version,
            )
        )
        if taken is not None:
            log.info(
                "report_ordered",
                model=turn.watch.model,
                monitor=turn.watch.monitor,
                window=str(turn.window),
                **self._links(turn.watch, turn.window),
            )

    def report_of(self, turn: Turn) -> str | None:
        """Return where the report of a window that made an incident fire is, if it is.

        Its address where the server has one, else its path.
        """
        where = place(turn.watch.model, turn.watch.monitor, turn.window)
        if not fired(turn.outcome.consequences.moves):
            return None
        if not (self.reports.folder / where).is_file():
            return None
        return self._links(turn.watch, turn.window)["report"]


def reports_folder(config: Config) -> Path:
    """Return the folder of reports: beside the config."""
    return config.file.absolute().parent / "reports"
