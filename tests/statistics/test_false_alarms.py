"""Under the null a check alarms as often as its level says, and no oftener."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from checks import registry
from checks.bins import Floats, Ints
from checks.column import LevelProfile
from checks.example import column, levels

RUNS = 250
TWO = 2
SHARES = [
    *("psi", "jensen_shannon", "js_divergence", "kullback_leibler", "hellinger"),
    *("total_variation", "l_infinity", "chi_square", "g_test"),
]
NUMERIC = [
    *SHARES,
    *("kolmogorov_smirnov", "cramer_von_mises", "anderson_darling", "wasserstein"),
    *("energy", "mean_shift", "quantile_shift"),
]
UNITS = {"wasserstein": 1.0, "energy": 0.5, "mean_shift": 1.0, "quantile_shift": 1.0}
"""In which power of the reference's standard deviation a value is counted."""
Shape = Callable[[Floats], Floats]
Draw = Callable[[np.random.Generator, int], Floats]
TEMPERS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "heavy": lambda rng, n: rng.standard_t(2, size=n),
    "discrete": lambda rng, n: rng.poisson(3, size=n).astype(float),
}


def most(level: float) -> int:
    """Return the most alarms of RUNS that chance allows, at 99.9 %."""
    return int(stats.binom.ppf(0.999, RUNS, level))


@pytest.mark.parametrize(("n", "m"), [(4_000, 400), (1_000, 1_000)])
@pytest.mark.parametrize("temper", sorted(TEMPERS))
def test_numeric_checks_hold_their_level_on_clean_windows(
    temper: str, n: int, m: int
) -> None:
    rng = np.random.default_rng(20)
    alarms = dict.fromkeys(NUMERIC, 0)
    failures = dict.fromkeys(NUMERIC, 0)
    for _ in range(RUNS):
        x, y = TEMPERS[temper](rng, n), TEMPERS[temper](rng, m)
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
    names_held = [*SHARES, "proportion_z"] if k == TWO else SHARES
    alarms = dict.fromkeys(names_held, 0)

    def drawn(n: int, like: LevelProfile | None = None) -> LevelProfile:
        counts = rng.multinomial(n, share)
        return levels(dict(zip(names, counts.tolist(), strict=True)), like=like)

    for _ in range(RUNS):
        reference = drawn(3_000)
        current = drawn(300, like=reference)
        for name in names_held:
            found = registry.get(name).measure(reference, current)
            alarms[name] += (found.p_value or 0.0) <= 0.05

    assert {n: c for n, c in alarms.items() if c > most(0.05)} == {}


PAIRS: dict[str, tuple[Shape, Shape]] = {
    "wider normal": (special.ndtri, lambda u: 0.5 + 1.2 * special.ndtri(u)),
    "longer lognormal": (
        lambda u: np.exp(special.ndtri(u)),
        lambda u: np.exp(0.3 + special.ndtri(u)),
    ),
    "more counts": (
        lambda u: stats.poisson.ppf(u, 3),
        lambda u: stats.poisson.ppf(u, 4),
    ),
}
"""Two distributions each, as their quantile functions."""
EVENLY = (np.arange(100_000) + 0.5) / 100_000


@pytest.mark.parametrize(("n", "m"), [(5_000, 5_000), (5_000, 500), (500, 5_000)])
def test_rare_categories_that_come_by_chance_are_no_alarm(n: int, m: int) -> None:
    rng = np.random.default_rng(24)
    share = 1 / np.arange(1, 1_001)
    share /= share.sum()
    names = [f"level {i:04}" for i in range(1_000)]

    def drawn(rows: int, like: LevelProfile | None = None) -> LevelProfile:
        counts = rng.multinomial(rows, share).tolist()
        seen = {name: k for name, k in zip(names, counts, strict=True) if k}
        return levels(seen, like=like)

    alarms = 0
    for _ in range(RUNS):
        reference = drawn(n)
        found = registry.get("unseen_category").measure(
            reference, drawn(m, like=reference)
        )
        alarms += (found.p_value or 0.0) <= 0.05

    assert alarms <= most(0.05)


@pytest.mark.parametrize("temper", sorted(TEMPERS))
def test_values_just_beyond_a_small_reference_are_no_alarm(temper: str) -> None:
    rng = np.random.default_rng(25)
    check = registry.get("out_of_range")
    alarms = 0
    for _ in range(RUNS):
        x, y = TEMPERS[temper](rng, 200), TEMPERS[temper](rng, 4_000)
        found = check.measure(column(x, like=x), column(y, like=x))
        alarms += (found.p_value or 0.0) <= 0.05

    assert alarms <= most(0.05)


