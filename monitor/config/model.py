"""What a config holds once it is read: frozen values with defaults."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from checks.correction import Correction
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from monitor.config.capture import Capture
from monitor.config.document import Substituted, scalar
from monitor.config.egress import EgressSection
from monitor.config.labels import Labels
from monitor.config.mute import MuteTime
from monitor.config.node import Node
from monitor.config.plugin import FED, Plugin, PluginSection, base_of, with_folders
from monitor.config.privacy import Privacy
from monitor.config.sampling import Sampling
from monitor.config.scalars import (
    Allowance,
    Budget,
    Cron,
    Delay,
    Duration,
    Name,
    Text,
    budget,
    duration,
)
from monitor.config.segments import Segments
from monitor.config.sequence import Sequence
from monitor.config.server import Server
from monitor.config.skew import Recomputed, Replay
from monitor.config.version import VERSION_SCHEMA, Version
from monitor.privacy import Personal
from monitor.problems import mistake

if TYPE_CHECKING:
    from checks.classes import Classes
    from checks.segment import Declared

_KIND_OF_ROLE = {
    Role.TIMESTAMP: Kind.DATETIME,
    Role.SCORE: Kind.NUMERIC,
    Role.ATTRIBUTION: Kind.NUMERIC,
    Role.ID: Kind.CATEGORICAL,
    Role.SEGMENT: Kind.CATEGORICAL,
    Role.WEIGHT: Kind.NUMERIC,
    Role.SAMPLING_FRACTION: Kind.NUMERIC,
    Role.IGNORED: Kind.CATEGORICAL,
}

_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?![/:])(.+)\Z", re.DOTALL)


class Period(StrEnum):
    """The calendar stretches that an evaluation covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class ColumnSection(Node):
    """A column's role and kind; the kind may be left out where the role tells it."""

    role: Role = Role.FEATURE
    kind: Kind
    pii: bool = False
    """Whether its values are hidden before anything of them is kept."""

    @model_validator(mode="before")
    @classmethod
    def _kind_by_role(cls, written: object) -> object:
        if not isinstance(written, Mapping) or written.get("kind") is not None:
            return written
        kind = _KIND_OF_ROLE.get(written.get("role", ""))
        return {**written, "kind": kind} if kind else written


class MonitorReference(Node):
    """What a monitor compares a window with; exactly one is set."""

    training: bool = False
    trailing: Duration | None = None
    same_weekday: int | None = Field(default=None, ge=1, le=53)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        if written == "training":
            return {"training": True}
        if isinstance(written, str):
            message = f"{written!r} is no reference"
            raise mistake(message, _REFERENCES)
        return written

    @model_validator(mode="after")
    def _exactly_one(self) -> "MonitorReference":
        chosen = (self.training, self.trailing, self.same_weekday)
        if sum(bool(c) for c in chosen) != 1:
            message = "a monitor has exactly one reference"
            raise mistake(message, _REFERENCES)
        return self


_REFERENCES = "write training, {trailing: 7d} or {same_weekday: 4}."


class CheckChoice(Node):
    """What a config says of one check; `options` are the check's own."""

    on: bool = True
    threshold: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    warn: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    columns: tuple[str, ...] | None = None
    min_rows: int | None = Field(default=None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, written: object) -> object:
        if written is None or isinstance(written, bool):
            return {"on": written is not False}
        if not isinstance(written, Mapping):
            return written
        own = {k: v for k, v in written.items() if k in _OWN_KEYS}
        rest = {k: _resolved(v) for k, v in written.items() if k not in own}
        return {**own, "options": rest}


_OWN_KEYS = ("threshold", "warn", "columns", "min_rows")
"""What every check has; all other keys are the check's own options."""


def _resolved(value: object) -> object:
    return scalar(str(value)) if isinstance(value, Substituted) else value


