"""The ingest desk: every table that rows may be sent to, and what becomes of them."""

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from monitor.config import Config, Model
from monitor.ingest.admission import BACKLOG, Room
from monitor.ingest.apart import Apart
from monitor.ingest.counting import Counting
from monitor.ingest.declared import PREDICTIONS, names, tables
from monitor.ingest.events import Events
from monitor.ingest.intake import Intake
from monitor.ingest.rejected import Rejected
from monitor.ingest.rows import RowReader
from monitor.ingest.table import Table
from monitor.ingest.tally import REPEATED, Tally
from monitor.landing import Landing, LandingError
from monitor.logs import logger
from monitor.sampling import Decider

log = logger(__name__)

LANDING_EVERY = 2.0
"""Seconds between two looks for what may be landed."""
WAITING_BYTES = 128 << 20
"""Bytes of a log that may wait to be landed while files are merged."""
_RESTS = 9
"""How many times as long as it took to merge some files none are merged."""


class Desk:
    """All intakes of a daemon, and the thread that lands what they took."""

    def __init__(self, config: Config, clock: Callable[[], datetime]) -> None:
        """Open the landings; raises LandingError where one cannot be."""
        self.now = clock
        self.room = Room()
        self.intakes: dict[tuple[str, str], Intake] = {}
        self.events: dict[str, Events] = {}
        self._stop = threading.Event()
        self._merging_from = clock()
        self._thread = threading.Thread(target=self._run, name="landing", daemon=True)
        wanted = tables(config)
        with ExitStack() as opened:
            pool = ThreadPoolExecutor(max(2, min(8, len(wanted))), "append")
            opened.callback(pool.shutdown)
            # One large body is taken apart at a time: what that takes is bounded.
            self.reading: Executor = ThreadPoolExecutor(1, "reading")
            opened.callback(self.reading.shutdown)
            self.apart = opened.enter_context(Apart())
            for place, (table, folder) in wanted.items():
                model = config.models[table.model]
                intake = _opened(table, folder, model, clock, pool, opened)
                self.intakes[place] = intake
                if table.what == PREDICTIONS:
                    called = names(model)
                    calls = folder.with_name("calls")
                    events = Events(intake, calls, called, clock, pool)
                    self.events[table.model] = events
                    opened.callback(events.close)
            self._opened = opened.pop_all()
        self._turns = [*self.intakes]

    def __enter__(self) -> Self:
        if self.intakes:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End what is under way; what has not landed stays in the log."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._opened.close()

    def of(self, model: str) -> Iterator[tuple[str, Intake]]:
        """Walk over the tables of a model that rows may be sent to."""
        for (name, what), intake in self.intakes.items():
            if name == model:
                yield what, intake

    def trouble(self) -> str | None:
        """Return what keeps rows from being taken; None once a try has succeeded."""
        told = []
        for intake in self.intakes.values():
            if intake.landing.trouble:
                intake.landing.probe(self.now())
            if intake.landing.trouble:
                told.append(intake.landing.trouble)
        return "; ".join(told) or None

    def _run(self) -> None:
        """Look after what was taken, table by table, until the daemon stops."""
        while not self._stop.wait(LANDING_EVERY):
            for events in self.events.values():
                _tended("calls", events.overdue)
            for intake in self.intakes.values():
                _tended("counting", intake.write)
                _tended("landing", functools.partial(self._land, intake))
            for place in tuple(self._turns):
                if not self._waiting() and self.now() >= self._merging_from:
                    _tended("merging", functools.partial(self._merge, place))

    def _land(self, intake: Intake) -> None:
        landed = intake.landing.land(self.now())
        intake.tally.add(self.now(), REPEATED, landed.repeated)

    def _merge(self, place: tuple[str, str]) -> None:
        """Merge some files of a table, whose next turn is after all others'."""
        began = self.now()
        if self.intakes[place].landing.merge(began, self._merging_goes_on):
            ended = self.now()
            self._merging_from = ended + _RESTS * (ended - began)
            self._turns.remove(place)
            self._turns.append(place)

    def _merging_goes_on(self) -> bool:
        return not self._stop.is_set() and self._waiting() <= WAITING_BYTES

    def _waiting(self) -> int:
        """Return how many bytes wait to be landed, which is more urgent."""
        return sum(intake.landing.backlog() for intake in self.intakes.values())


def _tended(what: str, act: Callable[[], None]) -> None:
    """Do something that is tried again; one table's trouble is no other's."""
    try:
        act()
    except LandingError as error:
        log.warning("put_off", what=what, cause=str(error))
    except Exception:
        log.exception("tending_failed", what=what)


def behind(intake: Intake) -> bool:
    """Tell whether more waits to be landed than should."""
    return intake.landing.backlog() > BACKLOG


def _opened(  # noqa: PLR0913, PLR0917 - what a table needs, each once
    table: Table,
    folder: Path,
    model: Model,
    clock: Callable[[], datetime],
    pool: Executor,
    opened: ExitStack,
) -> Intake:
    landing = opened.enter_context(Landing.open(folder, table.shape))
    shown = table.put_aside if table.hidden else None
    counting = decider = None
    if table.what == PREDICTIONS:
        counting = Counting(table, model.table, model.stretch, landing.folder)
        if model.sampling is not None:
            decider = Decider.of(model.sampling, model.table)
    intake = Intake(
        reader=RowReader(table),
        landing=landing,
        rejected=Rejected(folder / "rejected", shown),
        tally=Tally(folder / "tally.json"),
        counting=counting,
        decider=decider,
        clock=clock,
        pool=pool,
    )
    opened.callback(intake.write)
    return intake
