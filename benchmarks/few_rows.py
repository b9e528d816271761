"""Share distances in windows of few rows: false alarms, and what they catch.

    python benchmarks/few_rows.py [RUNS]

For each size of window, and for ten even groups (deciles of a reference) and fifty
uneven ones (levels, Zipf): the share of clean windows whose p-value is at most a level,
as a multiple of that level, and the share of shifted windows found at 2e-4, which is
what one of sixty checks of a daily window gets. Beside it the chi-square tail with
groups of an expectation below five thrown together, as it was done before.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special, stats

from checks.bins import Floats, Ints
from checks.compare import homogeneity
from checks.example import levels

ROWS = 3_000
LEVELS = (1e-2, 1e-3, 1e-4)
POWER_AT = 2e-4
Draw = Callable[[np.random.Generator, int], tuple[Ints, Ints]]


def exact(first: Ints, second: Ints) -> float:
    """Return the p-value of our own test."""
    a = levels({f"{k:02}": 1 for k in range(len(first))})
    a = replace(a, rows=int(first.sum()), counts=first)
    b = replace(a, rows=int(second.sum()), counts=second)
    return homogeneity((first, second), a, b).p_value


def tail(first: Ints, second: Ints) -> float:
    """Return the chi-square tail with all groups that are small thrown together."""
    r, c = first.astype(float), second.astype(float)
    n, m = r.sum(), c.sum()
    small = (r + c) * min(n, m) / (n + m) < 5
    if small.any():
        r, c = (
            np.append(r[~small], r[small].sum()),
            np.append(c[~small], c[small].sum()),
        )
    if len(r) < 2:
        return 1.0
    statistic = ((r / n - c / m) ** 2 / (r + c)).sum() * n * m
    return float(stats.chi2.sf(statistic, len(r) - 1))


def even(rng: np.random.Generator, rows: int, shift: float = 0.0) -> tuple[Ints, Ints]:
    """Draw deciles of a reference, and a window of normal values that have moved."""
    cuts = np.sort(rng.random(ROWS))[ROWS // 10 :: ROWS // 10][:9]
    share = np.diff(special.ndtr(special.ndtri(cuts) - shift), prepend=0.0, append=1.0)
    return np.full(10, ROWS // 10), rng.multinomial(rows, share)


def uneven(
    rng: np.random.Generator, rows: int, shift: float = 0.0
) -> tuple[Ints, Ints]:
    """Draw levels by Zipf's law; a part of the rows goes over to one in the middle."""
    share: Floats = 1 / np.arange(1, 51)
    share /= share.sum()
    first = rng.multinomial(ROWS, share)
    moved = (1 - shift) * share
    moved[25] += shift
    second = rng.multinomial(rows, moved)
    order = np.argsort(-first, kind="stable")
    return first[order], second[order]


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    head = " | ".join(f"false alarms at {level:g}" for level in LEVELS)
    print(f"| groups | rows | test | {head} | a shift found at {POWER_AT:g} |")
    print("|---|--:|---|" + "--:|" * (len(LEVELS) + 1))
    for name, draw, shift in (("10 even", even, 1.0), ("50 uneven", uneven, 0.3)):
        for rows in (20, 50, 100, 200):
            rng = np.random.default_rng(rows)
            clean = [draw(rng, rows) for _ in range(runs)]
            drifted = [draw(rng, rows, shift) for _ in range(500)]
            for title, test in (("exact", exact), ("tail", tail)):
                p = np.array([test(*counts) for counts in clean])
                q = np.array([test(*counts) for counts in drifted])
                times = " | ".join(f"{(p <= a).mean() / a:.2f} ×" for a in LEVELS)
                found = f"{(q <= POWER_AT).mean():.0%}"
                print(f"| {name} | {rows} | {title} | {times} | {found} |", flush=True)


if __name__ == "__main__":
    main()
