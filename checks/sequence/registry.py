"""Every detector there is, found by looking into this package.

A detector is a function of one history, `(history, *, options) -> Detection`,
decorated with `@detector`. It keeps no state: the history is read again each time.
Adding one costs a file and a test: nothing here is a list.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checks.errors import OptionError
from checks.sequence.detection import Detection

PACKAGE = "checks.sequence"

Detect = Callable[..., Detection]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One registered detector; with `errors` its history is of 0 (right), 1 (wrong)."""

    name: str
    detect: Detect
    errors: bool
    options: Mapping[str, inspect.Parameter]

    @property
    def summary(self) -> str:
        """The first line of the detector's docstring."""
        return (inspect.getdoc(self.detect) or "").partition("\n")[0]

    def validate(self, options: Mapping[str, Any]) -> None:
        """Raise OptionError, with the options there are, for one that is none."""
        for name in options:
            if name not in self.options:
                has = ", ".join(sorted(self.options))
                msg = f"detector {self.name!r} has no option {name!r}; it has: {has}"
                raise OptionError(msg)


_DETECTORS: dict[str, Detector] = {}


def detector(name: str, *, errors: bool = False) -> Callable[[Detect], Detect]:
    """Register a function as a detector; the function itself is returned unchanged.

    Raises ValueError when the name is taken.
    """

    def register(detect: Detect) -> Detect:
        taken = _DETECTORS.get(name)
        if taken is not None and taken.detect.__module__ != detect.__module__:
            msg = f"detector {name!r} is registered twice"
            raise ValueError(msg)
        parameters = inspect.signature(detect).parameters
        _DETECTORS[name] = Detector(
            name=name,
            detect=detect,
            errors=errors,
            options={
                key: p for key, p in parameters.items() if p.kind is p.KEYWORD_ONLY
            },
        )
        return detect

    return register


@functools.cache
def _discover() -> None:
    for module in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__):
        importlib.import_module(f"{PACKAGE}.{module.name}")


def every() -> tuple[Detector, ...]:
    """Return all detectors, sorted by name."""
    _discover()
    return tuple(_DETECTORS[name] for name in sorted(_DETECTORS))


def get(name: str) -> Detector:
    """Return the detector of that name.

    Raises OptionError, with the names there are, when there is none.
    """
    _discover()
    if name not in _DETECTORS:
        there = ", ".join(sorted(_DETECTORS))
        msg = f"there is no detector {name!r}; there are: {there}"
        raise OptionError(msg)
    return _DETECTORS[name]
