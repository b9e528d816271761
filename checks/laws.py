"""Laws that differing numbers and times obey: units, shifts, rounding, defaults."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import numpy as np

from checks.cause import MIN_PAIRS, Explained, Law, Nature
from checks.classes import Bools
from checks.exact import Floats
from checks.proposal import Chance, Proposal, asked, beyond, turned
from checks.shapes import SHAPES, fits
from checks.units import per_cent, unit

MIN_DISTINCT_LINE = 5
"""The distinct values that a law of two numbers must hold for."""
DENSE = 0.15
"""The share of slopes that must lie closest together: those between pairs on a line."""

Rule = Callable[[Floats, Floats], Iterable[Proposal]]
NOTHING: Floats = np.empty(0)


def numbers(served: Floats, recomputed: Floats, matched: Floats = NOTHING) -> Explained:
    """Ask every law about numbers of differing pairs, NaN where a value is missing.

    `matched` are values that were served where the sides agree.
    """
    rules = (*NUMBER_LAWS, *(_given(shape, matched) for shape in SHAPES))
    return _ask(served, recomputed, matched, rules)


def times(served: Floats, recomputed: Floats, matched: Floats = NOTHING) -> Explained:
    """Ask every law about times of differing pairs: microseconds, NaN for missing."""
    return _ask(served, recomputed, matched, TIME_LAWS)


def _given(
    shape: Callable[[Floats, Floats, Floats], Iterable[Proposal]], matched: Floats
) -> Rule:
    return lambda served, recomputed: shape(served, recomputed, matched)


def _ask(
    served: Floats, recomputed: Floats, matched: Floats, rules: tuple[Rule, ...]
) -> Explained:
    there = np.isfinite(served) & np.isfinite(recomputed)
    s, r = served[there], recomputed[there]
    order = np.lexsort((s, r))
    s, r = s[order], r[order]
    explained = missing(served, recomputed, matched)
    if len(s) >= MIN_PAIRS:
        with np.errstate(all="ignore"):
            for rule in (constant, *rules):
                explained |= asked(rule(s, r), s, r)
    return {law: count for law, count in explained.items() if count}


def commonest(values: Floats) -> tuple[float, int]:
    """Return the value that stands most often, and how often."""
    distinct, counts = np.unique(values, return_counts=True)
    best = int(np.argmax(counts))
    return float(distinct[best]), int(counts[best])


def missing(served: Floats, recomputed: Floats, matched: Floats) -> Explained:
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
            sentence = f"{having} is {value:.10g} where {lacking} is null"
            explained[Law(Nature.DEFAULT, sentence)] = count
    return explained


def constant(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain one value that is served whatever was recomputed."""
    del recomputed
    value, _ = commonest(served)
    yield Proposal(
        law=Law(Nature.CONSTANT, f"served is always {value:.10g}"),
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


def _through(
    short: type[np.float32 | np.float16], less: Floats, exact: Floats
) -> Bools:
    return np.asarray(less == exact.astype(short).astype(np.float64))


STEPS = {10.0**k: f"{10.0**k:.10g}" for k in range(3, -7, -1)}
"""What numbers are rounded to, the coarsest first."""
TIME_STEPS = {
    86_400e6: "the day",
    3_600e6: "the hour",
    60e6: "the minute",
    1e6: "the second",
    1e3: "the millisecond",
}
"""What times are rounded to, in microseconds."""
_Holds = Callable[[float, Floats, Floats], Bools]


def rounding(
    served: Floats, recomputed: Floats, steps: Mapping[float, str] = STEPS
) -> Iterator[Proposal]:
    """Explain values that were rounded or cut off on one of the sides."""
    for verb, holds in (("rounded", _rounded), ("cut off", _cut)):
        if len(np.unique(served)) > 1:
            step = _step(served, recomputed, steps, holds)
            yield Proposal(
                law=Law(
                    Nature.ROUNDING, f"served = recomputed {verb} to {steps[step]}"
                ),
                holds=partial(holds, step),
            )
        if len(np.unique(recomputed)) > 1:
            step = _step(recomputed, served, steps, holds)
            yield Proposal(
                law=Law(
                    Nature.ROUNDING, f"recomputed = served {verb} to {steps[step]}"
                ),
                holds=turned(partial(holds, step)),
                least=2,
            )


def _step(
    short: Floats, exact: Floats, steps: Mapping[float, str], holds: _Holds
) -> float:
    """Return the step that explains most; of those that do as much, the coarsest."""
    counts = {step: int(holds(step, short, exact).sum()) for step in steps}
    return max(counts, key=lambda step: (counts[step], step))


def _multiple(values: Floats, step: float) -> Bools:
    scaled = values / step if step >= 1 else values * np.rint(1 / step)
    spare = 8 * np.finfo(np.float64).eps * np.abs(scaled)
    return (np.abs(scaled - np.rint(scaled)) <= spare) & (spare < 0.01)  # noqa: PLR2004 - beyond it every float is a multiple


def _rounded(step: float, short: Floats, exact: Floats) -> Bools:
    return _multiple(short, step) & (np.abs(short - exact) <= step * 0.5000001)


def _cut(step: float, short: Floats, exact: Floats) -> Bools:
    nearer = np.abs(short) <= np.abs(exact)
    return _multiple(short, step) & nearer & (np.abs(short - exact) < step)


def factor(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain values in another unit: a constant factor, named where it has a name."""
    nonzero = (served != 0) & (recomputed != 0)
    if np.count_nonzero(nonzero) < MIN_PAIRS:
        return
    ratio = float(np.median(served[nonzero] / recomputed[nonzero]))
    held = fits(recomputed * ratio, served, recomputed)
    known, name = unit(ratio)
    fractions = recomputed if abs(known) > 1 else served
    largest = np.max(np.abs(fractions[held]), initial=0.0)
    name = name or per_cent(known, float(largest))
    yield Proposal(
        law=Law(Nature.FACTOR, f"served = recomputed × {known:.10g}{name}"),
        holds=lambda s, r: fits(r * ratio, s, r),
    )


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
    if seconds and _is_zone(shift / seconds):
        law = Law(Nature.TIME_SHIFT, f"{_zone(shift / seconds)} (time zone)")
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


def _is_zone(seconds: float) -> bool:
    """Tell whether a shift is that of a time zone: quarters of an hour, up to 14."""
    quarters = seconds / 900
    return abs(quarters - round(quarters)) < 0.002 and 0 < abs(round(quarters)) <= 56  # noqa: PLR2004


def _zone(*shifts: float) -> str:
    """Say by how much served times are off, in one or in either of two amounts.

    >>> _zone(-14400.0, -18000.0)
    'served is 4 h or 5 h behind recomputed'
    """
    sizes = []
    for seconds in sorted(abs(shift) for shift in shifts):
        hours, minutes = divmod(round(seconds / 60), 60)
        sizes.append(f"{hours} h" + (f" {minutes} min" if minutes else ""))
    side = "ahead of" if shifts[0] > 0 else "behind"
    return f"served is {' or '.join(sizes)} {side} recomputed"


HOUR = 3_600.0


def time_shift(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    """Explain times that are shifted by one amount, or by two an hour apart."""
    shifts, counts = np.unique(_seconds(served, recomputed), return_counts=True)
    order = np.lexsort((shifts, -counts))[:2]
    first, second = float(shifts[order[0]]), float(shifts[order[-1]])
    law = Law(Nature.OFFSET, f"served = recomputed {first:+.10g} s")
    if _is_zone(first):
        law = Law(Nature.TIME_SHIFT, f"{_zone(first)} (time zone)")
    yield Proposal(law=law, holds=lambda s, r: _seconds(s, r) == first)
    if _is_zone(first) and abs(second - first) == HOUR and first * second > 0:
        sentence = f"{_zone(first, second)} (time zone with summer time)"
        yield Proposal(
            law=Law(Nature.TIME_SHIFT, sentence),
            holds=lambda s, r: np.isin(_seconds(s, r), (first, second)),
        )


def _seconds(served: Floats, recomputed: Floats) -> Floats:
    return np.asarray(np.rint((served - recomputed) / 1e6))


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
    name = ""
    known = slope, start
    for known_slope, known_start, text in LINES:
        if abs(slope / known_slope - 1) < 2e-3 and abs(start - known_start) < 0.1:  # noqa: PLR2004 - rounded degrees
            known, name = (known_slope, known_start), text
    sign = "+" if known[1] >= 0 else "-"
    line = f"recomputed × {known[0]:.6g} {sign} {abs(known[1]):.6g}"
    yield Proposal(
        law=Law(Nature.AFFINE, f"served = {line}{name}"),
        holds=lambda s, r: (
            fits(r * slope + start, s, r)
            | (bool(name) & fits(r * known[0] + known[1], s, r))
        ),
        least=MIN_DISTINCT_LINE,
    )


def densest(ordered: Floats) -> float:
    """Return the middle of the part of sorted numbers that lie closest together."""
    size = max(2, round(DENSE * len(ordered)))
    if size >= len(ordered):
        return float(np.median(ordered))
    widths = ordered[size - 1 :] - ordered[: len(ordered) - size + 1]
    at = int(np.argmin(widths))
    return float(np.median(ordered[at : at + size]))


def _time_rounding(served: Floats, recomputed: Floats) -> Iterator[Proposal]:
    return rounding(served, recomputed, TIME_STEPS)


NUMBER_LAWS: tuple[Rule, ...] = (precision, rounding, factor_or_offset, affine)
TIME_LAWS: tuple[Rule, ...] = (_time_rounding, time_shift)
