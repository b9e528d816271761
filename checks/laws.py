"""Laws that differing numbers and times obey: units, shifts, rounding, defaults."""

from collections.abc import Callable, Mapping

import numpy as np

from checks.cause import MIN_DISTINCT, MIN_PAIRS, Explained, Law, Nature
from checks.classes import Bools
from checks.exact import Floats

MIN_DISTINCT_LINE = 5
"""The distinct values that a law of two numbers must hold for."""
RESIDUAL = 1e-3
"""What a law may leave of the difference that it explains."""
_EPSILON = 1e-12


def numbers(served: Floats, recomputed: Floats) -> Explained:
    """Ask every law about numbers of differing pairs, NaN where a value is missing."""
    return _ask(served, recomputed, NUMBER_LAWS)


def times(served: Floats, recomputed: Floats) -> Explained:
    """Ask every law about times of differing pairs: microseconds, NaN for missing."""
    return _ask(served, recomputed, TIME_LAWS)


Rule = Callable[[Floats, Floats], Explained]


def _ask(served: Floats, recomputed: Floats, rules: tuple[Rule, ...]) -> Explained:
    there = np.isfinite(served) & np.isfinite(recomputed)
    s, r = served[there], recomputed[there]
    explained = missing(served, recomputed) | constant(served, recomputed)
    if len(s) >= MIN_PAIRS:
        with np.errstate(all="ignore"):
            for rule in rules:
                explained |= rule(s, r)
    return {law: count for law, count in explained.items() if count}


def _commonest(values: Floats) -> tuple[float, int]:
    distinct, counts = np.unique(values, return_counts=True)
    best = int(np.argmax(counts))
    return float(distinct[best]), int(counts[best])


def _distinct(values: Floats, least: int) -> bool:
    return len(np.unique(values)) >= least


def missing(served: Floats, recomputed: Floats) -> Explained:
    """Explain values that one side lacks, by a default that the other has instead."""
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
        value, count = _commonest(present)
        sentence = f"{having} is {value:.10g} where {lacking} is null"
        explained[Law(Nature.DEFAULT, sentence)] = count
    return explained


def constant(served: Floats, recomputed: Floats) -> Explained:
    """Explain one value that is served whatever was recomputed."""
    there = served[~np.isnan(served)]
    if len(there) == 0:
        return {}
    value, count = _commonest(there)
    beside = recomputed[served == value]
    if not _distinct(beside[~np.isnan(beside)], MIN_DISTINCT):
        return {}
    return {Law(Nature.CONSTANT, f"served is always {value:.10g}"): count}


def precision(served: Floats, recomputed: Floats) -> Explained:
    """Explain values that went through a shorter float on one of the sides."""
    explained = {}
    for bits, short in ((32, np.float32), (16, np.float16)):
        for name, of, exact in (
            ("served", served, recomputed),
            ("recomputed", recomputed, served),
        ):
            law = Law(Nature.PRECISION, f"{name} has been a float{bits}")
            same = of == exact.astype(short).astype(np.float64)
            explained[law] = _counted(same, recomputed, MIN_DISTINCT)
    return explained


def _counted(holds: Bools, values: Floats, least: int) -> int:
    """Count the pairs that a law holds for, if they are of enough distinct values."""
    return int(np.count_nonzero(holds)) if _distinct(values[holds], least) else 0


def fits(law: Floats, served: Floats, recomputed: Floats) -> Bools:
    """Tell for which pairs a law leaves next to nothing of the difference."""
    rest = RESIDUAL * np.abs(served - recomputed)
    return np.abs(served - law) <= rest + _EPSILON * np.abs(served)


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


