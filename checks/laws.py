"""Laws that differing numbers and times obey: units, shifts, rounding, defaults."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from checks import moments, wording
from checks.cause import MIN_PAIRS, NEARLY_AS_MANY, Explained, Law, Nature
from checks.circles import cyclic, wrapped
from checks.classes import Bools
from checks.exact import Floats
from checks.moments import is_zone, zone
from checks.proposal import Chance, Proposal, asked, beyond, turned
from checks.roundings import halves, rounding, significant
from checks.shapes import SHAPES, fits
from checks.units import known_factors, per_cent, unit

MIN_DISTINCT_LINE = 5
"""The distinct values that a law of two numbers must hold for."""
DENSE = 0.15
"""The share of slopes that must lie closest together: those between pairs on a line."""

Rule = Callable[[Floats, Floats], Iterable[Proposal]]
Write = Callable[[float], str]
"""Writes a value as people do."""
NOTHING: Floats = np.empty(0)


def numbers(served: Floats, recomputed: Floats, matched: Floats = NOTHING) -> Explained:
    """Ask every law about numbers of differing pairs, NaN where a value is missing.

    `matched` are values that were served where the sides agree.
    """
    rules = (*NUMBER_LAWS, *(_given(shape, matched) for shape in SHAPES))
    return _ask(served, recomputed, matched, rules, lambda value: f"{value:.10g}")


def times(served: Floats, recomputed: Floats, matched: Floats = NOTHING) -> Explained:
    """Ask every law about times of differing pairs: microseconds, NaN for missing."""
    return _ask(served, recomputed, matched, moments.TIME_LAWS, moments.told)


def _given(
    shape: Callable[[Floats, Floats, Floats], Iterable[Proposal]], matched: Floats
) -> Rule:
    return lambda served, recomputed: shape(served, recomputed, matched)


def _ask(
    served: Floats,
    recomputed: Floats,
    matched: Floats,
    rules: tuple[Rule, ...],
    write: Write,
) -> Explained:
    there = np.isfinite(served) & np.isfinite(recomputed)
    s, r = served[there], recomputed[there]
    order = np.lexsort((s, r))
    s, r = s[order], r[order]
    explained = missing(served, recomputed, matched, write)
    if len(s) >= MIN_PAIRS:
        with np.errstate(all="ignore"):
            explained |= asked(constant(write, s, r), s, r)
            for rule in rules:
                explained |= asked(rule(s, r), s, r)
    return {law: count for law, count in explained.items() if count}


def commonest(values: Floats) -> tuple[float, int]:
    """Return the value that stands most often, and how often; -0 is 0."""
    distinct, counts = np.unique(values + 0.0, return_counts=True)
    best = int(np.argmax(counts))
    return float(distinct[best]), int(counts[best])


def missing(
    served: Floats, recomputed: Floats, matched: Floats, write: Write
) -> Explained:
    """Explain values that one side lacks, by a default that the other has instead.

    A value that is common anyhow is no default.
    """
    explained: Explained = {}
    for lacking, having, beside in (
        ("recomputed", "served", served[np.isnan(recomputed)]),
        ("served", "recomputed", recomputed[np.isnan(served)]),
    ):
        present = beside[~np.isnan(beside)]
        if len(present) == 0:
            continue
        law = Law(Nature.MISSING, f"{lacking} is null where {having} has a value")
        explained[law] = len(present)
        value, count = commonest(present)
        usual = float(np.mean(matched == value)) if len(matched) else 0.0
        if beyond(count / len(present), usual):
            name = _middle(value, matched)
            sentence = f"{having} is {write(value)}{name} where {lacking} is null"
            explained[Law(Nature.DEFAULT, sentence)] = count
    return explained


NEAR_MIDDLE = 0.05
"""Standard deviations within which a default is the mean, or the median."""


def _middle(value: float, matched: Floats) -> str:
    """Name a default that is the column's mean or median; round numbers are neither."""
    values = matched[np.isfinite(matched)]
    if len(values) < MIN_PAIRS or value == round(value):
        return ""
    near = NEAR_MIDDLE * float(np.std(values))
    for name, middle in (("median", np.median(values)), ("mean", np.mean(values))):
        if abs(value - float(middle)) <= near:
            return f" (about the {name})"
    return ""


