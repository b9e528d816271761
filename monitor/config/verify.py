"""What only the plugins and the checks can say of a config: their names and options."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checks import registry
from checks.errors import OptionError
from checks.registry import SEGMENTED, Check, Subject, Task
from monitor.config.document import parse
from monitor.config.load import as_errors
from monitor.config.model import CheckChoice, Checks, Config, Model, Monitor
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
        for problem in _of_model(model):
            yield problem.under("models", name)


def _of_model(model: Model) -> Iterator[Problem]:
    for key, monitor in model.monitors.items():
        for problem in (*_monitor(monitor, model), *_preset(monitor.preset)):
            yield problem.under("monitors", key)
    if model.evaluation is not None:
        for problem in _checks(model.evaluation.checks, model):
            yield problem.under("evaluation", "checks")
    for problem in _segmented(model):
        yield problem.under("segments", "checks")


def _monitor(monitor: Monitor, model: Model) -> Iterator[Problem]:
    for problem in _checks(monitor.checks, model):
        yield problem.under("checks")
    if monitor.sequence:
        from monitor.config import lasting  # noqa: PLC0415 - reading a config is light

        names = registry.names()
        made = frozenset(n for n in names if _made(n, monitor.checks))
        binary = model.task is Task.BINARY_CLASSIFICATION
        outcomes = binary and model.labels is not None
        yield from lasting.mistakes(
            monitor.sequence, made, model.table, outcomes=outcomes
        )


def _checks(checks: Checks, model: Model) -> Iterator[Problem]:
    for name, choice in checks.root.items():
        if name == "default":
            yield from _options("default", {}, choice.options)
            yield from _of_one_check(choice)
        elif name not in registry.names():
            yield Problem(
                path=(name,),
                message=f"there is no check {name!r}",
                fix=nearest(name, registry.names(), noun="checks"),
            )
        else:
            check = registry.get(name)
            yield from _options(name, check.options, choice.options)
            yield from _limits(check, choice)
            if choice.on:
                yield from _needs(check, model)


def _of_one_check(choice: CheckChoice) -> Iterator[Problem]:
    """Find what is said of the standard suite, and can only be said of one check."""
    for key in ("threshold", "warn", "columns", "min_rows"):
        if getattr(choice, key) is not None:
            yield Problem(
                path=("default", key),
                message=f"the standard suite as a whole has no {key}",
                fix=f"write it with each check, such as missing: {{{key}: …}}.",
            )


def _limits(check: Check, choice: CheckChoice) -> Iterator[Problem]:
    """Find a threshold that no value can exceed, and a warning that comes too late."""
    fail, most = choice.threshold, check.most
    if fail is not None and most is not None and fail >= most:
        yield Problem(
            path=(check.name, "threshold"),
            message=f"nothing exceeds {fail:g}: {check.name} is at most {most:.3g}",
            fix=f"write less, such as {check.threshold:g}, the default; "
            f"{check.name}: false leaves the check out.",
        )
        return
    fail = check.threshold if fail is None else fail
    if choice.warn is not None and choice.warn > fail:
        yield Problem(
            path=(check.name, "warn"),
            message=f"it warns from {choice.warn:g}, and fails from {fail:g} already",
            fix=f"write at most {fail:g}, or a larger threshold.",
        )


def _segmented(model: Model) -> Iterator[Problem]:
    """Find checks that no segment can have: unknown ones, and those of whole tables."""
    asked = model.segments.checks if model.segments is not None else None
    for i, name in enumerate(asked or ()):
        known = [n for n in registry.names() if registry.get(n).subject in SEGMENTED]
        if name not in known:
            fix = nearest(name, known, noun="checks that can be made on a segment")
            message = (
                f"check {name!r} is made on the whole window alone"
                if name in registry.names()
                else f"there is no check {name!r}"
            )
            yield Problem(path=(i,), message=message, fix=fix)
        elif not any(_made(name, m.checks) for m in model.monitors.values()):
            message = f"no monitor makes the check {name!r}"
            fix = "name it under the monitor's checks as well."
            yield Problem(path=(i,), message=message, fix=fix)


def _made(name: str, checks: Checks) -> bool:
    if name in checks.chosen:
        return True
    return checks.default and registry.get(name).default and name not in checks.off


_LABELLED = (Subject.OUTCOMES, Subject.LABELS)


def _needs(check: Check, model: Model) -> Iterator[Problem]:
    """Find a check that has nothing to look at for want of a role, or of a source."""
    if check.subject in _LABELLED and model.labels is None:
        yield Problem(
            path=(check.name,),
            message="it needs labels, and the model has no source of them",
            fix="write labels: {source: …} for the model, or leave the check out.",
        )
    if check.needs and not any(model.table.first(role) for role in check.needs):
        named = " or ".join(sorted(role.value for role in check.needs))
        yield Problem(
            path=(check.name,),
            message=f"it needs a column with the role {named}",
            fix=f"give a column role: {named}, or leave the check out.",
        )


def _preset(name: str | None) -> Iterator[Problem]:
    there = registry.presets()
    if name is not None and name not in there:
        message = f"there is no preset {name!r}"
        fix = nearest(name, there, noun="presets")
        yield Problem(path=("preset",), message=message, fix=fix)


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