def rounding(
    served: Floats, recomputed: Floats, steps: Mapping[float, str] = STEPS
) -> Explained:
    """Explain values that were rounded or cut off on one of the sides."""
    explained = {}
    for name, other, short, exact in (
        ("served", "recomputed", served, recomputed),
        ("recomputed", "served", recomputed, served),
    ):
        if not (_distinct(short, 2) and _distinct(exact, MIN_DISTINCT)):
            continue
        for verb, holds in (("rounded", _rounded), ("cut off", _cut)):
            counts = {step: int(holds(short, exact, step).sum()) for step in steps}
            # Of steps that explain as much, the coarsest says most.
            step = max(counts, key=lambda step: (counts[step], step))
            law = Law(Nature.ROUNDING, f"{name} = {other} {verb} to {steps[step]}")
            explained[law] = counts[step]
    return explained


def _multiple(values: Floats, step: float) -> Bools:
    scaled = values / step if step >= 1 else values * np.rint(1 / step)
    spare = 8 * np.finfo(np.float64).eps * np.abs(scaled)
    return (np.abs(scaled - np.rint(scaled)) <= spare) & (spare < 0.01)  # noqa: PLR2004 - beyond it every float is a multiple


def _rounded(short: Floats, exact: Floats, step: float) -> Bools:
    return _multiple(short, step) & (np.abs(short - exact) <= step * 0.5000001)


def _cut(short: Floats, exact: Floats, step: float) -> Bools:
    nearer = np.abs(short) <= np.abs(exact)
    return _multiple(short, step) & nearer & (np.abs(short - exact) < step)


UNITS = (
    (1.609344, "miles", "kilometres"),
    (1.852, "nautical miles", "kilometres"),
    (0.3048, "feet", "metres"),
    (3.280839895, "metres", "feet"),
    (2.54, "inches", "centimetres"),
    (0.9144, "yards", "metres"),
    (0.45359237, "pounds", "kilograms"),
    (28.349523125, "ounces", "grams"),
    (3.785411784, "gallons", "litres"),
    (0.514444444, "knots", "metres per second"),
    (0.44704, "miles per hour", "metres per second"),
    (1.150779448, "knots", "miles per hour"),
    (3.6, "metres per second", "kilometres per hour"),
    (33.86389, "inches of mercury", "hectopascals"),
    (6.894757293, "psi", "kilopascals"),
    (4.184, "calories", "joules"),
    (57.29577951, "radians", "degrees"),
    (60.0, "minutes", "seconds, or hours to minutes"),
    (3_600.0, "hours", "seconds"),
    (86_400.0, "days", "seconds"),
    (24.0, "days", "hours"),
    (7.0, "weeks", "days"),
    (1_024.0, "KiB", "bytes"),
)
"""Factors that have a name, and their inverses with the names swapped."""
POWERS = (10.0, 100.0, 1_000.0, 1e6, 1e9)
"""Factors that are named by what they are: tens, per cent, milli, micro, nano."""
_SAME_UNIT = 5e-4


def unit(factor: float) -> tuple[float, str]:
    """Return the well-known factor nearest to a measured one, and its name in brackets.

    Constants in code are often cut short, so one part in two thousand is allowed.

    >>> unit(1.6093)
    (1.609344, ' (miles → kilometres)')
    >>> unit(0.01)
    (0.01, '')
    >>> unit(1.77)
    (1.77, '')
    """
    for known, before, after in UNITS:
        for value, first, second in (
            (known, before, after),
            (1 / known, after.partition(",")[0], before),
        ):
            if abs(factor / value - 1) < _SAME_UNIT:
                return value, f" ({first} → {second})"
    for power in (*POWERS, *(1 / power for power in POWERS)):
        if abs(factor / power - 1) < _SAME_UNIT:
            return power, ""
    return factor, ""


def factor(served: Floats, recomputed: Floats) -> Explained:
    """Explain values in another unit: a constant factor, named where it has a name."""
    nonzero = (served != 0) & (recomputed != 0)
    if np.count_nonzero(nonzero) < MIN_PAIRS:
        return {}
    ratio = float(np.median(served[nonzero] / recomputed[nonzero]))
    holds = fits(recomputed * ratio, served, recomputed)
    known, name = unit(ratio)
    law = Law(Nature.FACTOR, f"served = recomputed × {known:.10g}{name}")
    return {law: _counted(holds, recomputed, MIN_DISTINCT)}


