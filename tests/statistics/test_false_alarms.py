"""Under the null a check alarms as often as its level says, and no oftener."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from checks import registry
from checks.bins import Floats
from checks.column import LevelProfile
from checks.example import column, levels

RUNS = 250
NUMERIC = ["psi", "jensen_shannon", "chi_square", "kolmogorov_smirnov", "wasserstein"]
LEVELS = ["psi", "jensen_shannon", "chi_square"]
TEMPERS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "heavy": lambda rng, n: rng.standard_t(2, size=n),
    "discrete": lambda rng, n: rng.poisson(3, size=n).astype(float),
}


def most(level: float) -> int:
    """Return the most alarms of RUNS that chance allows, at 99.9 %."""
    return int(stats.binom.ppf(0.999, RUNS, level))


@pytest.mark.parametrize("temper", sorted(TEMPERS))
def test_numeric_checks_hold_their_level_on_clean_windows(temper: str) -> None:
    rng = np.random.default_rng(20)
    alarms = dict.fromkeys(NUMERIC, 0)
    failures = dict.fromkeys(NUMERIC, 0)
    for _ in range(RUNS):
        x, y = TEMPERS[temper](rng, 4_000), TEMPERS[temper](rng, 400)
        reference, current = column(x, like=x), column(y, like=x)
        for name in NUMERIC:
            check = registry.get(name)
            found = check.measure(reference, current)
            alarms[name] += (found.p_value or 0.0) <= 0.05
            failures[name] += found.low > check.threshold

    assert {n: k for n, k in alarms.items() if k > most(0.05)} == {}
    assert {n: k for n, k in failures.items() if k > most(0.025)} == {}


@pytest.mark.parametrize("k", [2, 10, 40])
def test_categorical_checks_hold_their_level_on_clean_windows(k: int) -> None:
    rng = np.random.default_rng(21)
    share = 1 / np.arange(1, k + 1)
    share /= share.sum()
    names = [f"level {i:02}" for i in range(k)]
    alarms = dict.fromkeys(LEVELS, 0)

    def drawn(n: int, like: LevelProfile | None = None) -> LevelProfile:
        counts = rng.multinomial(n, share)
        return levels(dict(zip(names, counts.tolist(), strict=True)), like=like)

    for _ in range(RUNS):
        reference = drawn(3_000)
        current = drawn(300, like=reference)
        for name in LEVELS:
            found = registry.get(name).measure(reference, current)
            alarms[name] += (found.p_value or 0.0) <= 0.05

    assert {n: c for n, c in alarms.items() if c > most(0.05)} == {}


@pytest.mark.parametrize("name", NUMERIC)
def test_the_interval_covers_a_true_effect(name: str) -> None:
    rng = np.random.default_rng(22)
    check = registry.get(name)
    big_x, big_y = rng.normal(size=100_000), rng.normal(0.5, 1.2, size=100_000)
    truth = check.measure(column(big_x, like=big_x), column(big_y, like=big_x)).value
    covered = 0
    for _ in range(100):
        x, y = rng.normal(size=4_000), rng.normal(0.5, 1.2, size=1_000)
        found = check.measure(column(x, like=x), column(y, like=x))
        covered += found.low <= truth <= found.high

    assert covered >= 90
