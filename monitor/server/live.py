"""The daemon's state as the server asks for it, read anew at each question."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from prometheus_client import CollectorRegistry

from checks.verdict import Family, Status
from monitor.arrival import curve_of
from monitor.callbacks import Said
from monitor.config import Config
from monitor.errors import StoreError
from monitor.finding import gravity
from monitor.incident import Incident, State
from monitor.metrics import (
    Collector,
    Daemon,
    Figure,
    LabelFigure,
    Snapshot,
    Standing,
    registry,
)
from monitor.pressing import Answered
from monitor.report import place
from monitor.retraining import State as Retraining
from monitor.server.state import ModelState, MonitorState
from monitor.store import LEARNED, Arrival, Evaluation, Outcome, Run, Store
from monitor.window import Window, rfc3339

NOBODY = Said(status=HTTPStatus.NOT_FOUND, refusal="nobody listens here")
"""What a pipeline is told where no daemon is at work."""
NO_BUTTONS = Answered(status=HTTPStatus.NOT_FOUND, text=NOBODY.refusal)
"""What Slack is told where no daemon is at work."""
LATE_TICK = timedelta(minutes=5)
"""A scheduler that has not looked for windows for so long hangs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveState:
    """A ServerState over the store.

    `config` and `daemon` are asked each time, so that a reload shows at once.
    """

    store: Store
    config: Callable[[], Config]
    daemon: Callable[[], Daemon]
    clock: Callable[[], datetime]
    reports: Path
    hear: Callable[[str, Mapping[str, str], bytes], Said] = lambda *_: NOBODY
    press: Callable[[Mapping[str, str], bytes], Answered] = lambda *_: NO_BUTTONS
    tell: Callable[[Answered], None] = lambda _: None
    late_tick: timedelta = LATE_TICK
    stopping: Callable[[], bool] = lambda: False
    ingest: Callable[[], str | None] | None = None
    """Says what keeps rows from being taken; None where none are sent."""
    registry: CollectorRegistry = field(init=False)

    def __post_init__(self) -> None:
        """Make the metrics' registry over this state."""
        collector = Collector(self.snapshot, self.daemon)
        object.__setattr__(self, "registry", registry(collector))

    @property
    def version(self) -> str:
        """The driftd that runs."""
        return self.daemon().version

    def now(self) -> datetime:
        """Return the time on the daemon's clock."""
        return self.clock()

    def readiness(self) -> Mapping[str, str | None]:
        """Ask the store for an answer and the scheduler for its last tick."""
        told = {"store": self._store_trouble(), "scheduler": self._tick_trouble()}
        return told if self.ingest is None else {**told, "ingest": self.ingest()}

    def models(self) -> tuple[ModelState, ...]:
        """Return every configured model with its last windows and open incidents."""
        runs = {(run.model, run.monitor): run for run in self.store.latest_runs()}
        incidents: defaultdict[str, list[Incident]] = defaultdict(list)
        for incident in sorted(self.store.open_incidents(), key=gravity):
            incidents[incident.key.model].append(incident)
        return tuple(
            ModelState(
                model=model,
                version=self.store.current_version(model),
                monitors=tuple(
                    self._monitor(monitor, runs.get((model, monitor)))
                    for monitor in section.monitors
                ),
                incidents=tuple(incidents[model]),
            )
            for model, section in self.config().models.items()
        )

    def report_of(self, incident: Incident) -> str | None:
        """Return the path of the report on an incident's last window, if drawn."""
        start = incident.last_window
        window = Window(start, start + timedelta(microseconds=1))
        return self._drawn(incident.key.model, incident.key.monitor, window)

    def snapshot(self) -> Snapshot:
        """Read what the metrics tell."""
        deliveries = self.store.tallies.deliveries()
        latest = list(_latest(self.store.evaluations()))
        return Snapshot(
            now=self.clock(),
            standings=tuple(self._standings()),
            incidents={
                (model, Family(family), State(state)): count
                for (
                    model,
                    family,
                    state,
                ), count in self.store.tallies.incidents().items()
            },
            deliveries={
                (action, outcome): count
                for (action, outcome), count in deliveries.items()
                if outcome not in (Outcome.PENDING.value, Outcome.HELD.value)
            },
            queue=_of(deliveries, Outcome.PENDING, self.config().actions),
            oldest_queued=self.store.oldest_pending(),
            dead_letters=_of(deliveries, Outcome.DEAD, self.config().actions),
            judged=self.store.silences.judged(),
            retrainings={
                (model, Retraining(state)): count
                for (model, state), count in self.store.tallies.retrainings().items()
            },
            coverage={found.model: found.coverage for found in latest},
            maturity={m: share for m, share in map(_maturity, latest) if share},
            labels=tuple(map(_label_figure, self.store.arrivals.latest())),
            figures=tuple(figure for found in latest for figure in _figures(found)),
        )

    def _store_trouble(self) -> str | None:
        try:
            self.store.ping()
        except StoreError as error:
            return str(error)
        return None

    def _tick_trouble(self) -> str | None:
        if self.stopping():
            return "is stopping"
        ticked = self.daemon().ticked
        if ticked is None:
            return "has not ticked yet"
        if self.clock() - ticked > self.late_tick:
            minutes = self.late_tick / timedelta(minutes=1)
            return f"last ticked at {rfc3339(ticked)}, over {minutes:g} minutes ago"
        return None

    def _monitor(self, monitor: str, run: Run | None) -> MonitorState:
        if run is None:
            return MonitorState(monitor=monitor)
        return MonitorState(
            monitor=monitor,
            status=run.status,
            window=run.window,
            rows=run.rows,
            evaluated=run.evaluated,
            cause=run.cause,
            report=self._drawn(run.model, run.monitor, run.window),
        )

    def _drawn(self, model: str, monitor: str, window: Window) -> str | None:
        where = place(model, monitor, window)
        return str(where) if (self.reports / where).is_file() else None

    def _standings(self) -> Iterator[Standing]:
        runs = {(run.model, run.monitor): run for run in self.store.latest_runs()}
        counts: defaultdict[tuple[str, str], dict[Status, int]] = defaultdict(dict)
        succeeded: dict[tuple[str, str], datetime] = {}
        for (model, monitor, status), (
            count,
            last,
        ) in self.store.tallies.runs().items():
            key = (model, monitor)
            counts[key][Status(status)] = count
            if status != Status.UNKNOWN.value:
                succeeded[key] = max(last, succeeded.get(key, last))
        for model, section in self.config().models.items():
            for monitor, settings in section.monitors.items():
                run = runs.get((model, monitor))
                yield Standing(
                    model=model,
                    monitor=monitor,
                    windows=counts[model, monitor],
                    window=run.window if run else None,
                    rows=run.rows if run else 0,
                    verdicts=run.verdicts if run else (),
                    succeeded=succeeded.get((model, monitor)),
                    lag_limit=settings.every + settings.delay,
                )


