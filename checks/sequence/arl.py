"""How long a CUSUM chart stays quiet while nothing changes: its average run length."""

import math

_OVERSHOOT = 1.166
"""By how much a normal sum exceeds its limit, on either end (Siegmund)."""
_LARGEST = 700.0
"""The logarithm of the largest float."""


def run_length(limit: float, slack: float) -> float:
    """Return the mean number of points until a one-sided chart alarms without a change.

    Of independent normal points, `limit` and `slack` in their standard deviations:
    (exp(2 k b) - 2 k b - 1) / (2 k²) with b = h + 1.166 (Siegmund, "Sequential
    Analysis", 1985, as in Montgomery, "Introduction to Statistical Quality Control",
    chapter 9); b² without a slack.

    >>> round(run_length(4.0, 0.5)), round(run_length(5.0, 0.5))
    (338, 938)
    """
    b = limit + _OVERSHOOT
    power = 2 * slack * b
    if power < 1e-6:  # noqa: PLR2004 - the limit of the formula as the slack vanishes
        return b * b
    return (math.exp(min(power, _LARGEST)) - power - 1) / (2 * slack * slack)


def limit_for(length: float, slack: float) -> float:
    """Return the limit whose average run length is `length` points, by bisection.

    >>> limit = limit_for(938.2, 0.5)
    >>> round(limit, 2)
    5.0
    """
    low, high = 0.0, 1.0
    while run_length(high, slack) < length and high < _LARGEST:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if run_length(middle, slack) < length else (low, middle)
        )
    return high


def rate(total: float, slack: float, sides: int) -> float:
    """Return how often a point of a quiet history would alarm at a limit of `total`.

    One over the average run length, of each of the `sides` that alarm, and at most 1.

    >>> round(rate(limit_for(180, 0.25), 0.25, 2) * 90, 6)
    1.0
    """
    return min(1.0, sides / run_length(total, slack))
