"""The ingest desk: every table that rows may be sent to, and what becomes of them."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from checks.schema import Kind, Role
from monitor.config import Config, Model
from monitor.ingest.intake import Intake
from monitor.ingest.rows import RowReader
from monitor.ingest.table import Field, Table
from monitor.landing import Landing, LandingError, Shape
from monitor.logs import logger

log = logger(__name__)

PREDICTIONS, LABELS = "predictions", "labels"
LANDING_EVERY = 2.0
"""Seconds between two looks for what may be landed."""


def tables(config: Config) -> dict[tuple[str, str], tuple[Table, Path]]:
    """Return the tables that a config wants sent to the daemon, with their folders."""
    found = {}
    for name, model in config.models.items():
        if model.source.type == "ingest":
            where = model.source.base / str(model.source.options["path"])
            found[name, PREDICTIONS] = (_predictions(name, model), where)
        labels = model.labels
        if labels is not None and labels.source.type == "ingest":
            where = labels.source.base / str(labels.source.options["path"])
            found[name, LABELS] = (_labels(name, model), where)
    return found


def _predictions(name: str, model: Model) -> Table:
    schema = model.table
    key, time = schema.first(Role.ID), schema.first(Role.TIMESTAMP)
    return Table(
        model=name,
        what=PREDICTIONS,
        fields=tuple(
            Field(name=column.name, kind=column.kind)
            for column in schema
            if column.role is not Role.IGNORED
        ),
        id=key,
        time=time,
        shape=Shape(key=(key,) if key else (), time=time),
    )


def _labels(name: str, model: Model) -> Table:
    """Return the table of labels: each correction of one is a row of its own."""
    schema = model.table
    key, label = schema.first(Role.ID), schema.first(Role.LABEL)
    known = model.labels.timestamp if model.labels else None
    wanted = [column for column in (key, label) if column is not None]
    fields = [Field(name=c, kind=model.columns[c].kind) for c in wanted]
    if known is not None:
        fields.append(Field(name=known, kind=Kind.DATETIME))
        wanted.append(known)
    return Table(
        model=name,
        what=LABELS,
        fields=tuple(fields),
        id=key,
        time=known,
        shape=Shape(key=tuple(wanted), time=known),
    )


class Desk:
    """All intakes of a daemon, and the thread that lands what they took."""

    def __init__(self, config: Config, clock: Callable[[], datetime]) -> None:
        """Open the landings; raises LandingError where one cannot be."""
        self._clock = clock
        self._stack = ExitStack()
        self.intakes: dict[tuple[str, str], Intake] = {}
        wanted = tables(config)
        self._pool = ThreadPoolExecutor(max(1, min(8, len(wanted))), "append")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="landing", daemon=True)
        with ExitStack() as opened:
            opened.callback(self._pool.shutdown)
            for place, (table, folder) in wanted.items():
                landing = opened.enter_context(Landing.open(folder, table.shape))
                reader = RowReader(table)
                self.intakes[place] = Intake(reader, landing, clock, self._pool)
            self._stack = opened.pop_all()

    def __enter__(self) -> Self:
        if self.intakes:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End what is under way; what has not landed stays in the log."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._stack.close()

    def now(self) -> datetime:
        """Return the time on the daemon's clock."""
        return self._clock()

    @property
    def troubles(self) -> Mapping[str, str]:
        """What keeps rows from being taken, by table."""
        return {
            f"{model}/{what}": intake.landing.trouble
            for (model, what), intake in self.intakes.items()
            if intake.landing.trouble
        }

    def _run(self) -> None:
        while not self._stop.wait(LANDING_EVERY):
            for intake in self.intakes.values():
                try:
                    intake.landing.land(self._clock())
                except LandingError as error:
                    log.warning("landing_put_off", cause=str(error))
