"""Factors between units that go by a name."""

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


def known_factors() -> list[float]:
    """Return the factors that go by a name, and their inverses, the plainer first."""
    known = [*POWERS, *(factor for factor, _, _ in UNITS)]
    return [-1.0, *(value for factor in known for value in (factor, 1 / factor))]


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
    if factor == -1.0:
        return factor, " (the sign is turned)"
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


def per_cent(factor: float, smaller: float) -> str:
    """Name a factor between fractions and per cent; `smaller` is the largest fraction.

    >>> per_cent(100.0, 0.97), per_cent(100.0, 12.0)
    (' (fraction → per cent)', '')
    """
    if smaller > 1.0:
        return ""
    names = {100.0: " (fraction → per cent)", 0.01: " (per cent → fraction)"}
    return names.get(factor, "")
