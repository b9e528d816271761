"""Laws of numbers and times that lost their last digits, and how they lost them."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from checks.cause import NEARLY_ALL, Law, Nature
from checks.classes import Bools
from checks.exact import Floats
from checks.proposal import Proposal, turned

STEPS = {
    step: f"{step:.10g}"
    for power in range(3, -7, -1)
    for step in (10.0**power * 5, 10.0**power)
}
"""What numbers are rounded to, the coarsest first."""
TIME_STEPS = {
    86_400e6: "the day",
    3_600e6: "the hour",
    900e6: "the quarter of an hour",
    60e6: "the minute",
    1e6: "the second",
    1e3: "the millisecond",
}
"""What times are rounded to, in microseconds."""
MOST_DIGITS = 8
"""Significant digits up to which a rounding to so many is looked for."""
EPSILON = 1e-12
HALF = 0.5000001
"""Half a step, and what a float may err."""
LEAST_FAR = 0.3
"""The share of what was lost that lies in the upper half of what may be lost."""
MOST_BEYOND = 0.25
"""The share of pairs that may differ by somewhat more than a rounding would leave."""

_Lost = Callable[[Floats, float], Floats]
"""What was lost in steps: between 0 and 1 where it may be by rounding this way."""


def _to_nearest(lost: Floats, step: float) -> Floats:
    return np.asarray(np.abs(lost) / (step * HALF))


def _down(lost: Floats, step: float) -> Floats:
    return np.asarray(-lost / step)


def _up(lost: Floats, step: float) -> Floats:
    return np.asarray(lost / step)


def _cut(short: Floats, exact: Floats, step: float) -> Floats:
    # Nought itself loses nothing.
    return np.where(exact == 0, -np.inf, (exact - short) * np.sign(exact) / step)


_Ways = tuple[tuple[str, Callable[[Floats, Floats, float], Floats]], ...]
WAYS: _Ways = (
    ("rounded", lambda short, exact, step: _to_nearest(short - exact, step)),
    ("cut off", _cut),
    ("rounded down", lambda short, exact, step: _down(short - exact, step)),
    ("rounded up", lambda short, exact, step: _up(short - exact, step)),
)
"""The ways to round, each with what it loses, in parts of what it may lose."""
_Holds = Callable[[float, Floats, Floats], Bools]


def rounding(
    served: Floats, recomputed: Floats, steps: Mapping[float, str] = STEPS
) -> Iterator[Proposal]:
    """Explain values that were rounded or cut off on one of the sides."""
    sides = (
        ((served, recomputed), "served = recomputed"),
        (
            (recomputed, served),
            "recomputed = served",
        ),
    )
    for (short, exact), said in sides:
        if len(np.unique(short)) < 2:  # noqa: PLR2004 - one value is a constant
            continue
        for verb, lost in WAYS:
            holds = partial(_holds, lost)
            step = _step(short, exact, steps, holds)
            if not _looks_lost(short, exact, step, lost):
                continue
            of_step = partial(holds, step)
            yield Proposal(
                law=Law(Nature.ROUNDING, f"{said} {verb} to {steps[step]}"),
                holds=of_step if short is served else turned(of_step),
                least=3 if short is served else 2,
            )


def _step(
    short: Floats, exact: Floats, steps: Mapping[float, str], holds: _Holds
) -> float:
    """Return the step that explains most; of those that do as much, the coarsest."""
    counts = {step: int(holds(step, short, exact).sum()) for step in steps}
    return max(counts, key=lambda step: (counts[step], step))


def _holds(
    lost: Callable[[Floats, Floats, float], Floats],
    step: float,
    short: Floats,
    exact: Floats,
) -> Bools:
    part = lost(short, exact, step)
    return np.asarray(multiple(short, step) & (part >= 0) & (part < 1))


def _looks_lost(
    short: Floats,
    exact: Floats,
    step: float,
    lost: Callable[[Floats, Floats, float], Floats],
) -> bool:
    """Tell whether the differences end where a rounding's end.

    Noise beside whole numbers rounds to them too; it is mostly smaller than a rounding
    would leave, or goes on beyond it.
    """
    return _ends(lost(short, exact, step)[multiple(short, step)])


def _ends(part: Floats) -> bool:
    """Tell whether what was lost ends at 1, and does not lie near 0."""
    inside = int(np.count_nonzero((part > 0) & (part < 1)))
    far = int(np.count_nonzero((part > 0.5) & (part < 1)))  # noqa: PLR2004 - the upper half
    beyond = int(np.count_nonzero((part >= 1) & (part <= 2)))  # noqa: PLR2004 - as wide again
    before = int(np.count_nonzero((part < 0) & (part >= -1)))
    return far >= LEAST_FAR * inside and beyond + before <= MOST_BEYOND * inside


def multiple(values: Floats, step: float) -> Bools:
    """Tell which values are whole multiples of a step."""
    scaled = values / step if step >= 1 else values * np.rint(1 / step)
    spare = 8 * np.finfo(np.float64).eps * np.abs(scaled)
    return (np.abs(scaled - np.rint(scaled)) <= spare) & (spare < 0.01)  # noqa: PLR2004 - beyond it every float is a multiple


def halves(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain halves that one side rounds to the even neighbour, the other up."""
    for name, other, swapped in (
        ("served", "recomputed", False),
        ("recomputed", "served", True),
    ):
        even, up = (recomputed, served) if swapped else (served, recomputed)
        steps = [s for s in (1.0, 0.1, 0.01, 0.001) if _mostly(multiple(even, s))]
        if not steps or not _mostly(multiple(up, steps[0])):
            continue
        holds = partial(_half, steps[0])
        sentence = f"{name} rounds halves to even, {other} away from nought"
        yield Proposal(
            law=Law(Nature.ROUNDING, f"{sentence}, to {steps[0]:g}"),
            holds=turned(holds) if swapped else holds,
        )


