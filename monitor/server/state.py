"""What the server asks of the daemon: reading only, each answer one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry

from checks.verdict import Status
from monitor.callbacks import Said
from monitor.incident import Incident, State
from monitor.pressing import Answered
from monitor.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorState:
    """The last window of one monitor; no window yet where it has evaluated none.

    `report` is the path of the window's report below `/reports/`, if one is drawn.
    """

    monitor: str
    status: Status = Status.UNKNOWN
    window: Window | None = None
    rows: int = 0
    evaluated: datetime | None = None
    cause: str | None = None
    report: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """One model as the page and the API tell it; open incidents stand worst first."""

    model: str
    version: str | None
    monitors: tuple[MonitorState, ...]
    incidents: tuple[Incident, ...] = ()

    @property
    def firing(self) -> tuple[Incident, ...]:
        """The incidents that people are told of."""
        return tuple(i for i in self.incidents if i.state is State.FIRING)

    @property
    def pending(self) -> tuple[Incident, ...]:
        """The incidents that wait for another window."""
        return tuple(i for i in self.incidents if i.state is State.PENDING)

    @property
    def status(self) -> Status:
        """The worst status among the last windows; UNKNOWN before the first."""
        return Status.worst(m.status for m in self.monitors if m.window is not None)


class ServerState(Protocol):
    """The daemon as the server sees it; what reads the store may raise StoreError."""

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics."""
        ...

    @property
    def reports(self) -> Path:
        """The folder of reports."""
        ...

    @property
    def version(self) -> str:
        """The driftd that runs."""
        ...

    def hear(self, name: str, headers: Mapping[str, str], body: bytes, /) -> Said:
        """Take a pipeline's own word on a retraining."""
        ...

    def press(self, headers: Mapping[str, str], body: bytes, /) -> Answered:
        """Do what a person wants who pressed a button in Slack."""
        ...

    def tell(self, answered: Answered, /) -> None:
        """Tell that person what came of it."""
        ...

    def now(self) -> datetime:
        """Return the time on the daemon's clock."""
        ...

    def readiness(self) -> Mapping[str, str | None]:
        """Name what must be well, each with what is wrong with it or None."""
        ...

    def models(self) -> Sequence[ModelState]:
        """Return every configured model, in the order of the config."""
        ...

    def report_of(self, incident: Incident) -> str | None:
        """Return the path of the report on an incident's last window, if drawn."""
        ...