class Checks(RootModel[dict[str, CheckChoice]]):
    """Which checks a monitor runs.

    `default` stands for the suite that suits the columns; the others are added to it,
    or replace what it says of them. Without `default` only the named checks run.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        return {"default": True} if written == "default" else written

    @property
    def default(self) -> bool:
        """Whether the standard suite runs."""
        choice = self.root.get("default")
        return choice is not None and choice.on

    @property
    def chosen(self) -> Mapping[str, CheckChoice]:
        """The checks named and on."""
        return {k: c for k, c in self.root.items() if k != "default" and c.on}

    @property
    def off(self) -> frozenset[str]:
        """The checks that are taken out of the standard suite."""
        return frozenset(k for k, c in self.root.items() if not c.on)


_CHECKS_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"const": "default"},
            {
                "type": "object",
                "additionalProperties": {"type": ["object", "boolean", "null"]},
            },
        ]
    }
)
_REFERENCE_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"const": "training"},
            {"type": "object", "properties": {"trailing": {"type": "string"}}},
            {"type": "object", "properties": {"same_weekday": {"type": "integer"}}},
        ]
    }
)


class Monitor(Node):
    """A schedule of windows, what they are compared with, and who hears of it."""

    window: Duration
    every: Duration = Field(default_factory=lambda data: data.get("window"))
    delay: Delay = duration("0s")
    reference: Annotated[MonitorReference, _REFERENCE_SCHEMA] = MonitorReference(
        training=True
    )
    preset: Text | None = None
    """Another system, whose own rules decide; without `checks` these alone."""
    checks: Annotated[Checks, _CHECKS_SCHEMA] = Checks({"default": CheckChoice()})
    sequence: tuple[Sequence, ...] = ()
    """Lasting changes along the history of what the checks measure."""
    correction: Correction = Correction.HOLM
    for_: int = Field(default=1, ge=1, alias="for")
    of: int | None = Field(default=None, ge=1)
    keep_firing_for: int = Field(default=1, ge=1)
    min_rows: int = Field(default=200, ge=1)
    repeat: Duration | None = None
    mute: tuple[MuteTime, ...] = ()
    """Times in which nobody is told; what still fires then is told after them."""
    actions: tuple[Name, ...] = ()

    @property
    def standard(self) -> bool:
        """Whether the standard suite runs: beside a preset only where it is written."""
        written = self.preset is None or "checks" in self.model_fields_set
        return written and self.checks.default


class Evaluation(Node):
    """A re-evaluation with labels, at the end of each calendar period."""

    period: Period = Period.MONTH
    schedule: Cron = "0 6 3 * *"
    maturity: float = Field(default=0.9, gt=0, le=1)
    patience: Delay = duration("30d")
    """How long after the period's end it waits for labels to be mature."""
    checks: Annotated[Checks, _CHECKS_SCHEMA] = Checks({"default": CheckChoice()})
    actions: tuple[Name, ...] = ()


