"""A scenario: what windows said, what people did, and what is to be sent when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)

from checks.verdict import Status
from monitor.action import Stage
from monitor.config.document import parse
from monitor.config.load import as_errors
from monitor.config.node import Node
from monitor.config.scalars import Duration, Name, Text
from monitor.errors import ConfigError, ConfigErrors
from monitor.judgement import MATCHED, Judgement
from monitor.notice import Reason
from monitor.problems import Problem, mistake, nearest, translate
from monitor.retraining import Reason as Retrain
from monitor.window import parse_time

MOST_TIMES = 10_000
"""Windows that one line may stand for."""


def _moment(written: object) -> datetime:
    try:
        return parse_time(str(written))
    except ValueError:
        message = f"{written!r} is no time"
        fix = "write for example 2026-03-02 or 2026-03-02T06:00:00Z."
        raise mistake(message, fix) from None


def _listed(written: object) -> object:
    """Take one for a list of one."""
    return [written] if isinstance(written, str | Mapping) else written


Moment = Annotated[datetime, PlainValidator(_moment)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)] | int
"""Incidents by name, such as `wasserstein(amount)`, or how many there are."""


class Message(Node):
    """What somebody is to be sent; what is left out may be anything."""

    to: Name | None = None
    """The action; it may be left out where the monitor has one alone."""
    reason: Reason | Retrain | None = None
    firing: Names | None = None
    muted: Names | None = None
    resolved: Names | None = None
    hushed: int | None = None
    """How many are silenced, or dismissed by a person."""
    at: Moment | None = None
    says: str | None = None
    """A text that stands in its headline, or in one of its lines."""


def _matchers(written: object) -> object:
    if isinstance(written, Mapping):
        for name in written:
            if name not in MATCHED:
                message = f"there is no matcher {name!r}"
                raise mistake(message, nearest(str(name), MATCHED, noun="matchers"))
    return written


class Deed(Node):
    """What somebody did; exactly one of these, beside `for` and `as`."""

    silence: Annotated[dict[str, str], BeforeValidator(_matchers)] | None = None
    for_: Duration | None = Field(default=None, alias="for")
    acknowledge: str | None = None
    as_: Judgement | None = Field(default=None, alias="as")
    deploying: bool | None = None
    """Whether a version is being deployed from now on."""
    deploy: Text | None = None
    """The version that is in production from now on."""
    approve: Name | None = None
    decline: Name | None = None
    close_breaker: Name | None = None
    report: dict[Name, Stage] | None = Field(default=None, min_length=1, max_length=1)
    """How far an action's newest retraining has come, as its pipeline tells."""

    @model_validator(mode="after")
    def _one(self) -> "Deed":
        done = [
            name
            for name in DEEDS
            if getattr(self, name) is not None  # an empty silence covers all
        ]
        if len(done) != 1:
            message = "a step does exactly one thing"
            raise mistake(message, f"write one of {', '.join(DEEDS)}.")
        for name, of in (("for", "silence"), ("as", "acknowledge")):
            if getattr(self, f"{name}_") is not None and of not in done:
                message = f"`{name}` belongs to `{of}`"
                raise mistake(message, "take it out.")
        if self.silence is not None and self.for_ is None:
            message = "a silence has an end"
            raise mistake(message, "add for: 2h.")
        return self


DEEDS = (
    *("silence", "acknowledge", "deploying", "deploy"),
    *("approve", "decline", "close_breaker", "report"),
)
"""What somebody can do."""


def _said(written: object) -> object:
    """Read a status that all checks have as one for every name."""
    return {"*": written} if isinstance(written, str) else written


class Step(Node):
    """A window, a deed, or a stretch of time, and what is to follow from it."""

    says: Annotated[dict[str, Status], BeforeValidator(_said)] | None = None
    """What the checks say of the next window; those that are not named say PASS."""
    times: int = Field(default=1, ge=1, le=MOST_TIMES)
    """How many windows in a row say the same."""
    do: Deed | None = None
    advance: Duration | None = None
    """Time that passes while the daemon is at work."""
    skip: Duration | None = None
    """Time that passes while the daemon is down."""
    sent: Annotated[tuple[Message, ...], BeforeValidator(_listed)] = ()
    """All that is sent in the step; nothing, where it is left out."""
    firing: Names | None = None
    pending: Names | None = None
    retraining: Retrain | dict[Name, Retrain] | None = None
    """What was decided about retraining."""

    @model_validator(mode="after")
    def _one(self) -> "Step":
        kinds = [name for name in STEPS if getattr(self, name) is not None]
        if len(kinds) != 1:
            message = "a step is exactly one thing"
            raise mistake(message, f"write one of {', '.join(STEPS)}.")
        if self.times > 1 and self.says is None:
            message = "`times` counts windows"
            raise mistake(message, "take it out, or say what the windows say.")
        return self

    @property
    def length(self) -> timedelta:
        """How much time it lets pass by itself."""
        return self.advance or self.skip or timedelta(0)


STEPS = ("says", "do", "advance", "skip")
"""What a step can be."""

START = parse_time("2026-03-02")
"""A Monday: when a scenario begins that does not say when."""


class Scenario(Node):
    """A story of one monitor, in order, from `start`."""

    about: str
    model: Name | None = None
    monitor: Name | None = None
    start: Moment = START
    """When the first window begins."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """Keys of the monitor that are not as the config has them."""
    windows: tuple[Step, ...] = Field(min_length=1)


def read(path: Path) -> Scenario:
    """Read a scenario; raises ConfigErrors with everything that is wrong."""
    document = parse(_text(path), {})
    problems = list(document.problems)
    found = None
    try:
        found = Scenario.model_validate(document.tree)
    except ValidationError as error:
        problems += translate(error, Scenario)
    if found is None or problems:
        raise as_errors(path, problems, document)
    return found


def wrong(path: Path, *problems: Problem) -> ConfigErrors:
    """Return what is wrong with a scenario that can be read."""
    return as_errors(path, problems, parse(_text(path), {}))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        message, fix = f"it cannot be read ({why}).", "name a scenario, a YAML file."
        raise ConfigErrors([ConfigError(str(path), "", message, fix)]) from error
