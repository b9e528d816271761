"""How unusual a window is for its stream: level, shape, season, memory."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from checks.bins import Floats, Ints, NumericBins
from checks.column import LevelProfile, NumericProfile
from checks.example import column, levels
from checks.schema import Column, Kind
from checks.season import DAY, WEEK
from checks.variation import CUTS, FEWEST, MOST, Variation, chosen

Draw = Callable[[np.random.Generator, int], Floats]
"""The rows of one stretch, given its number."""

ROWS = 400
NAMES = tuple(f"level {i}" for i in range(8))
SHARE = np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03])


def independent(rng: np.random.Generator, _: int) -> Floats:
    return rng.normal(size=ROWS)


def breathing(rng: np.random.Generator, _: int) -> Floats:
    return rng.normal(0.2 * rng.normal(), 1, ROWS)


def stormy(rng: np.random.Generator, _: int) -> Floats:
    """Counts with a level of their own every day."""
    return rng.poisson(np.exp(1 + 0.2 * rng.normal()), ROWS).astype(float)


def weekly(rng: np.random.Generator, number: int) -> Floats:
    return rng.normal(0.5 * (number % 7 == 0), 1, ROWS)


def profiled(bins: NumericBins, rows: Floats) -> NumericProfile:
    named = Column(name="x", kind=Kind.NUMERIC)
    return NumericProfile.of(named, bins, pa.chunked_array([pa.array(rows)]))


class Stream:
    """A reference of some days, and windows that are compared with it."""

    def __init__(self, draw: Draw, days: int = 60, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.draw = draw
        rows = [draw(self.rng, day) for day in range(days)]
        self.bins = NumericBins.fit(np.concatenate(rows))
        self.reference = profiled(self.bins, np.concatenate(rows))
        self.variation = Variation.of_values(
            self.reference,
            [profiled(self.bins, one) for one in rows],
            np.arange(days) * DAY + DAY // 2,
            DAY,
        )

    def tail(self, rows: Floats, number: int | None = None) -> float:
        """Return how unusual a window of these rows is, on a day."""
        return self.variation.tail(
            self.reference,
            profiled(self.bins, rows),
            at=None if number is None else number * DAY + DAY // 2,
        )

    def tails(self, windows: int) -> Floats:
        """Return how unusual each of some clean windows is."""
        days = range(1000, 1000 + windows)
        return np.array([self.tail(self.draw(self.rng, d), d) for d in days])


@pytest.mark.parametrize("draw", [independent, breathing, stormy, weekly])
@pytest.mark.parametrize("days", [12, 60])
def test_clean_windows_are_unusual_as_rarely_as_the_level_says(
    draw: Draw, days: int
) -> None:
    found = np.concatenate([Stream(draw, days, seed).tails(60) for seed in range(10)])

    for level in (0.05, 0.01, 0.001):
        # The windows of one reference share its luck: allow for twice the level.
        assert (found <= level).sum() <= stats.binom.ppf(0.999, len(found), 2 * level)


def test_two_groups_are_students_t_of_one_observation_more() -> None:
    even = stats.norm.ppf((np.arange(30) + 0.5) / 30)  # tails as normal as can be
    missing = np.rint(200 * (0.2 + 0.05 * np.random.default_rng(3).permutation(even)))

    def lacking(rows: int, nulls: int) -> LevelProfile:
        return replace(levels({"a": rows - nulls}), rows=rows, nulls=nulls)

    stretches = [lacking(200, int(k)) for k in missing]
    whole, window = lacking(6000, int(missing.sum())), lacking(200, 70)
    variation = Variation.of_missing(stretches, np.empty(0, np.int64), 0)

    found = variation.tail(whole, window, at=None)

    shares = missing / 200
    memory = 1.0  # these days do not remember each other
    t = (0.35 - shares.mean()) / (shares.std(ddof=1) * np.sqrt(1 + memory / 30))
    assert found == pytest.approx(2 * stats.t.sf(t, 29), rel=0.03)


def moved(level: Floats) -> Floats:
    """Return the shares of groups of a normal column that a level moves."""
    return np.asarray(stats.norm.cdf(stats.norm.ppf(CUTS) - level[:, None]))


def scaled(level: Floats) -> Floats:
    """Return those of waiting times, which a level makes longer."""
    return np.asarray(stats.expon.cdf(stats.expon.ppf(CUTS) * np.exp(-level[:, None])))


def widened(level: Floats) -> Floats:
    """Return those of a normal column that a level makes wider."""
    return np.asarray(stats.norm.cdf(stats.norm.ppf(CUTS) * np.exp(-level[:, None])))


def normal(rng: np.random.Generator, days: int) -> Floats:
    return rng.normal(size=days)


def bursts(rng: np.random.Generator, days: int) -> Floats:
    """Many calm days, and a few that are far from calm."""
    return rng.exponential(size=days) - 1


Family = Callable[[Floats], Floats]
Days = Callable[[np.random.Generator, int], Floats]


def learned(
    family: Family, days: Days, rows: int, rng: np.random.Generator
) -> tuple[Callable[[Ints], float], Callable[[int], Ints]]:
    """Return how unusual counts of groups are for 60 such days, and what draws some."""

    def draw(number: int) -> Ints:
        below = family(0.2 * days(rng, number))
        return rng.multinomial(rows, np.diff(below, prepend=0.0, append=1.0, axis=1))

    counts = draw(60)
    seen = Variation(
        cells=np.arange(counts.shape[1]),
        counts=counts,
        centres=np.empty(0, np.int64),
        length=0,
        ordered=True,
    )
    fit = seen._plain
    assert fit is not None
    before = counts.sum(axis=0)
    return (lambda window: fit.tail(before, window, float(rows), None)), draw


@pytest.mark.parametrize(
    ("family", "days", "rows", "worse"),
    [
        (moved, normal, 100_000, 2),
        (scaled, normal, 100_000, 2),
        (moved, normal, 3_000_000, 2),
        (widened, normal, 200, 3),
        (moved, bursts, 2_000, 6),
    ],
)
def test_days_of_very_many_rows_and_of_bursts_are_unusual_rarely_enough(
    family: Family, days: Days, rows: int, worse: float
) -> None:
    rng = np.random.default_rng(17)
    found = []
    for _ in range(40):
        tail, draw = learned(family, days, rows, rng)
        found += [tail(window) for window in draw(75)]

    # Sixty days tell little of their rarest: bursts cannot be priced to the full.
    for level in (0.01, 0.001):
        false = sum(one <= level for one in found)
        assert false <= stats.binom.ppf(0.999, len(found), worse * level)


@pytest.mark.parametrize("rows", [2_000, 100_000])
def test_another_shape_is_seen_at_a_level_that_is_far_out(rows: int) -> None:
    rng = np.random.default_rng(23)
    tail, _ = learned(moved, normal, rows, rng)
    below = stats.norm.cdf((stats.norm.ppf(CUTS) - 0.4) / 1.25)
    window = rng.multinomial(rows, np.diff(below, prepend=0.0, append=1.0))

    assert tail(window) < 1e-4


def test_a_level_that_days_reach_by_themselves_is_usual() -> None:
    stream = Stream(breathing)

    assert stream.tail(stream.rng.normal(0.4, 1, ROWS)) > 0.005
    assert stream.tail(stream.rng.normal(1.4, 1, ROWS)) < 1e-4


def test_a_change_of_shape_does_not_hide_behind_the_level() -> None:
    stream = Stream(breathing)

    assert stream.tail(stream.rng.normal(0.2, 1.5, ROWS)) < 1e-4


def test_a_season_is_usual_on_its_day_and_unusual_on_another() -> None:
    stream = Stream(weekly)
    monday = stream.rng.normal(0.5, 1, ROWS)

    assert stream.tail(monday, number=70) > 0.01
    assert stream.tail(monday, number=73) < 1e-4
    # Without a time it can only be asked whether any day looks like that.
    assert stream.tail(monday) > 0.01


def test_days_that_remember_each_other_count_for_fewer() -> None:
    level = [0.0]

    def persistent(rng: np.random.Generator, _: int) -> Floats:
        level[0] = 0.9 * level[0] + 0.2 * rng.normal()
        return rng.normal(level[0], 1, ROWS)

    forgetful, persistent_one = Stream(breathing), Stream(persistent)

    def memory(stream: Stream) -> float:
        fit = stream.variation._plain
        assert fit is not None
        return fit.memory

    assert memory(forgetful) < 2 < memory(persistent_one)


@pytest.mark.parametrize("moved", [True, False])
def test_levels_of_a_category(*, moved: bool) -> None:
    rng = np.random.default_rng(5)

    def day(share: Floats) -> dict[str, int]:
        return dict(zip(NAMES, rng.multinomial(ROWS, share).tolist(), strict=True))

    days = [day(SHARE) for _ in range(60)]
    total = {name: sum(one[name] for one in days) for name in NAMES}
    reference = levels(total)
    variation = Variation.of_values(
        reference,
        [levels(one, like=reference) for one in days],
        np.empty(0, np.int64),
        0,
    )
    share = SHARE[::-1] if moved else SHARE
    tail = variation.tail(reference, levels(day(share), like=reference), at=None)

    assert (tail < 1e-6) if moved else (tail > 0.01)


def test_values_that_no_stretch_ever_had_are_unusual() -> None:
    reference = levels({"a": 3000, "b": 3000})
    half = levels({"a": 100, "b": 100}, like=reference)
    variation = Variation.of_values(reference, [half] * 30, np.empty(0, np.int64), 0)

    unseen = levels({"a": 50, "b": 50, "new": 100}, like=reference)

    assert variation.tail(reference, unseen, at=None) < 1e-6
    assert variation.tail(reference, half, at=None) == pytest.approx(1.0)


def test_a_smaller_window_than_the_stretches_is_noisier_than_these() -> None:
    stream = Stream(independent)
    found = np.array([stream.tail(stream.rng.normal(size=40)) for _ in range(600)])

    assert (found <= 0.01).sum() <= stats.binom.ppf(0.999, 600, 0.02)


def test_few_stretches_do_not_speak_against_a_window() -> None:
    stream = Stream(independent, days=FEWEST - 1)

    assert 0.0 == stream.tail(stream.rng.normal(size=ROWS))


def test_stretches_that_all_hold_one_value_do_not_speak_against_a_window() -> None:
    reference = column([1.0] * 100, like=[1.0])
    stretches = [column([1.0] * 10, like=[1.0])] * 10
    variation = Variation.of_values(reference, stretches, np.empty(0, np.int64), 0)

    assert 0.0 == variation.tail(reference, column([2.0], like=[1.0]), at=None)


def test_of_very_many_stretches_some_are_kept_evenly() -> None:
    kept = chosen(5000)

    assert MOST == len(kept) == len(set(kept.tolist()))
    assert np.diff(kept).max() <= 125
    # In step with no season: hours of the day are kept as chance would.
    hours = np.bincount(kept % 24, minlength=24)
    assert stats.chisquare(hours).pvalue > 0.01


def test_hours_and_weekdays_are_told_apart_in_hourly_windows() -> None:
    rng = np.random.default_rng(2)
    hour = DAY // 24
    centres = np.arange(24 * 28) * hour + hour // 2

    def rows(at: int) -> Floats:
        night = 0.8 * np.cos(2 * np.pi * (at % DAY) / DAY)
        weekend = 0.5 * np.cos(2 * np.pi * (at % WEEK) / WEEK)
        return rng.normal(night + weekend, 1, 60)

    parts = [rows(int(at)) for at in centres]
    bins = NumericBins.fit(np.concatenate(parts))
    reference = profiled(bins, np.concatenate(parts))
    variation = Variation.of_values(
        reference, [profiled(bins, one) for one in parts], centres, hour
    )
    noon, midnight = 35 * DAY + DAY // 2, 35 * DAY
    window = profiled(bins, rows(midnight))

    assert variation.tail(reference, window, at=midnight) > 0.005
    assert variation.tail(reference, window, at=noon) < 1e-4


def test_what_happens_among_the_few_that_are_not_zero_is_seen() -> None:
    def mostly_nothing(rng: np.random.Generator, _: int) -> Floats:
        return np.where(rng.random(1000) < 0.93, 0.0, rng.lognormal(size=1000))

    stream = Stream(mostly_nothing)
    same = stream.draw(stream.rng, 0)

    assert stream.tail(same) > 0.01
    assert stream.tail(4 * same) < 1e-4


def test_a_segment_is_grouped_by_its_own_common_levels() -> None:
    rng = np.random.default_rng(7)
    bins = levels({f"L{i:02}": 100 - i for i in range(60)})

    def day(share: float) -> LevelProfile:
        first = int(rng.binomial(300, share))
        return levels({"L58": first, "L59": 300 - first}, like=bins)

    days = [day(0.5) for _ in range(40)]
    whole = days[0]
    for one in days[1:]:
        whole = whole.merge(one)
    variation = Variation.of_values(whole, days, np.empty(0, np.int64), 0)

    assert variation.tail(whole, day(0.5), at=None) > 0.01
    assert variation.tail(whole, day(0.9), at=None) < 1e-6


def test_few_windows_that_one_is_compared_with_are_unsure_themselves() -> None:
    stream = Stream(independent)
    few = [profiled(stream.bins, stream.draw(stream.rng, d)) for d in range(400)]
    found = np.array(
        [
            stream.variation.tail(before, now, at=None)
            for before, now in zip(few[::2], few[1::2], strict=True)
        ]
    )

    assert (found <= 0.01).sum() <= stats.binom.ppf(0.999, len(found), 0.02)


def test_quiet_hours_with_a_level_of_their_own_are_usual() -> None:
    rng = np.random.default_rng(9)
    hour = DAY // 24
    centres = np.arange(24 * 30) * hour + hour // 2

    def rows(at: int) -> Floats:
        night = np.cos(2 * np.pi * (at % DAY) / DAY)
        return rng.normal(0.5 * night, 1, 40 if night > 0 else 800)

    parts = [rows(int(at)) for at in centres]
    bins = NumericBins.fit(np.concatenate(parts))
    reference = profiled(bins, np.concatenate(parts))
    variation = Variation.of_values(
        reference, [profiled(bins, one) for one in parts], centres, hour
    )
    nights = [40 * DAY + k * DAY + hour // 2 for k in range(200)]
    found = np.array(
        [variation.tail(reference, profiled(bins, rows(at)), at=at) for at in nights]
    )

    assert (found <= 0.01).sum() <= stats.binom.ppf(0.999, len(found), 0.02)
