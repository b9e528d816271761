"""Measure the default detector of series: how often it is wrong, and how soon right.

Alarms in 90 stable windows, as a multiple of what the budget allows, and the delay
after a lasting shift, beside a test of single windows at the same level. Standard
normal windows, independent or like their neighbours; run with the number of histories:
`python -m benchmarks.lasting 2000`.
"""

import math
import sys
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import special

from checks.errors import Unmeasurable
from checks.sequence.course import FEWEST, Rule
from checks.sequence.registry import Detector
from checks.sequence.scores import scores

Floats = npt.NDArray[np.float64]

LEVELS = {"1 in 90": 1 / 90, "1 in 1,800": 1 / 1800}
"""A window's chance of a false alarm: a budget alone, and shared by twenty checks."""
STREAMS = {
    "independent": (0.0, "normal"),
    "alike, r = 0.3": (0.3, "normal"),
    "alike, r = 0.6": (0.6, "normal"),
    "alike, r = 0.8": (0.8, "normal"),
    "skewed (exponential)": (0.0, "exponential"),
    "heavy tails (t, 3)": (0.0, "heavy"),
}


def history(n: int, alike: float, sort: str, rng: np.random.Generator) -> Floats:
    """Return n stable windows of deviation one, each like its neighbour."""
    draws = {
        "normal": rng.normal(size=n),
        "exponential": rng.exponential(size=n) - 1,
        "heavy": rng.standard_t(3, size=n) / math.sqrt(3),
    }[sort]
    found = np.empty(n)
    found[0] = draws[0]
    for at in range(1, n):
        found[at] = alike * found[at - 1] + math.sqrt(1 - alike * alike) * draws[at]
    return found


def first(values: Floats, detector: Detector, options: dict[str, object]) -> int | None:
    """Return the window of the first alarm."""
    try:
        change = detector.detect(scores(values), **options).first
    except Unmeasurable:
        return None
    return None if change is None else change.at


def excess(histories: Iterable[Floats], rate: float) -> float:
    """Return how often stable histories alarm, as a multiple of the rate asked for."""
    detector, options = Rule(rate=rate).set_up()
    alarms, windows = 0, 0
    for values in histories:
        at = first(values, detector, options)
        alarms += at is not None
        windows += (len(values) if at is None else at + 1) - FEWEST
    return alarms / windows / rate


def delay(
    rate: float, calm: int, shift: float, runs: int, rng: np.random.Generator
) -> float:
    """Return the median number of windows from a lasting shift to its alarm."""
    detector, options = Rule(rate=rate).set_up()
    delays: list[float] = []
    while len(delays) < runs:
        values = rng.normal(size=calm + 400)
        values[calm:] += shift
        at = first(values, detector, options)
        if at is None or at >= calm:
            delays.append(math.inf if at is None else at - calm + 1)
    return float(np.median(delays))


def single(rate: float, shift: float) -> float:
    """Return the median delay of a two-sided test of each window, levels known."""
    limit = -special.ndtri(rate / 2)
    power = special.ndtr(shift - limit) + special.ndtr(-shift - limit)
    return math.ceil(math.log(0.5) / math.log1p(-power))


def main(runs: int) -> None:
    """Print both tables."""
    rng = np.random.default_rng(1)
    print("| stream of windows |", *(f"{level} |" for level in LEVELS))
    print("|---|" + "---:|" * len(LEVELS))
    for name, (alike, sort) in STREAMS.items():
        stable = [history(365, alike, sort, rng) for _ in range(runs)]
        found = [f"{excess(stable, rate):.2f}" for rate in LEVELS.values()]
        print(f"| {name} |", " | ".join(found), "|")
    print("\n| calm windows before, shift | level | series | single windows |")
    print("|---|---|---:|---:|")
    for name, rate in LEVELS.items():
        for calm in (30, 90, 365):
            for shift in (0.5, 1.0, 2.0):
                took = delay(rate, calm, shift, max(1, runs // 10), rng)
                shown = "never (half of them)" if math.isinf(took) else f"{took:.0f}"
                beside = f"{single(rate, shift):.0f}"
                print(f"| {calm}, {shift} | {name} | {shown} | {beside} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
