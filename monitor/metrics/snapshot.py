"""The state that one scrape tells: plain values, read together from the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.verdict import Family, Status, Verdict
from monitor.incident import State
from monitor.retraining import State as Retraining
from monitor.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one monitor of one model stands.

    `windows` counts what it has evaluated so far, by status; `window`, `rows` and
    `verdicts` are the last one's. `succeeded` is when a window was last evaluated with
    an answer. `lag_limit` is the lag that a monitor which keeps up stays below.
    """

    model: str
    monitor: str
    windows: Mapping[Status, int] = field(default_factory=dict)
    window: Window | None = None
    rows: int = 0
    verdicts: tuple[Verdict, ...] = ()
    succeeded: datetime | None = None
    lag_limit: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One performance metric of a model's last evaluation with its 95 % interval."""

    model: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigure:
    """What is known of the labels of a monitor's last window, or of a whole model.

    `delays` are seconds by the share of labels that come within them.
    """

    model: str
    monitor: str | None = None
    coverage: float | None = None
    maturity: float | None = None
    delays: Mapping[float, float] = field(default_factory=dict)
    newest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The daemon's last committed state.

    `deliveries` counts those that have come to an end, `queue` those that have not;
    `judged` what people have said of incidents.
    """

    now: datetime
    standings: tuple[Standing, ...] = ()
    incidents: Mapping[tuple[str, Family, State], int] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    queue: Mapping[str, int] = field(default_factory=dict)
    oldest_queued: datetime | None = None
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    judged: Mapping[tuple[str, str], int] = field(default_factory=dict)
    retrainings: Mapping[tuple[str, Retraining], int] = field(default_factory=dict)
    coverage: Mapping[str, float] = field(default_factory=dict)
    maturity: Mapping[str, float] = field(default_factory=dict)
    labels: tuple[LabelFigure, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came to a table that rows are sent to; `rejected` by what was wrong.

    `not_kept` were left out by sampling; `unanswered` are calls by the half that never
    came.
    """

    model: str
    table: str
    accepted: int = 0
    repeated: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    backlog: int = 0
    not_kept: int = 0
    unanswered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What the process knows of itself, whether the store answers or not."""

    version: str
    config_hash: str
    config_read: datetime | None = None
    config_good: bool = True
    ticked: datetime | None = None
    reports: Mapping[str, int] = field(default_factory=dict)
    sent: tuple[Sent, ...] = ()
