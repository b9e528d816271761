"""The daemon: looks for due windows, delivers, and answers until it is told to stop.

Evaluation and delivery ring on their own, so that neither waits for the other. All
that is done is committed step by step: a daemon that is killed loses nothing.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import FrameType

from monitor.app import App
from monitor.clock import SystemClock
from monitor.errors import ServerError, SourceError
from monitor.ingest import Desk, IngestApi, described
from monitor.ingest.calls import NO_REQUEST, NO_RESPONSE
from monitor.ingest.declared import PREDICTIONS
from monitor.ingest.feed import feeding
from monitor.ingest.tally import ACCEPTED, NOT_KEPT, REPEATED
from monitor.landing import LandingError
from monitor.logs import logger
from monitor.metrics import Daemon, Sent
from monitor.scheduler import Job, Scheduler, interval
from monitor.server import LiveState, Server, create
from monitor.versions import driftd_version

log = logger(__name__)

GRACE = 25.0
"""Seconds that the work in hand gets when it is told to stop."""
DELIVERING = timedelta(seconds=2)
"""How often the outbox is looked into."""

FOLLOWING = timedelta(seconds=30)
"""How often targets are asked about the retrainings they took."""

REMINDING = timedelta(seconds=30)
"""How often it is asked what is to be told though nothing is new."""
REFRESHING = timedelta(seconds=10)
"""How often it is asked who has to be told again."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Set an event when the process is told to stop; a second signal ends it at once.

    Only the main thread may ask.
    """
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in _SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, found in before.items():
            signal.signal(number, found)


class Service:
    """An app at work: its rounds, its deliveries, and what it tells of itself."""

    def __init__(
        self, app: App, stop: threading.Event, desk: Desk | None = None
    ) -> None:
        """Keep the app; `stop` is set from outside, `desk` takes rows that are sent."""
        self._app = app
        self._desk = desk
        self._stop = stop
        self._began = app.world.clock.now()
        self._ticked: datetime | None = None
        every = [
            monitor.every
            for model in app.config.models.values()
            for monitor in model.monitors.values()
        ]
        jobs = [
            Job(name="round", act=self.look, every=interval(every)),
            Job(name="deliveries", act=self.deliver, every=DELIVERING),
            Job(name="retrainings", act=self.follow_up, every=FOLLOWING),
            Job(name="reminders", act=self.remind, every=REMINDING),
        ]
        if app.refresher.wanted:
            jobs.append(Job(name="refresh", act=self.refresh, every=REFRESHING))
        # The alarm rings by the machine's clock, whatever the app takes for now.
        self.scheduler = Scheduler(
            jobs,
            clock=SystemClock(),
        )

    @property
    def state(self) -> LiveState:
        """What the server tells."""
        return LiveState(
            store=self._app.store,
            config=lambda: self._app.config,
            daemon=self._told,
            clock=self._app.world.clock.now,
            reports=self._app.reports.folder,
            stopping=self._stop.is_set,
            ingest=self._desk.trouble if self._desk and self._desk.intakes else None,
            hear=self._app.hear,
            press=self._app.press,
            tell=self._app.buttons.tell,
        )

    def look(self) -> None:
        """Evaluate what is due, up to the window in hand when it is told to stop."""
        self._tick()
        with contextlib.closing(self._app.round()) as events:
            for _ in events:
                self._tick()
                if self._stop.is_set():
                    return

    def deliver(self) -> None:
        """Deliver what is due, up to the delivery in hand when it is told to stop."""
        while not self._stop.is_set() and self._app.deliver(limit=1).total:
            pass

    def follow_up(self) -> None:
        """Ask how far the retrainings under way have come."""
        self._app.follow_up()

    def remind(self) -> None:
        """Tell what is due to be told though nothing is new."""
        self._app.remind()

    def refresh(self) -> None:
        """Tell those who forget what fires."""
        self._app.refresh()

    def finish(self, seconds: float) -> bool:
        """End the work in hand and flush the outbox; False when time is up first."""
        clock = SystemClock()
        end = clock.now() + timedelta(seconds=seconds)
        if not self.scheduler.stop(seconds):
            log.warning("work_abandoned", seconds=seconds)
            return False
        flushing = threading.Thread(
            target=self._flush, args=[lambda: clock.now() < end], daemon=True
        )
        flushing.start()
        flushing.join(max(0.0, (end - clock.now()).total_seconds()))
        return not flushing.is_alive()

    def _flush(self, in_time: Callable[[], bool]) -> None:
        while in_time() and self._app.deliver(limit=1).total:
            pass

    def _tick(self) -> None:
        self._ticked = self._app.world.clock.now()

    def _told(self) -> Daemon:
        return Daemon(
            version=driftd_version(),
            config_hash=self._app.config.hash,
            config_read=self._began,
            ticked=self._ticked,
            reports=self._app.reports.counts(),
            sent=tuple(_sent(self._desk)) if self._desk else (),
        )


def _sent(desk: Desk) -> Iterator[Sent]:
    """Tell what became of the rows that were sent, table by table."""
    for (model, what), intake in desk.intakes.items():
        totals = intake.tally.totals()
        yield Sent(
            model=model,
            table=what,
            accepted=totals[ACCEPTED],
            repeated=totals[REPEATED],
            rejected=intake.tally.rejected(),
            backlog=intake.landing.backlog(),
            not_kept=totals[NOT_KEPT],
            unanswered={"response": totals[NO_RESPONSE], "request": totals[NO_REQUEST]}
            if what == PREDICTIONS
            else {},
        )


def _desk(app: App) -> Desk:
    try:
        return Desk(app.config, app.world.clock.now)
    except LandingError as error:
        raise ServerError(str(error)) from error


@contextlib.contextmanager
def _feeding(app: App, desk: Desk) -> Iterator[None]:
    with contextlib.ExitStack() as ending:
        try:
            ending.enter_context(feeding(app.config, desk))
        except SourceError as error:
            raise ServerError(str(error)) from error
        yield


def serve(
    app: App,
    *,
    host: str | None = None,
    port: int | None = None,
    say: Callable[[str], None],
) -> bool:
    """Serve until the process is told to stop; False when work had to be abandoned.

    The HTTP server comes first, so that probes have an answer while the first windows
    are caught up on. Raises ServerError when it cannot listen.
    """
    section = app.config.server
    with told_to_stop() as stop, _desk(app) as desk, _feeding(app, desk):
        service = Service(app, stop, desk)
        server = Server(
            IngestApi(desk, create(service.state, described(desk))),
            host=section.host if host is None else host,
            port=section.port if port is None else port,
        )
        with server:
            watched = ", ".join(app.config.models)
            say(f"driftd serves {server.url} and watches {watched}. Ctrl-C stops it.")
            log.info("serving", url=server.url, models=list(app.config.models))
            service.scheduler.start()
            while not stop.wait(1.0):
                pass
            log.info("stopping")
            finished = service.finish(GRACE)
    log.info("stopped", finished=finished)
    return finished
