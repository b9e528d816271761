"""What only the plugins and the checks can say of a config: their names and options."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checks import registry
from checks.errors import OptionError
from monitor.config.document import parse
from monitor.config.load import as_errors
from monitor.config.model import Checks, Config
from monitor.config.plugin import resolve
from monitor.plugins import Registry
from monitor.problems import Problem, nearest


def verify(config: Config, *, sources: Registry[Any], actions: Registry[Any]) -> None:
    """Raise ConfigErrors unless every source, action and check takes its options."""
    problems = list(_problems(config, sources, actions))
    if problems:
        raise as_errors(config.file, problems, _document(config.file))


def _problems(
    config: Config, sources: Registry[Any], actions: Registry[Any]
) -> Iterator[Problem]:
    for name, plugin in config.actions.items():
        for problem in resolve(plugin, actions, literal_secrets=False)[1]:
            yield problem.under("actions", name)
    for name, model in config.models.items():
        for path, plugin in model.sources():
            for problem in resolve(plugin, sources, literal_secrets=False)[1]:
                yield problem.under("models", name, *path)
        for key, monitor in model.monitors.items():
            for problem in _checks(monitor.checks):
                yield problem.under("models", name, "monitors", key, "checks")
        if model.evaluation is not None:
            for problem in _checks(model.evaluation.checks):
                yield problem.under("models", name, "evaluation", "checks")


def _checks(checks: Checks) -> Iterator[Problem]:
    for name, choice in checks.root.items():
        if name == "default":
            yield from _options("default", {}, choice.options)
        elif name not in registry.names():
            yield Problem(
                path=(name,),
                message=f"there is no check {name!r}",
                fix=nearest(name, registry.names(), noun="checks"),
            )
        else:
            yield from _options(name, registry.get(name).options, choice.options)


def _options(
    check: str, known: Mapping[str, Any], written: Mapping[str, Any]
) -> Iterator[Problem]:
    for option, value in written.items():
        if option not in known:
            yield Problem(
                path=(check, option),
                message=f"check {check!r} has no option {option!r}",
                fix=nearest(option, (*known, "threshold", "columns"), noun="options"),
            )
            continue
        try:
            registry.get(check).validate({option: value})
        except OptionError as error:
            yield Problem(path=(check, option), message=str(error))


def _document(path: Path) -> Any:  # noqa: ANN401 - a Document, or nothing
    """Read the file again, for its line numbers alone."""
    try:
        return parse(path.read_text("utf-8-sig"), {})
    except (OSError, UnicodeDecodeError):
        return None