def factor_or_offset(served: Floats, recomputed: Floats) -> Explained:
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


def offset(served: Floats, recomputed: Floats) -> Explained:
    """Explain values that are all shifted by the same amount."""
    shift = float(np.median(served - recomputed))
    holds = fits(recomputed + shift, served, recomputed)
    count = _counted(holds, recomputed, MIN_DISTINCT)
    seconds = _seconds_in(recomputed)
    if seconds and _is_zone(shift / seconds):
        sentence = f"{_zone(shift / seconds)} (time zone)"
        return {Law(Nature.TIME_SHIFT, sentence): count}
    name = next((text for at, text in OFFSETS if abs(shift - at) < 0.01), "")  # noqa: PLR2004 - 273 is common for 273.15 no more
    sign = "+" if shift > 0 else "-"
    law = Law(Nature.OFFSET, f"served = recomputed {sign} {abs(shift):.10g}{name}")
    return {law: count}


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


def time_shift(served: Floats, recomputed: Floats) -> Explained:
    """Explain times that are shifted by one amount, or by two an hour apart."""
    shifts, counts = np.unique(np.rint((served - recomputed) / 1e6), return_counts=True)
    order = np.lexsort((shifts, -counts))[:2]
    first, count = float(shifts[order[0]]), int(counts[order[0]])
    if not _distinct(recomputed, MIN_DISTINCT):
        return {}
    if not _is_zone(first):
        return {Law(Nature.OFFSET, f"served = recomputed {first:+.10g} s"): count}
    explained = {Law(Nature.TIME_SHIFT, f"{_zone(first)} (time zone)"): count}
    second = float(shifts[order[-1]])
    if abs(second - first) == HOUR and first * second > 0:
        sentence = f"{_zone(first, second)} (time zone with summer time)"
        explained[Law(Nature.TIME_SHIFT, sentence)] = int(counts[order].sum())
    return explained


HOUR = 3_600.0
LINES = (
    (5 / 9, -160 / 9, " (°F → °C)"),
    (9 / 5, 32.0, " (°C → °F)"),
    (5 / 9, 255.3722, " (°F → K)"),
    (9 / 5, -459.67, " (K → °F)"),
)


def affine(served: Floats, recomputed: Floats) -> Explained:
    """Explain values on a line through the recomputed ones: degrees, or a scaling."""
    order = np.argsort(recomputed, kind="stable")
    s, r = served[order], recomputed[order]
    half = len(r) // 2
    rises, runs = s[half:] - s[: len(s) - half], r[half:] - r[: len(r) - half]
    if np.count_nonzero(runs) < MIN_PAIRS // 2:
        return {}
    slope = float(np.median((rises / runs)[runs != 0]))
    start = float(np.median(s - slope * r))
    if slope == 0:
        return {}
    holds = fits(recomputed * slope + start, served, recomputed)
    name = ""
    for known_slope, known_start, text in LINES:
        if abs(slope / known_slope - 1) < 2e-3 and abs(start - known_start) < 0.1:  # noqa: PLR2004 - rounded degrees
            slope, start, name = known_slope, known_start, text
    sign = "+" if start >= 0 else "-"
    line = f"recomputed × {slope:.6g} {sign} {abs(start):.6g}"
    law = Law(Nature.AFFINE, f"served = {line}{name}")
    return {law: _counted(holds, recomputed, MIN_DISTINCT_LINE)}


def _time_rounding(served: Floats, recomputed: Floats) -> Explained:
    return rounding(served, recomputed, TIME_STEPS)


NUMBER_LAWS: tuple[Rule, ...] = (precision, rounding, factor_or_offset, affine)
TIME_LAWS: tuple[Rule, ...] = (_time_rounding, time_shift)
