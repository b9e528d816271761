"""Laws of numbers that bend: clipped, or transformed; what fits a law at all."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy import special

from checks.cause import MIN_DISTINCT, MIN_PAIRS, NEARLY_ALL, Law, Nature
from checks.classes import Bools
from checks.exact import Floats
from checks.proposal import Chance, Proposal
from checks.roundings import multiple

RESIDUAL = 1e-3
"""What a law may leave of the difference that it explains."""
EPSILON = 1e-12
WITHIN = 0.5
"""The share of agreeing values that must lie inside bounds that others are cut to."""

UNLIKELY = 1e-3
"""The chance below which rows are not all beyond a bound by themselves."""

GRAINS = (1.0, 0.1, 0.01, 0.001, 0.0001)
"""The last digits that values may have been written with, the coarsest first."""
WRITTEN = 0.55
"""Parts of the last digit by which a value may be off that was written with it."""
SMALL = 0.25
"""The part of a difference that rounding may be, where a law explains the rest."""


def grain(values: Floats) -> float:
    """Return the last digit that nearly all values were written with; 0 for none.

    >>> grain(np.array([0.25, 12.5, 3.01])), grain(np.array([0.1234567, 2.0, 1 / 3]))
    (0.01, 0.0)
    """
    whole = (step for step in GRAINS if np.mean(multiple(values, step)) >= NEARLY_ALL)
    return next(whole, 0.0)


def fits(
    law: Floats, served: Floats, recomputed: Floats, *, grainy: bool = True
) -> Bools:
    """Tell for which pairs a law leaves next to nothing of the difference.

    What was written with few digits is off by half of the last one.
    """
    if len(served) == 0:
        return np.zeros(0, np.bool_)
    far = np.abs(served - recomputed)
    # Of numbers that hardly vary, as times do, everything would be next to nothing.
    wide = float(np.subtract(*np.quantile(served, [0.75, 0.25]))) or np.inf
    rest = RESIDUAL * np.minimum(far, wide) + EPSILON * np.abs(served)
    if grainy:
        written = WRITTEN * grain(served)
        rest = np.where(written <= SMALL * far, np.maximum(rest, written), rest)
    return np.asarray(np.abs(served - law) <= rest)


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
    if least >= most or len(matched) == 0:
        return
    usual = float(np.mean((matched >= least) & (matched <= most)))
    at_bound = (served == least) | (served == most)
    beyond = at_bound & ((recomputed < least) | (recomputed > most))
    # A default is served for values on either side of it, a bound for those beyond.
    by_chance = (1 - usual) ** np.count_nonzero(at_bound)
    always = bool((beyond == at_bound).all()) and by_chance < UNLIKELY
    if usual < WITHIN and not always:
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
    "logit(recomputed)": special.logit,
    "expit(recomputed) (logistic)": special.expit,
}
"""What is done to features, and undone, by one pipeline and not by the other."""


def transformed(
    served: Floats, recomputed: Floats, matched: Floats
) -> Iterator[Proposal]:
    """Explain values that only one of the pipelines transformed."""
    del matched
    product = served * recomputed
    product = product[np.isfinite(product)]
    if len(product):
        over = float(np.median(product))
        yield Proposal(
            law=Law(Nature.TRANSFORM, f"served = {over:.6g} / recomputed"),
            holds=lambda s, r: fits(over / r, s, r),
        )
    for name, transform in TRANSFORMS.items():
        yield Proposal(
            law=Law(Nature.TRANSFORM, f"served = {name}"),
            holds=partial(_is, transform),
        )


def _is(transform: Transform, served: Floats, recomputed: Floats) -> Bools:
    return fits(transform(recomputed), served, recomputed)


SHAPES = (clipped, transformed)