def _of(
    counts: Mapping[tuple[str, str], int],
    outcome: Outcome,
    actions: Mapping[str, object],
) -> dict[str, int]:
    """Count one outcome by action; a configured action that has none has 0."""
    found = dict.fromkeys(actions, 0)
    found |= {a: n for (a, o), n in counts.items() if o == outcome.value}
    return found


def _latest(evaluations: list[Evaluation]) -> Iterator[Evaluation]:
    """Return the newest revision of the newest period of each model."""
    newest: dict[str, Evaluation] = {}
    for found in evaluations:
        other = newest.get(found.model)
        if other is None or _age(found) >= _age(other):
            newest[found.model] = found
    yield from newest.values()


def _age(evaluation: Evaluation) -> tuple[datetime, int]:
    """Return a key that grows with every newer evaluation."""
    return evaluation.period.start, evaluation.revision


def _maturity(evaluation: Evaluation) -> tuple[str, float | None]:
    """Return the share of an evaluation's labels that had come, where it is known."""
    return evaluation.model, evaluation.body.get("labels", {}).get("maturity")


def _label_figure(seen: Arrival) -> LabelFigure:
    """Return what a look at labels tells."""
    if seen.monitor != LEARNED:
        return LabelFigure(
            model=seen.model,
            monitor=seen.monitor,
            coverage=seen.coverage,
            maturity=seen.maturity,
        )
    curve = curve_of(seen)
    return LabelFigure(
        model=seen.model,
        newest=seen.newest,
        delays={q: curve.quantile(q) for q in (0.5, 0.9, 0.99)} if curve else {},
    )


def _figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Return the metrics of an evaluation with their intervals."""
    for metric, told in sorted(evaluation.body.get("metrics", {}).items()):
        yield Figure(
            model=evaluation.model,
            metric=metric,
            value=told["value"],
            low=told.get("low"),
            high=told.get("high"),
        )
