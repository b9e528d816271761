"""Kolmogorov-Smirnov windowing."""

import functools
import math
import random
from typing import Literal

import numpy as np
import numpy.typing as npt

from checks.errors import OptionError
from checks.exact import Floats
from checks.sequence.detection import Change, Detection, checked, require
from checks.sequence.registry import detector

Convention = Literal["paper", "river"]

_CHUNK = 256
_RIVER_LEAST = 0.1
"""The distance that river asks for beside the p-value."""


@functools.lru_cache(maxsize=64)
def critical(size: int, alpha: float) -> int:
    """Return the least step h at which P(D >= h / size) is at most alpha.

    The exact two-sample probability for equal sizes: twice the alternating sum of
    C(2n, n - jh) / C(2n, n), j = 1, 2, ... (Gnedenko and Korolyuk, 1951).

    >>> critical(30, 0.005)
    14
    """
    every = math.comb(2 * size, size)
    for h in range(1, size + 1):
        ways = sum(
            (-1) ** (j + 1) * math.comb(2 * size, size - j * h)
            for j in range(1, size // h + 1)
        )
        if 2 * ways <= alpha * every:
            return h
    msg = f"with a 'stat_size' of {size} no difference is as rare as alpha {alpha:g}"
    raise OptionError(msg)


def _picks(rng: random.Random, population: int, size: int) -> npt.NDArray[np.intp]:
    """Draw the positions of the next windows, a row each."""
    rows = [rng.sample(range(population), size) for _ in range(_CHUNK)]
    return np.array(rows, dtype=np.intp)


def _steps(old: Floats, new: Floats) -> npt.NDArray[np.int64]:
    """Return the two-sample distance of each row of equal size, in steps of one."""
    size = old.shape[1]
    both = np.concatenate([old, new], axis=1)
    order = np.argsort(both, axis=1, kind="stable")
    ahead = np.cumsum(np.where(order < size, 1, -1), axis=1)
    ranked = np.take_along_axis(both, order, axis=1)
    ahead[:, :-1][ranked[:, 1:] == ranked[:, :-1]] = 0  # inside a tie nothing is told
    return np.asarray(np.abs(ahead).max(axis=1), dtype=np.int64)


@detector("kswin")
def kswin(  # noqa: PLR0913 - each is one word of the method
    history: Floats,
    *,
    alpha: float = 0.0001,
    window_size: int = 100,
    stat_size: int = 30,
    seed: int = 0,
    convention: Convention = "paper",
) -> Detection:
    """Detect any change of the distribution, by a KS test in a sliding window.

    The last `stat_size` of `window_size` points are compared with as many drawn from
    the older ones; a change is detected where the exact two-sample probability is at
    most `alpha`, and probably began with the recent points. `seed` fixes the drawing,
    which begins anew after a detection.

    `alpha` is for one test, and each point is one: river's 0.005 alarms every few
    hundred points of noise; hence the smaller default.

    By the `convention` `paper` the recent points stay in the window after a detection.
    `river` empties it, and asks for a distance above 0.1 as well.

    Blind to slow changes, which fill the whole window, and to what a draw of
    `stat_size` cannot show. Not for histories shorter than the window (use `cusum`),
    nor with a season longer than `stat_size`.

    Source: Raab, Heusinger and Schleif, "Reactive soft prototype computing for
    concept drift streams", Neurocomputing 416 (2020); the exact probability instead
    of their asymptotic limit, as in river.

    >>> import numpy as np
    >>> kswin(np.concatenate([np.arange(120) % 7, np.arange(120) % 7 + 5.0])).reason
    'A change was detected at point 144 of 240, and probably began at 115.'
    """
    values = checked(history)
    require(
        (0 < alpha < 1, f"'alpha' is {alpha:g}, not between 0 and 1"),
        (stat_size >= 1, f"'stat_size' is {stat_size}, below 1"),
        (
            window_size >= 2 * stat_size,
            f"'window_size' is {window_size}, below twice 'stat_size'",
        ),
        (convention in ("paper", "river"), f"'convention' cannot be {convention!r}"),
    )
    limit = critical(stat_size, alpha)
    if convention == "river":
        limit = max(limit, math.floor(_RIVER_LEAST * stat_size) + 1)
    keep = stat_size if convention == "paper" else 0
    found, last = _scan(values, window_size, stat_size, limit, keep, seed)
    return Detection(
        n=len(values),
        changes=tuple(Change(at=at, since=at - stat_size + 1) for at in found),
        statistic=None if last is None else last / stat_size,
        threshold=None if last is None else limit / stat_size,
    )


def _scan(  # noqa: PLR0913, PLR0917 - the method's words again
    values: Floats, window: int, size: int, limit: int, keep: int, seed: int
) -> tuple[list[int], int | None]:
    """Return where changes are detected, and the last distance in steps."""
    found: list[int] = []
    last: int | None = None
    if len(values) < window:
        return found, last
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    rng = random.Random(seed)  # noqa: S311 - a statistic's draw, no secret
    drawn: list[npt.NDArray[np.intp]] = []
    start, chunk = 0, 0
    while start < len(windows):
        if chunk == len(drawn):
            drawn.append(_picks(rng, window - size, size))
        part = windows[start : start + _CHUNK]
        old = np.take_along_axis(part, drawn[chunk][: len(part)], axis=1)
        steps = _steps(old, part[:, window - size :])
        beyond = steps >= limit
        if beyond.any():
            first = int(np.argmax(beyond))
            found.append(start + first + window - 1)
            last = int(steps[first])
            start, chunk = found[-1] + 1 - keep, 0
        else:
            last = int(steps[-1])
            start, chunk = start + len(part), chunk + 1
    return found, last