class Model(Node):
    """A watched model: its columns, data, and monitors."""

    task: Task = Task.NONE
    positive: str | int | bool | None = None
    """The positive class, where the labels are not true and false or 1 and 0."""
    version: Annotated[Version, VERSION_SCHEMA] = Version(value="1")
    columns: dict[str, ColumnSection] = Field(min_length=1)
    reference: PluginSection
    source: PluginSection
    labels: Labels | None = None
    recomputed: Recomputed | None = None
    replay: Replay | None = None
    sampling: Sampling | None = None
    capture: Capture | None = None
    segments: Segments | None = None
    false_alarm_budget: Allowance = budget("1 per 90d")
    no_data_after: int = Field(default=3, ge=1)
    monitors: dict[Name, Monitor] = Field(min_length=1)
    evaluation: Evaluation | None = None

    @property
    def table(self) -> Schema:
        """The columns as the checks know them."""
        return Schema.of(
            Column(name=name, kind=column.kind, role=column.role)
            for name, column in self.columns.items()
        )

    @property
    def stretch(self) -> timedelta:
        """How long the stretches are that rows sent to the daemon are counted by.

        No window of a monitor cuts one, but those of less than a minute.
        """
        lengths = [one for m in self.monitors.values() for one in (m.window, m.every)]
        seconds = (one // timedelta(seconds=1) for one in lengths)
        return timedelta(seconds=max(60, gcd(3600, *seconds)))

    def captures(self, window: timedelta) -> tuple[str, ...]:
        """The checks of what was captured that can be made of windows so long."""
        asked = () if self.capture is None else self.capture.checks
        if self.source.type not in FED or window % self.stretch:
            return asked
        biased = ("sampling_bias",) if self.sampling is not None else ()
        return tuple(dict.fromkeys((*asked, "completeness", *biased)))

    @property
    def time_column(self) -> str | None:
        """The column that says when a row was served."""
        return self.table.first(Role.TIMESTAMP)

    @property
    def classes(self) -> "Classes":
        """The names of a classifier's two classes."""
        from checks.classes import Classes  # noqa: PLC0415 - reading a config is light

        return Classes() if self.positive is None else Classes(positive=self.positive)

    @property
    def declared(self) -> "Declared":
        """The segments that are watched by themselves."""
        from checks.segment import NONE_DECLARED  # noqa: PLC0415 - reading is light

        if self.segments is None:
            return NONE_DECLARED
        return self.segments.declared(self.table)

    @property
    def personal(self) -> frozenset[str]:
        """The columns whose values are hidden."""
        return frozenset(name for name, column in self.columns.items() if column.pii)

    def hiding(self, privacy: Privacy) -> "Model":
        """Return the same model, none of whose sources tells a personal value."""
        if not self.personal:
            return self
        personal = Personal(
            columns=self.personal, key=privacy.secret, min_rows=privacy.min_rows
        )

        def hidden(source: Plugin) -> Plugin:
            return replace(source, personal=personal)

        update: dict[str, object] = {
            "reference": hidden(self.reference),
            "source": hidden(self.source),
        }
        for name in ("labels", "recomputed"):
            part = getattr(self, name)
            if part is not None:
                source = hidden(part.source)
                update[name] = part.model_copy(update={"source": source})
        return self.model_copy(update=update)

    def sources(self) -> Iterator[tuple[tuple[str, ...], Plugin]]:
        """Walk over the sources with the path to each."""
        if self.capture is not None and self.capture.counters is not None:
            yield ("capture", "counters", "source"), self.capture.counters.source
        yield ("reference",), self.reference
        yield ("source",), self.source
        if self.labels is not None:
            yield ("labels", "source"), self.labels.source
        if self.recomputed is not None:
            yield ("recomputed", "source"), self.recomputed.source


def _beside_the_config(url: str, info: ValidationInfo) -> str:
    """Let a relative SQLite file lie beside the config."""
    match = _RELATIVE_SQLITE.match(url)
    if match is None:
        return url
    return f"{match[1]}{(base_of(info) / match[2]).absolute()}"


class Config(Node):
    """A whole config."""

    store: Annotated[str, AfterValidator(_beside_the_config)] = Field(
        default="sqlite:///driftd.db", repr=False, validate_default=True
    )
    server: Server = Server()
    privacy: Privacy | None = None
    egress: EgressSection = EgressSection()
    """Where what actions send may go."""
    actions: dict[Name, PluginSection] = Field(default_factory=dict)
    models: Annotated[dict[Name, Model], BeforeValidator(with_folders)] = Field(
        min_length=1
    )

    _file: Path = PrivateAttr(default=Path())
    _hash: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _hide(self) -> "Config":
        """Let no source tell a personal value, whoever opens it."""
        if self.privacy is not None:
            privacy = self.privacy
            hidden = {n: model.hiding(privacy) for n, model in self.models.items()}
            object.__setattr__(self, "models", hidden)
        return self

    @property
    def file(self) -> Path:
        """The file it was read from."""
        return self._file

    @property
    def hash(self) -> str:
        """A digest of what it says, without secrets."""
        return self._hash

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's
        """Keep where it came from."""
        told = context or {}
        self._file = Path(told.get("file", ""))
        self._hash = str(told.get("hash", ""))


__all__ = [
    "Budget",
    "CheckChoice",
    "Checks",
    "ColumnSection",
    "Config",
    "Evaluation",
    "Labels",
    "Model",
    "Monitor",
    "MonitorReference",
    "Period",
    "Plugin",
    "Privacy",
    "Recomputed",
    "Replay",
    "Sampling",
    "Segments",
    "Sequence",
    "Server",
    "Version",
]
