"""Every check there is, found by looking into the packages of checks.

A check is a function of two summaries, `(reference, current, *, options) -> Statistic`,
decorated with `@check`. Adding one costs a file and a test: nothing here is a list.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from checks.errors import OptionError
from checks.option import required
from checks.schema import Kind, Role
from checks.statistic import Statistic
from checks.verdict import Family

PACKAGES = ("drift", "multivariate", "quality", "skew", "performance", "peers")

Measure = Callable[..., Statistic]


class Subject(StrEnum):
    """What a check compares."""

    COLUMN = "column"
    """Two ColumnProfiles of one column."""
    VALUES = "values"
    """Two Values: the rows of one column themselves, read again for it."""
    TABLE = "table"
    """The Reference and a window's Profile, as wholes."""
    SAMPLE = "sample"
    """What is Known of a reference's rows, and a sample of a window's rows."""
    STREAM = "stream"
    """The Reference, a window's Profile, and when the window began and ended."""
    PAIRS = "pairs"
    """The Pairs of one feature: served beside recomputed, row by row."""
    OUTCOMES = "outcomes"
    """Two Outcomes: predictions beside the labels that came for them."""
    CAPTURE = "capture"
    """What is Captured: the log, beside what is known of the full traffic."""
    LABELS = "labels"
    """How many labels of a window have Arrived, and how many usually have."""
    VERDICTS = "verdicts"
    """What another check came to, on every column that it was made on."""


SEGMENTED = (Subject.COLUMN, Subject.OUTCOMES)
"""What a check compares that can be made on a segment as on the whole."""
WHOLE = (
    *(Subject.TABLE, Subject.STREAM, Subject.SAMPLE),
    *(Subject.OUTCOMES, Subject.LABELS, Subject.CAPTURE, Subject.VERDICTS),
)
"""What a check compares that is no single column."""


class Facet(StrEnum):
    """What of a column must be unusual for its stream before a check is certain."""

    VALUES = "values"
    """How its values are distributed."""
    MISSING = "missing"
    """How many of its rows have no value."""


class Task(StrEnum):
    """What a model does, which decides how its performance is measured."""

    BINARY_CLASSIFICATION = "binary_classification"
    REGRESSION = "regression"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One registered check.

    `threshold` is the default practical threshold on the statistic's value: what lies
    above it matters to a user. `most` is the largest value there can be, None where it
    has no bound. `default` says that the check belongs to the standard suite, for the
    kinds in `default_kinds` (a column check) or for all. `instead_of`
    names checks of the standard suite whose place it takes, where a user asks for it.
    A check on the whole table is planned only where some column has a role that it
    `needs`, and made however few rows there are where it says `any_rows`. `stretches`
    says that it looks at rows of the reference's own stretches of time. `peer` names
    the preset of a check that decides by another system's own rule, `of` the check
    whose verdicts it sums up; one that is `ordered` sees the reference's rows in the
    order in which they are stored.
    """

    name: str
    family: Family
    subject: Subject
    measure: Measure
    threshold: float
    kinds: frozenset[Kind]
    default_kinds: frozenset[Kind]
    roles: frozenset[Role]
    tasks: frozenset[Task]
    facet: Facet | None
    default: bool
    most: float | None
    options: Mapping[str, inspect.Parameter]
    instead_of: frozenset[str]
    needs: frozenset[Role]
    any_rows: bool
    peer: str | None = None
    of: str | None = None
    ordered: bool = False
    stretches: bool = False

    @property
    def summary(self) -> str:
        """The first line of the check's docstring."""
        return (inspect.getdoc(self.measure) or "").partition("\n")[0]

    def validate(self, options: Mapping[str, Any]) -> None:
        """Raise OptionError unless the check has every option, and it can be that."""
        for name, value in options.items():
            if name not in self.options:
                has = ", ".join(sorted(self.options)) or "none"
                msg = f"check {self.name!r} has no option {name!r}; it has: {has}"
                raise OptionError(msg)
            required(name, self.name, self.options[name], value)


_CHECKS: dict[str, Check] = {}


def check(  # noqa: PLR0913 - each is one word of the check's declaration
    name: str,
    *,
    family: Family,
    threshold: float,
    most: float | None = None,
    subject: Subject = Subject.COLUMN,
    kinds: Iterable[Kind] = tuple(Kind),
    default: bool | Iterable[Kind] = False,
    roles: Iterable[Role] = (Role.FEATURE, Role.PREDICTION, Role.SCORE, Role.SEGMENT),
    tasks: Iterable[Task] = (),
    instead_of: Iterable[str] = (),
    needs: Iterable[Role] = (),
    facet: Facet | None = None,
    any_rows: bool = False,
    peer: str | None = None,
    of: str | None = None,
    ordered: bool = False,
    stretches: bool = False,
) -> Callable[[Measure], Measure]:
    """Register a function as a check; the function itself is returned unchanged.

    Its keyword-only parameters with defaults are the options a user may set.
    Raises ValueError when the name is taken.
    """

    def register(measure: Measure) -> Measure:
        taken = _CHECKS.get(name)
        if taken is not None and taken.measure.__module__ != measure.__module__:
            msg = f"check {name!r} is registered twice"
            raise ValueError(msg)
        parameters = inspect.signature(measure).parameters
        every = frozenset(kinds)
        _CHECKS[name] = Check(
            name=name,
            family=family,
            subject=subject,
            measure=measure,
            threshold=threshold,
            kinds=every,
            default_kinds=every if isinstance(default, bool) else frozenset(default),
            roles=frozenset(roles),
            tasks=frozenset(tasks),
            facet=facet,
            default=bool(default),
            most=most,
            options={
                key: p for key, p in parameters.items() if p.kind is p.KEYWORD_ONLY
            },
            instead_of=frozenset(instead_of),
            needs=frozenset(needs),
            any_rows=any_rows,
            peer=peer,
            of=of,
            ordered=ordered,
            stretches=stretches,
        )
        return measure

    return register


@functools.cache
def _discover() -> None:
    for package_name in PACKAGES:
        package = importlib.import_module(f"checks.{package_name}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"checks.{package_name}.{module.name}")


def names() -> tuple[str, ...]:
    """Return the names of all checks, sorted."""
    _discover()
    return tuple(sorted(_CHECKS))


def every() -> tuple[Check, ...]:
    """Return all checks, sorted by name."""
    return tuple(_CHECKS[name] for name in names())


def get(name: str) -> Check:
    """Return the check of that name.

    Raises OptionError, with the names there are, when there is none.
    """
    _discover()
    if name not in _CHECKS:
        msg = f"there is no check {name!r}; there are: {', '.join(names())}"
        raise OptionError(msg)
    return _CHECKS[name]


def presets() -> tuple[str, ...]:
    """Return the names of the presets: the systems whose rules there are, sorted."""
    return tuple(sorted({c.peer for c in every() if c.peer is not None}))


def preset(name: str) -> tuple[Check, ...]:
    """Return the checks of a preset, by name.

    Raises OptionError, with the presets there are, when there is none.

    >>> [check.name for check in preset("nannyml-0.13")]
    ['nannyml_drift']
    """
    found = tuple(c for c in every() if c.peer == name)
    if not found:
        msg = f"there is no preset {name!r}; there are: {', '.join(presets())}"
        raise OptionError(msg)
    return found
