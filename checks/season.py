"""The hour and the weekday of a window, as regressors that repeat.

A stream breathes with the day and the week. Its windows' centres are turned into
Fourier terms of both periods, so that windows of any length, on any grid, share one
form; three harmonics of the week are, for daily windows, the seven weekdays.

Source: harmonic regression, e.g. Hyndman and Athanasopoulos, "Forecasting: Principles
and Practice" (2021), section 7.4.
"""

from dataclasses import dataclass

import numpy as np

from checks.bins import Floats, Ints

SECOND = 1_000_000
DAY = 86_400 * SECOND
WEEK = 7 * DAY
"""Periods, in microseconds."""
HARMONICS = 3
"""Waves of a period that are told apart, at most: what changes faster is noise."""
CYCLES = 3
"""Repetitions of a period below which it cannot be told from chance."""
PER_TERM = 4
"""Windows that a reference needs for each term."""


@dataclass(frozen=True, slots=True)
class Season:
    """Which waves are looked at: pairs of a period and the waves in it."""

    waves: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, centres: Ints, length: int) -> "Season":
        """Choose the waves that windows of a `length`, at these centres, can show.

        Centres and length are microseconds. A period is left out where fewer than
        CYCLES of it were seen, or where windows are too long or too few for it.

        >>> days = np.arange(60) * DAY
        >>> Season.of(days, DAY).waves
        ((604800000000, 3),)
        >>> Season.of(days[:20], DAY).waves, Season.of(days, WEEK).waves
        ((), ())
        """
        if len(centres) == 0 or length <= 0:
            return cls()
        span = int(centres.max() - centres.min()) + length
        waves: list[tuple[int, int]] = []
        terms = 1
        for period in (DAY, WEEK):
            most = min(HARMONICS, period // (2 * length))
            if most and span >= CYCLES * period:
                terms += 2 * most
                if len(centres) >= PER_TERM * terms:
                    waves.append((period, most))
                else:
                    terms -= 2 * most
        return cls(tuple(waves))

    def terms(self, centres: Ints) -> Floats:
        """Return the Fourier terms at some centres: one row for each, a constant first.

        >>> Season(((DAY, 1),)).terms(np.array([0, DAY // 4])).round(6).tolist()
        [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
        """
        columns = [np.ones(len(centres))]
        for period, most in self.waves:
            # The remainder first: an angle of whole centuries would lose its digits.
            angle = 2 * np.pi * (centres % period) / period
            for k in range(1, most + 1):
                columns += [np.cos(k * angle), np.sin(k * angle)]
        return np.column_stack(columns)