@pytest.mark.parametrize("pair", sorted(PAIRS))
def test_the_intervals_cover_a_true_effect(pair: str) -> None:
    rng = np.random.default_rng(22)
    first, second = PAIRS[pair]
    big_x, big_y = first(EVENLY), second(EVENLY)
    large = column(big_x, like=big_x), column(big_y, like=big_x)
    truth = {name: registry.get(name).measure(*large).value for name in NUMERIC}
    covered = dict.fromkeys(NUMERIC, 0)
    for _ in range(100):
        x, y = first(rng.random(4_000)), second(rng.random(1_000))
        reference, current = column(x, like=x), column(y, like=x)
        for name in NUMERIC:
            found = registry.get(name).measure(reference, current)
            # A reference's own spread is the unit: the same movement in another one.
            unit = (large[0].bins.std / reference.bins.std) ** UNITS.get(name, 0.0)
            true = truth[name] * unit
            covered[name] += found.low - 1e-9 <= true <= found.high + 1e-9

    assert {name: k for name, k in covered.items() if k < 90} == {}


@pytest.mark.parametrize("k", [2, 10, 40])
def test_the_intervals_cover_a_true_effect_between_categories(k: int) -> None:
    rng = np.random.default_rng(23)
    p, q = 1 / np.arange(1, k + 1), 1 / np.arange(2, k + 2) ** 0.7
    p, q = p / p.sum(), q / q.sum()
    names = [f"level {i:02}" for i in range(k)]
    held = [*SHARES, "proportion_z"] if k == TWO else SHARES

    def counted(
        counts: Floats | Ints, like: LevelProfile | None = None
    ) -> LevelProfile:
        numbers = [int(count) for count in counts]
        return levels(dict(zip(names, numbers, strict=True)), like=like)

    reference = counted(p * 1_000_000)
    large = reference, counted(q * 1_000_000, like=reference)
    truth = {name: registry.get(name).measure(*large).value for name in held}
    covered = dict.fromkeys(held, 0)
    for _ in range(100):
        reference = counted(rng.multinomial(4_000, p))
        current = counted(rng.multinomial(1_000, q), like=reference)
        for name in held:
            found = registry.get(name).measure(reference, current)
            covered[name] += found.low <= truth[name] <= found.high

    assert {name: c for name, c in covered.items() if c < 90} == {}


@pytest.mark.parametrize(("n", "m"), [(4_000, 1_000), (4_000, 150), (500, 500)])
@pytest.mark.parametrize("shift", [0.5, 2.0, 4.0, 8.0])
def test_the_intervals_with_half_rows_hold_until_nothing_is_shared(
    n: int, m: int, shift: float
) -> None:
    rng = np.random.default_rng(26)
    p = np.full(10, 0.1)
    ends = special.ndtri(np.arange(1, 10) / 10) - shift
    q = np.diff(special.ndtr(ends), prepend=0.0, append=1.0)
    was, now = (p * n + 0.5) / (n + 5), (q * m + 0.5) / (m + 5)
    rules: dict[str, Callable[[Floats, Floats], float]] = {
        "psi": lambda a, b: float(((a - b) * np.log(a / b)).sum()),
        "kullback_leibler": lambda a, b: float((b * np.log(b / a)).sum()),
    }
    names = [f"level {i}" for i in range(10)]

    def drawn(
        rows: int, share: Floats, like: LevelProfile | None = None
    ) -> LevelProfile:
        counts = rng.multinomial(rows, share).tolist()
        seen = dict(zip(names, counts, strict=True))
        return levels(seen, like=like)

    covered, above = dict.fromkeys(rules, 0), dict.fromkeys(rules, 0)
    for _ in range(100):
        reference = drawn(n, p)
        current = drawn(m, q, like=reference)
        for name, rule in rules.items():
            found = registry.get(name).measure(reference, current)
            covered[name] += found.low <= rule(was, now) <= found.high
            above[name] += found.low > rule(p, np.maximum(q, 1e-300))

    assert {name: c for name, c in covered.items() if c < 90} == {}
    assert {name: c for name, c in above.items() if c > 7} == {}


@pytest.mark.parametrize("m", [20, 50, 100])
@pytest.mark.parametrize("k", [10, 50])
def test_windows_of_few_rows_are_clean_as_often_as_they_should(k: int, m: int) -> None:
    rng = np.random.default_rng(27)
    share = np.ones(k) if k == 10 else 1 / np.arange(1, k + 1)
    share /= share.sum()
    first = np.sort(rng.multinomial(3_000, share))[::-1]
    names = [f"level {i:02}" for i in range(k)]
    reference = levels(dict(zip(names, first.tolist(), strict=True)))
    alarms = {0.05: 0, 0.01: 0}
    for _ in range(RUNS):
        # The reference's own rows, some of them drawn.
        counts = rng.multivariate_hypergeometric(first, m)
        window = levels(dict(zip(names, counts.tolist(), strict=True)), like=reference)
        found = registry.get("chi_square").measure(reference, window)
        for level in alarms:
            alarms[level] += (found.p_value or 0.0) <= level

    assert {level: n for level, n in alarms.items() if n > most(level)} == {}
    assert alarms[0.05] > 0, "a test that cannot alarm is no test"
