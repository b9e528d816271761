"""Replaying a scenario on a config: found, told, and held against what it expects."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from monitor.actions.base import open_action
from monitor.clock import ManualClock
from monitor.config import Config, Monitor
from monitor.evaluate import Watch
from monitor.problems import Problem, nearest, translate
from monitor.replay.expectation import Difference, differences
from monitor.replay.scenario import Scenario, read, wrong
from monitor.replay.telling import Came, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A scenario, what came of each of its steps, and where that was not expected."""

    file: Path
    scenario: Scenario
    steps: tuple[tuple[Came, tuple[Difference, ...]], ...]

    @property
    def expected(self) -> bool:
        """Whether all came out as the scenario says."""
        return not any(other for _, other in self.steps)


def replay(config: Config, file: Path, *, restart: bool = False) -> Replayed:
    """Replay a scenario; raises ConfigErrors for one that cannot be told."""
    scenario = read(file)
    watch = _watch(config, scenario, file)
    actions = {
        name: open_action(name, section, clock=ManualClock(scenario.start))
        for name, section in config.actions.items()
    }
    told = tell(config, watch, scenario, file, actions=actions, restart=restart)
    steps = tuple((came, tuple(differences(came))) for came in told)
    return Replayed(file=file, scenario=scenario, steps=steps)


def _watch(config: Config, scenario: Scenario, file: Path) -> Watch:
    """Return the monitor that a scenario is about, as it is there."""
    name = _choice("model", scenario.model, list(config.models), file)
    section = config.models[name]
    monitor = _choice("monitor", scenario.monitor, list(section.monitors), file)
    settings = _settings(section.monitors[monitor], scenario, file)
    for index, action in enumerate(settings.actions):
        if action not in config.actions:
            message = f"the config has no action {action!r}"
            fix = nearest(action, config.actions, noun="actions")
            path = ("with", "actions", index)
            raise wrong(file, Problem(path=path, message=message, fix=fix))
    _heard(scenario, file, list(config.actions))
    section = section.model_copy(update={"monitors": {monitor: settings}})
    return Watch(model=name, monitor=monitor, section=section, settings=settings)


def _choice(noun: str, wanted: str | None, names: Sequence[str], file: Path) -> str:
    """Return the one that is wanted, or the only one there is."""
    if wanted in names:
        return str(wanted)
    if wanted is None and len(names) == 1:
        return names[0]
    message = f"the config has no {noun} {wanted!r}"
    fix = nearest(wanted or "", names, noun=f"{noun}s")
    if wanted is None:
        message = f"the config has {len(names)} {noun}s: {', '.join(names)}"
        fix = f"say which with {noun}: NAME."
    raise wrong(file, Problem(path=(noun,), message=message, fix=fix))


def _settings(monitor: Monitor, scenario: Scenario, file: Path) -> Monitor:
    """Return a monitor's settings with those that a scenario has otherwise."""
    if not scenario.with_:
        return monitor
    try:
        given = Monitor.model_validate({"window": monitor.window, **scenario.with_})
    except ValidationError as error:
        found = [one.under("with") for one in translate(error, Monitor)]
        raise wrong(file, *found) from None
    written = {
        field
        for field in given.model_fields_set
        if (Monitor.model_fields[field].alias or field) in scenario.with_
    }
    if "window" in written and "every" not in written:
        written.add("every")
    return monitor.model_copy(update={name: getattr(given, name) for name in written})


def _heard(scenario: Scenario, file: Path, actions: Sequence[str]) -> None:
    """Raise ConfigErrors where a message goes to an action that the monitor lacks."""
    found = []
    for number, step in enumerate(scenario.windows):
        for index, message in enumerate(step.sent):
            if message.to is None or message.to in actions:
                continue
            told = f"the config has no action {message.to!r}"
            fix = nearest(message.to, actions, noun="actions")
            path = ("windows", number, "sent", index, "to")
            found.append(Problem(path=path, message=told, fix=fix))
    if found:
        raise wrong(file, *found)