def constant(write: Write, served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain one value that is served whatever was recomputed."""
    del recomputed
    value, _ = commonest(served)
    yield Proposal(
        law=Law(Nature.CONSTANT, f"served is always {write(value)}"),
        holds=lambda s, _: s == value,
        chance=Chance.MIRRORED,
    )


def precision(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values that went through a shorter float on one of the sides."""
    del served, recomputed
    for bits, short in ((32, np.float32), (16, np.float16)):
        holds = partial(_through, short)
        yield Proposal(
            law=Law(Nature.PRECISION, f"served has been a float{bits}"), holds=holds
        )
        yield Proposal(
            law=Law(Nature.PRECISION, f"recomputed has been a float{bits}"),
            holds=turned(holds),
        )


ARITHMETIC = 32 * float(np.finfo(np.float32).eps)
"""The relative difference that the order of float32 operations may make."""


def arithmetic(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain what is the same but for the last digits of a float32."""
    del served, recomputed
    yield Proposal(
        law=Law(Nature.PRECISION, "the sides differ in the last digits of a float32"),
        holds=lambda s, r: (
            np.abs(s - r) <= ARITHMETIC * np.maximum(np.abs(s), np.abs(r))
        ),
        least=2 * MIN_PAIRS,
    )


def _through(
    short: type[np.float32 | np.float16], less: Floats, exact: Floats
) -> Bools:
    return np.asarray(less == exact.astype(short).astype(np.float64))


def factor(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values in another unit: a constant factor, named where it has a name."""
    nonzero = (served != 0) & (recomputed != 0)
    if np.count_nonzero(nonzero) < MIN_PAIRS:
        return
    rough = float(np.median(served[nonzero] / recomputed[nonzero]))
    ratio = _slope(served, recomputed, rough)
    known, name = unit(_named(served, recomputed, ratio))
    held = fits(recomputed * ratio, served, recomputed)
    if known == -1 and held.any() and recomputed[held].max() < 0:
        return  # only where it is negative: that is the absolute value
    fractions = recomputed if abs(known) > 1 else served
    largest = np.max(np.abs(fractions[held]), initial=0.0)
    name = _epoch(known, recomputed) or name or per_cent(known, float(largest))
    yield Proposal(
        law=Law(Nature.FACTOR, f"served = recomputed × {known:.10g}{name}"),
        holds=lambda s, r: fits(r * ratio, s, r) | fits(r * known, s, r),
    )


CLOSE = 0.01
"""The relative distance from a line at which pairs may help to find it."""


def _slope(served: Floats, recomputed: Floats, rough: float, start: float = 0) -> float:
    """Return the slope of the pairs that lie near a line: rounding averages out."""
    near = np.abs(served - start - recomputed * rough) <= CLOSE * np.abs(served - start)
    weight = float(recomputed[near] @ recomputed[near])
    if not np.isfinite(weight) or weight == 0:
        return rough
    if (served[near] == start + recomputed[near] * rough).mean() > CLOSE:
        return rough  # it is exact already
    return float((served[near] - start) @ recomputed[near] / weight)


ROUGHLY = 0.1
"""How far off a measured factor may be where what was written has few digits."""


def _named(served: Floats, recomputed: Floats, ratio: float) -> float:
    """Return the well-known factor that explains as many pairs as a measured one."""
    near = [known for known in known_factors() if abs(known / ratio - 1) <= ROUGHLY]
    counts = {
        known: np.count_nonzero(fits(recomputed * known, served, recomputed))
        for known in (ratio, *near)
    }
    enough = max(1.0, NEARLY_AS_MANY * max(counts.values()))
    return next((known for known in near if counts[known] >= enough), ratio)


EPOCHS = {
    1e3: " (seconds → milliseconds)",
    1e6: " (seconds → microseconds)",
    1e9: " (seconds → nanoseconds)",
    1e-3: " (milliseconds → seconds)",
}


def _epoch(factor: float, recomputed: Floats) -> str:
    """Name a factor between numbers that look like times since the Unix epoch."""
    second = _seconds_in(recomputed)
    fits_seconds = second == (1e3 if factor < 1 else 1.0)
    return EPOCHS.get(factor, "") if fits_seconds else ""


def factor_or_offset(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values by a factor or by a shift, whichever leaves less.

    Of numbers that are large beside their differences, as times are, both would do.
    """
    ratio = served / recomputed
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) == 0:
        return offset(served, recomputed)
    shift = np.median(served - recomputed)
    of_factor = np.median(np.abs(served - recomputed * np.median(ratio)))
    of_shift = np.median(np.abs(served - recomputed - shift))
    rule = factor if of_factor <= of_shift else offset
    return rule(served, recomputed)


OFFSETS = ((273.15, " (°C → K)"), (-273.15, " (K → °C)"))


def offset(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values that are all shifted by the same amount."""
    shift = float(np.median(served - recomputed))
    seconds = _seconds_in(recomputed)
    if seconds and is_zone(shift / seconds):
        law = Law(Nature.TIME_SHIFT, f"{zone(shift / seconds)} (time zone)")
    else:
        name = next((text for at, text in OFFSETS if abs(shift - at) < 0.01), "")  # noqa: PLR2004 - 273 is common for 273.15 no more
        sign = "+" if shift > 0 else "-"
        sentence = f"served = recomputed {sign} {abs(shift):.10g}{name}"
        law = Law(Nature.OFFSET, sentence)
    yield Proposal(law=law, holds=lambda s, r: fits(r + shift, s, r))


def _seconds_in(values: Floats) -> float:
    """Return what a second is in numbers that look like times since the Unix epoch.

    1e8 seconds is March 1973 and 1e11 the year 5138; a thousand times that for
    milliseconds. Returns 0 for numbers that do not look like times.
    """
    middle = float(np.median(values))
    if 1e8 <= middle < 1e11:  # noqa: PLR2004
        return 1.0
    return 1e3 if 1e11 <= middle < 1e14 else 0.0  # noqa: PLR2004


LINES = (
    (5 / 9, -160 / 9, " (°F → °C)"),
    (9 / 5, 32.0, " (°C → °F)"),
    (5 / 9, 255.3722, " (°F → K)"),
    (9 / 5, -459.67, " (K → °F)"),
)


def affine(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values on a line through the recomputed ones: degrees, or a scaling.

    Slopes between pairs that lie on it are nearly one number, whatever the others are.
    """
    half = len(recomputed) // 2
    first, second = slice(0, len(recomputed) - half), slice(half, None)
    rises, runs = (side[second] - side[first] for side in (served, recomputed))
    slopes = np.sort((rises / runs)[runs != 0])
    if len(slopes) < MIN_PAIRS // 2:
        return
    slope = densest(slopes)
    start = float(np.median(served - slope * recomputed))
    if slope == 0:
        return
    slope, start = _line(served, recomputed, slope, start)
    name = _scaling(served, recomputed, slope, start)
    held = np.count_nonzero(fits(recomputed * slope + start, served, recomputed))
    if np.count_nonzero(fits(recomputed * slope, served, recomputed)) >= held:
        return  # the line goes through nought: that is a factor
    known = slope, start
    for known_slope, known_start, text in LINES:
        if abs(slope / known_slope - 1) < 2e-3 and abs(start - known_start) < 0.1:  # noqa: PLR2004 - rounded degrees
            known, name = (known_slope, known_start), text
    sign = "+" if known[1] >= 0 else "-"
    line = f"recomputed × {known[0]:.6g} {sign} {abs(known[1]):.6g}"
    yield Proposal(
        law=Law(Nature.AFFINE, f"served = {line}{name}"),
        holds=lambda s, r: (
            fits(r * slope + start, s, r) | fits(r * known[0] + known[1], s, r)
        ),
        least=MIN_DISTINCT_LINE,
    )


def _line(
    served: Floats, recomputed: Floats, slope: float, start: float
) -> tuple[float, float]:
    """Return the line through the pairs that lie near a rough one."""
    law = slope * recomputed + start
    if fits(law, served, recomputed, grainy=False).mean() > CLOSE:
        return slope, start
    near = np.abs(served - law) <= CLOSE * np.abs(served - recomputed)
    if len(np.unique(recomputed[near])) < MIN_DISTINCT_LINE:
        return slope, start
    found = np.polynomial.polynomial.polyfit(recomputed[near], served[near], 1)
    return float(found[1]), float(found[0])


def _scaling(served: Floats, recomputed: Floats, slope: float, start: float) -> str:
    """Name a line that scales a feature, or that tells of the other class."""
    held = fits(slope * recomputed + start, served, recomputed)
    if not held.any():
        return ""
    ours, theirs = served[held], recomputed[held]
    parts = bool(((theirs >= 0) & (theirs <= 1)).all())
    if parts and abs(slope + 1) < CLOSE and abs(start - 1) < CLOSE:
        return " (the other class's probability)"
    for values, said in ((ours, "served"), (theirs, "recomputed")):
        if abs(np.mean(values)) < UNSCALED and abs(np.std(values) - 1) < UNSCALED:
            return f" ({said} is standardised)"
        if values.min() >= 0 and UNSCALED_RANGE < np.ptp(values) <= 1 and not parts:
            return f" ({said} is scaled to between 0 and 1)"
    return ""


UNSCALED = 0.2
"""How far mean and deviation may be from 0 and 1 where only some rows are seen."""
UNSCALED_RANGE = 0.5


def densest(ordered: Floats) -> float:
    """Return the middle of the part of sorted numbers that lie closest together."""
    size = max(2, round(DENSE * len(ordered)))
    if size >= len(ordered):
        return float(np.median(ordered))
    widths = ordered[size - 1 :] - ordered[: len(ordered) - size + 1]
    at = int(np.argmin(widths))
    return float(np.median(ordered[at : at + size]))


MOST_LEVELS = 50
"""Distinct numbers up to which they may be codes of something."""


def recoded(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain codes that stand for the same things in another order."""
    sides = [np.unique(side, return_inverse=True) for side in (served, recomputed)]
    if any(len(distinct) > MOST_LEVELS for distinct, _ in sides):
        return
    ours, theirs = (
        [f"{v:.10g}" for v in side.tolist()] for side in (served, recomputed)
    )
    for law, names in wording.renamed(Counter(zip(ours, theirs, strict=True))):
        pairs = {(float(s), float(r)) for r, s in names.items()}

        def holds(
            s: Floats, r: Floats, pairs: set[tuple[float, float]] = pairs
        ) -> Bools:
            return np.asarray(
                np.any([(s == a) & (r == b) for a, b in pairs], axis=0), np.bool_
            )

        yield Proposal(law=law, holds=holds)


NUMBER_LAWS: tuple[Rule, ...] = (
    precision,
    arithmetic,
    rounding,
    halves,
    significant,
    cyclic,
    wrapped,
    factor_or_offset,
    affine,
    recoded,
)
