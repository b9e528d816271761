"""What only the detectors can say of a config's series: their names and options."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from checks import registry
from checks.errors import OptionError
from checks.registry import Subject
from checks.schema import Schema
from checks.sequence import registry as detectors
from checks.sequence.course import Rule
from monitor.config.sequence import Sequence, SeriesSource
from monitor.problems import Path, Problem, nearest

RIVER = ("adwin", "kswin", "page_hinkley")
"""The detectors of a series that river has too."""


def mistakes(
    wanted: tuple[Sequence, ...],
    made: frozenset[str],
    schema: Schema,
    *,
    outcomes: bool,
) -> Iterator[Problem]:
    """Find what is wrong with a monitor's series; `made` are the checks it makes.

    `outcomes` says that single predictions can be right or wrong.
    """
    for i, one in enumerate(wanted):
        source = (
            _outcomes(one.of, known=outcomes)
            if one.of.errors
            else _source(one.of, made, schema)
        )
        found = [*source, *_detector(one)]
        first = next((k for k, other in enumerate(wanted[:i]) if _same(one, other)), i)
        if first != i:
            message = f"it is the same as sequence[{first}]"
            found.append(Problem(path=("of",), message=message, fix="take one out."))
        for problem in found:
            yield problem.under("sequence", i)


def _same(one: Sequence, other: Sequence) -> bool:
    """Tell whether two wishes have a series in common."""
    columns = (one.of.column, other.of.column)
    same = (one.detector, one.of.check) == (other.detector, other.of.check)
    return same and (None in columns or columns[0] == columns[1])


def _outcomes(of: SeriesSource, *, known: bool) -> Iterator[Problem]:
    """Find what keeps a model's single outcomes from being watched."""
    if not known:
        message = "only a binary classifier with labels is right or wrong row by row"
        fix = "write labels: {source: …}, or watch a figure such as mae."
        yield Problem(path=("of",), message=message, fix=fix)
    for key in ("column", "figure"):
        if getattr(of, key) is not None:
            message = f"the model's errors have no {key}"
            yield Problem(path=("of", key), message=message, fix="take it out.")


def _source(
    of: SeriesSource, made: frozenset[str], schema: Schema
) -> Iterator[Problem]:
    path: Path = ("of", "check")
    if of.check not in registry.names():
        fix = nearest(of.check, registry.names(), noun="checks")
        yield Problem(path=path, message=f"there is no check {of.check!r}", fix=fix)
        return
    if of.check not in made:
        message = f"the monitor does not make the check {of.check!r}"
        fix = f"add `{of.check}: true` to its checks."
        yield Problem(path=path, message=message, fix=fix)
    if of.column is None:
        return
    path = ("of", "column")
    if of.column not in schema.names:
        message = f"there is no column {of.column!r}"
        fix = nearest(of.column, schema.names, noun="columns")
        yield Problem(path=path, message=message, fix=fix)
    elif registry.get(of.check).subject in (Subject.TABLE, Subject.OUTCOMES):
        message = f"the check {of.check!r} is made on no column"
        yield Problem(path=path, message=message, fix="take it out.")


def _detector(one: Sequence) -> Iterator[Problem]:
    known = {detector.name: detector for detector in detectors.every()}
    able = [name for name, detector in known.items() if not detector.errors]
    if one.detector not in known:
        message = f"there is no detector {one.detector!r}"
        fix = nearest(one.detector, able, noun="detectors")
        yield Problem(path=("detector",), message=message, fix=fix)
        return
    detector = known[one.detector]
    if one.of.errors and not detector.errors:
        takers = [name for name, each in known.items() if each.errors]
        message = f"{one.detector} is not made for single outcomes, right or wrong"
        fix = f"choose one of {', '.join(takers)}, or watch a figure such as accuracy."
        yield Problem(path=("detector",), message=message, fix=fix)
        return
    if one.of.errors:
        yield from _options(one, detector.options)
        return
    if detector.errors:
        message = (
            f"{one.detector} takes single outcomes, right or wrong, and a series has "
            "one figure a window"
        )
        fix = f"choose one of {', '.join(able)}, or write of: errors."
        yield Problem(path=("detector",), message=message, fix=fix)
        return
    if one.convention == "river" and one.detector not in RIVER:
        message = f"river has no {one.detector}"
        fix = f"choose one of {', '.join(RIVER)}, or leave the convention out."
        yield Problem(path=("convention",), message=message, fix=fix)
        return
    yield from _options(one, detector.options)


def _options(one: Sequence, known: Mapping[str, Any]) -> Iterator[Problem]:
    for option in one.options:
        if option not in known:
            yield Problem(
                path=("options", option),
                message=f"detector {one.detector!r} has no option {option!r}",
                fix=nearest(option, known, noun="options"),
            )
            return
    rule = Rule(detector=one.detector, options=one.options, convention=one.convention)
    try:
        detector, options = rule.set_up()
        detector.detect(np.zeros(0), **options)
    except OptionError as error:
        yield Problem(path=("options",), message=str(error))
    except (TypeError, ValueError):
        message = f"not every option is of the kind that {one.detector} takes"
        defaults = ", ".join(f"{k}: {v.default!r}" for k, v in known.items())
        yield Problem(path=("options",), message=message, fix=f"such as {defaults}.")
