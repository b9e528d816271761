"""Laws of numbers that bend: clipped, transformed, or rounded to so many digits."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from checks.cause import MIN_DISTINCT, MIN_PAIRS, Law, Nature
from checks.classes import Bools
from checks.exact import Floats
from checks.proposal import Chance, Proposal, turned

RESIDUAL = 1e-3
"""What a law may leave of the difference that it explains."""
EPSILON = 1e-12
MOST_DIGITS = 8
"""Significant digits up to which a rounding to so many is looked for."""
WITHIN = 0.5
"""The share of agreeing values that must lie inside bounds that others are cut to."""


def fits(law: Floats, served: Floats, recomputed: Floats) -> Bools:
    """Tell for which pairs a law leaves next to nothing of the difference."""
    rest = RESIDUAL * np.abs(served - recomputed)
    return np.abs(served - law) <= rest + EPSILON * np.abs(served)


def clipped(served: Floats, recomputed: Floats, matched: Floats) -> Iterator[Proposal]:
    """Explain values that were cut to a lower or an upper bound.

    Values that agree must lie within: otherwise the bound is a default, and no bound.
    """
    low = _bound(served, recomputed, served > recomputed)
    high = _bound(served, recomputed, served < recomputed)
    if low is None and high is None:
        return
    least = -np.inf if low is None else low
    most = np.inf if high is None else high
    inside = (matched >= least) & (matched <= most)
    if least >= most or len(matched) == 0 or np.mean(inside) < WITHIN:
        return
    ends = [f"{e:.10g}" for e in (low, high) if e is not None]
    side = "at least" if high is None else "at most"
    told = f"between {ends[0]} and {ends[1]}" if ends[1:] else f"{side} {ends[0]}"
    yield Proposal(
        law=Law(Nature.CLIPPED, f"served is cut to {told}"),
        holds=lambda s, r: ((s == most) & (r > most)) | ((s == least) & (r < least)),
        chance=Chance.MIRRORED,
    )


def _bound(served: Floats, recomputed: Floats, rows: Bools) -> float | None:
    """Return the value at which many on one side stand, for enough different ones."""
    if not rows.any():
        return None
    distinct, counts = np.unique(served[rows], return_counts=True)
    best = int(np.argmax(counts))
    beside = recomputed[rows][served[rows] == distinct[best]]
    if counts[best] < MIN_PAIRS or len(np.unique(beside)) < MIN_DISTINCT:
        return None
    return float(distinct[best])


Transform = Callable[[Floats], Floats]
TRANSFORMS: dict[str, Transform] = {
    "log(recomputed)": np.log,
    "log1p(recomputed)": np.log1p,
    "log10(recomputed)": np.log10,
    "log2(recomputed)": np.log2,
    "exp(recomputed)": np.exp,
    "expm1(recomputed)": np.expm1,
    "10 ** recomputed": lambda x: np.asarray(10.0**x),
    "sqrt(recomputed)": np.sqrt,
    "recomputed squared": np.square,
    "1 / recomputed": np.reciprocal,
    "the absolute value of recomputed": np.abs,
}
"""What is done to features, and undone, by one pipeline and not by the other."""


def transformed(
    served: Floats, recomputed: Floats, matched: Floats
) -> Iterator[Proposal]:
    """Explain values that only one of the pipelines transformed."""
    del served, recomputed, matched
    for name, transform in TRANSFORMS.items():
        yield Proposal(
            law=Law(Nature.TRANSFORM, f"served = {name}"),
            holds=partial(_is, transform),
        )


def _is(transform: Transform, served: Floats, recomputed: Floats) -> Bools:
    return fits(transform(recomputed), served, recomputed)


def significant(
    served: Floats, recomputed: Floats, matched: Floats
) -> Iterator[Proposal]:
    """Explain values that were written with so many significant digits."""
    del matched
    digits = _digits(served, recomputed)
    yield Proposal(
        law=Law(Nature.ROUNDING, f"served = recomputed rounded to {_told(digits)}"),
        holds=partial(_has, digits),
    )
    digits = _digits(recomputed, served)
    yield Proposal(
        law=Law(Nature.ROUNDING, f"recomputed = served rounded to {_told(digits)}"),
        holds=turned(partial(_has, digits)),
    )


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


SHAPES = (clipped, significant, transformed)
