"""What must hold between the parts of a config, and needs no plugin to be told."""

from collections.abc import Iterable, Iterator

from checks.registry import Task
from checks.schema import Role
from monitor.config.model import Config, Evaluation, Model, Monitor
from monitor.config.plugin import FED
from monitor.config.privacy import unhidable
from monitor.problems import Problem, nearest

_ALONE = (Role.TIMESTAMP, Role.ID, Role.LABEL, Role.PREDICTION, Role.SCORE)
"""Roles that one column of a model plays at most."""


def dangling(config: Config) -> Iterator[Problem]:
    """Find what refers to something that is not there."""
    for name, model in config.models.items():
        found = (*_roles(model), *_personal(model, config))
        for problem in (*found, *_monitors(model, config.actions.keys())):
            yield problem.under("models", name)
        if model.segments is not None:
            for problem in model.segments.problems(model.table):
                yield problem.under("models", name, "segments")
        if model.capture is not None:
            for problem in model.capture.problems(model.table):
                yield problem.under("models", name, "capture")
        if model.sampling is not None:
            for problem in model.sampling.problems(model.table):
                yield problem.under("models", name, "sampling")


def unscheduled(config: Config) -> Iterator[Problem]:
    """Find models whose rows cannot be put in time: checked by hand only."""
    for name, model in config.models.items():
        if model.table.first(Role.TIMESTAMP) is None:
            yield Problem(
                path=("models", name, "columns"),
                message="no column has the role timestamp, so no window can be cut",
                fix="give the column that says when a row was served role: timestamp.",
            )


def _personal(model: Model, config: Config) -> Iterator[Problem]:
    for name in sorted(model.personal):
        column = model.columns[name]
        yield from unhidable(name, column.role, column.kind)
        if config.privacy is None:
            yield Problem(
                path=("columns", name, "pii"),
                message="there is no key to hide personal values with",
                fix="add `privacy: {key: ${DRIFTD_PII_KEY}}` to the config.",
            )


def _roles(model: Model) -> Iterator[Problem]:
    for role in _ALONE:
        names = [column.name for column in model.table.with_role(role)]
        for name in names[1:]:
            message = f"{names[0]!r} has the role {role.value} already"
            path = ("columns", name, "role")
            yield Problem(path=path, message=message, fix="choose one.")
    shares = model.table.with_role(Role.ATTRIBUTION)
    if len(shares) == 1:
        yield Problem(
            path=("columns", shares[0].name, "role"),
            message="one attribution alone has no place in an order",
            fix="give the attribution of each feature, or role: ignored.",
        )
    if model.task is not Task.NONE:
        yield from _needed(model, "task", Role.PREDICTION, Role.SCORE)
    if model.labels is not None:
        if model.labels.source.type in FED and model.labels.timestamp is None:
            yield Problem(
                path=("labels",),
                message="labels that are sent need a time at which each became known",
                fix="add for example `timestamp: known_at`.",
            )
        yield from _needed(model, "labels", Role.ID)
        yield from _needed(model, "labels", Role.LABEL)
    elif model.evaluation is not None:
        yield from _needed(model, "evaluation", Role.LABEL)
    yield from _skew(model)
    if model.evaluation is not None and model.task is Task.NONE:
        fix = "set task: binary_classification or regression."
        message = "a model without a task cannot be evaluated"
        yield Problem(path=("evaluation",), message=message, fix=fix)


def _skew(model: Model) -> Iterator[Problem]:
    asked, again = model.recomputed, model.replay
    if asked is not None:
        if asked.on is None:
            yield from _needed(model, "recomputed", Role.ID)
        yield from _compared(model, "recomputed", asked.columns or ())
    if again is not None:
        yield from _compared(model, "replay", again.columns or ())
        yield from _compared(model, "replay", again.outputs, "outputs")
    if asked is not None and again is not None:
        message = "served rows are compared with recomputed ones, or replayed"
        yield Problem(path=("replay",), message=message, fix="choose one.")


def _compared(
    model: Model, section: str, names: Iterable[str], key: str = "columns"
) -> Iterator[Problem]:
    """Find columns to be compared that the model does not have."""
    for i, name in enumerate(names):
        if name not in model.columns:
            message = f"there is no column {name!r}"
            fix = nearest(name, model.columns, noun="columns")
            where = i if key == "columns" else name
            yield Problem(path=(section, key, where), message=message, fix=fix)


def _needed(model: Model, section: str, *roles: Role) -> Iterator[Problem]:
    if any(model.table.first(role) for role in roles):
        return
    named = " or ".join(role.value for role in roles)
    yield Problem(
        path=(section,),
        message=f"it needs a column with the role {named}",
        fix=f"give a column role: {roles[0].value}.",
    )


def _monitors(model: Model, actions: Iterable[str]) -> Iterator[Problem]:
    if "evaluation" in model.monitors:
        message = "under this name stand the incidents of re-evaluations"
        yield Problem(
            path=("monitors", "evaluation"), message=message, fix="choose another name."
        )
    for name, monitor in model.monitors.items():
        for problem in (*_actions(monitor, actions), *_monitor(monitor, model)):
            yield problem.under("monitors", name)
    if model.evaluation is not None:
        evaluation = model.evaluation
        for problem in (*_actions(evaluation, actions), *_columns(evaluation, model)):
            yield problem.under("evaluation")


def _monitor(monitor: Monitor, model: Model) -> Iterator[Problem]:
    if monitor.of is not None and monitor.of < monitor.for_:
        message = f"{monitor.for_} failing windows of the last {monitor.of} cannot be"
        fix = f"write of: {monitor.for_} or more."
        yield Problem(path=("of",), message=message, fix=fix)
    yield from _columns(monitor, model)


def _columns(section: Monitor | Evaluation, model: Model) -> Iterator[Problem]:
    for check, choice in section.checks.root.items():
        for i, column in enumerate(choice.columns or ()):
            if column not in model.columns:
                yield Problem(
                    path=("checks", check, "columns", i),
                    message=f"there is no column {column!r}",
                    fix=nearest(column, model.columns, noun="columns"),
                )


def _actions(
    section: Monitor | Evaluation, actions: Iterable[str]
) -> Iterator[Problem]:
    for i, name in enumerate(section.actions):
        if name not in actions:
            yield Problem(
                path=("actions", i),
                message=f"there is no action {name!r}",
                fix=nearest(name, actions, noun="actions"),
            )
