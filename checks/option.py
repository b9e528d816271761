"""What the options of a check may be: a type, a choice, a range."""

import inspect
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from checks.errors import OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers that an option may be; it stands in the option's annotation.

    >>> str(Range(least=2)), str(Range(above=0, below=1))
    ('at least 2', 'above 0 and below 1')
    """

    least: float | None = None
    above: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        """Tell whether a number lies in the range; NaN lies in none."""
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """Say the range in words."""
        ends = ("at least", self.least), ("above", self.above), ("below", self.below)
        return " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)


Groups = Annotated[int, Range(least=2)]
"""How many groups shares are compared in: of one group nothing can move."""
Part = Annotated[float, Range(above=0, below=1)]
"""A part of all rows that is neither none nor all of them."""


def required(name: str, owner: str, option: inspect.Parameter, value: Any) -> None:  # noqa: ANN401 - as a config says it
    """Raise OptionError, with what it may be, for a value that an option cannot take.

    Its type is that of the default, and its choices or its range stand in the
    annotation.
    """
    said = f"option {name!r} of {owner!r} is {value!r}"
    default = option.default
    wanted = (int, float) if isinstance(default, float) else type(default)
    if isinstance(value, bool) is not isinstance(default, bool) or (
        not isinstance(value, wanted)
    ):
        msg = f"{said}, not a {type(default).__name__}"
        raise OptionError(msg)
    choices = choices_of(option)
    if choices and value not in choices:
        msg = f"{said}, not one of {', '.join(map(str, choices))}"
        raise OptionError(msg)
    limits = range_of(option)
    if limits is not None and not limits.holds(value):
        msg = f"{said}, not {limits}"
        raise OptionError(msg)


def choices_of(option: inspect.Parameter) -> tuple[Any, ...]:
    """List the values that an option of a Literal type can take; else none."""
    kind = option.annotation
    return get_args(kind) if get_origin(kind) is Literal else ()


def range_of(option: inspect.Parameter) -> Range | None:
    """Return the range that an option's annotation tells of, if there is one."""
    if get_origin(option.annotation) is not Annotated:
        return None
    said = (part for part in get_args(option.annotation) if isinstance(part, Range))
    return next(said, None)