def _mostly(values: Bools) -> bool:
    return float(np.mean(values)) >= NEARLY_ALL


def _half(step: float, even: Floats, up: Floats) -> Bools:
    """Tell where one side is even, and the other the next one away from nought."""
    ours, theirs = np.rint(even / step), np.rint(up / step)
    return np.asarray((ours % 2 == 0) & (np.abs(theirs) - np.abs(ours) == 1))


def significant(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values that were written with so many significant digits."""
    sides = (
        ((served, recomputed), "served = recomputed"),
        (
            (recomputed, served),
            "recomputed = served",
        ),
    )
    for (short, exact), said in sides:
        digits = _digits(short, exact)
        there = _written(digits, short)
        if not _ends(_lost_digits(digits, short, exact)[there]):
            continue
        holds = partial(_has, digits)
        yield Proposal(
            law=Law(Nature.ROUNDING, f"{said} rounded to {_told(digits)}"),
            holds=holds if short is served else turned(holds),
        )


def _written(digits: int, short: Floats) -> Bools:
    """Tell which values have no more than so many significant digits."""
    return _has(digits, short, short)


def _lost_digits(digits: int, short: Floats, exact: Floats) -> Floats:
    """Return what was lost, in halves of the last digit that was kept."""
    last = 10.0 ** (np.floor(np.log10(np.abs(exact))) - digits + 1)
    return np.asarray(np.abs(short - exact) / (last * HALF))


def _told(digits: int) -> str:
    return f"{digits} significant digit" + ("s" if digits > 1 else "")


def _digits(short: Floats, exact: Floats) -> int:
    """Return the digits that explain most; of those that do as much, the fewest."""
    counts = {
        digits: int(np.count_nonzero(_has(digits, short, exact)))
        for digits in range(1, MOST_DIGITS + 1)
    }
    return max(counts, key=lambda digits: (counts[digits], -digits))


def _has(digits: int, short: Floats, exact: Floats) -> Bools:
    size = np.floor(np.log10(np.abs(exact)))
    # Powers of ten are exact up to 22 places: divide by those, never multiply by 0.1.
    places = digits - 1 - size
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    rounded = np.rint(exact * up / down) * down / up
    return np.asarray(np.abs(short - rounded) <= EPSILON * np.abs(rounded))
