"""p-values of many checks at once, adjusted so that a clean window stays clean."""

from collections.abc import Sequence
from enum import StrEnum


class Correction(StrEnum):
    """Which error over the family of checks is held below alpha."""

    HOLM = "holm"
    """The chance of any false alarm in the window."""
    BENJAMINI_HOCHBERG = "benjamini_hochberg"
    """The expected share of false alarms among the alarms."""
    NONE = "none"


def adjust(p_values: Sequence[float], method: Correction) -> list[float]:
    """Return the adjusted p-values, in the order given.

    Holm, Scand. J. Statistics 6 (1979); Benjamini and Hochberg, J. R. Stat. Soc. B 57
    (1995), as `scipy.stats.false_discovery_control`.

    >>> adjust([0.01, 0.04, 0.03], Correction.HOLM)
    [0.03, 0.06, 0.06]
    >>> adjust([0.01, 0.04, 0.03], Correction.BENJAMINI_HOCHBERG)
    [0.03, 0.04, 0.04]
    """
    if method is Correction.NONE:
        return list(p_values)
    n = len(p_values)
    order = sorted(range(n), key=lambda i: p_values[i])
    adjusted = [1.0] * n
    if method is Correction.HOLM:
        worst = 0.0
        for rank, i in enumerate(order):
            worst = max(worst, min(1.0, (n - rank) * p_values[i]))
            adjusted[i] = worst
        return adjusted
    best = 1.0
    for rank in range(n, 0, -1):
        i = order[rank - 1]
        best = min(best, p_values[i] * n / rank)
        adjusted[i] = best
    return adjusted
