"""A mistake on six rows of ten, and noise on the others: named, with its share."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from checks.cause import Cause, Nature
from checks.exact import Floats
from checks.schema import Kind
from checks.tally import compare

N = 1_000
AFFECTED = 0.6

Mistake = Callable[[Floats], Floats]


def mixed(
    mistake: Mistake, recomputed: Floats, rng: np.random.Generator, noise: Floats
) -> Floats:
    """Return what is served: the mistake on six rows of ten, else another value."""
    there = rng.random(len(recomputed)) < AFFECTED
    return np.where(there, mistake(recomputed), noise)


def cause_of(served: Floats, recomputed: Floats) -> Cause | None:
    return compare(served, recomputed, column="x", kind=Kind.NUMERIC).cause


NUMBERS: dict[str, tuple[Mistake, Nature, str]] = {
    "tens": (lambda x: x * 10, Nature.FACTOR, "recomputed × 10"),
    "thousands": (lambda x: x * 1_000, Nature.FACTOR, "recomputed × 1000"),
    "miles": (
        lambda x: x * 1.609344,
        Nature.FACTOR,
        "recomputed × 1.609344 (miles → kilometres)",
    ),
    "degrees": (
        lambda x: (x - 32) / 1.8,
        Nature.AFFINE,
        "recomputed × 0.555556 - 17.7778 (°F → °C)",
    ),
    "a line": (lambda x: x * 0.25 - 5, Nature.AFFINE, "recomputed × 0.25 - 5"),
    "a shift": (lambda x: x + 12.5, Nature.OFFSET, "recomputed + 12.5"),
    "the sign": (lambda x: -x, Nature.FACTOR, "recomputed × -1 (the sign is turned)"),
    "cents": (
        lambda x: np.round(x, 2),
        Nature.ROUNDING,
        "recomputed rounded to 0.01",
    ),
    "whole": (np.trunc, Nature.ROUNDING, "recomputed cut off to 1"),
    "three digits": (
        lambda x: np.array([float(f"{v:.3g}") for v in x]),
        Nature.ROUNDING,
        "recomputed rounded to 3 significant digits",
    ),
    "log": (np.log, Nature.TRANSFORM, "log(recomputed)"),
    "log1p": (np.log1p, Nature.TRANSFORM, "log1p(recomputed)"),
    "sqrt": (np.sqrt, Nature.TRANSFORM, "sqrt(recomputed)"),
    "square": (np.square, Nature.TRANSFORM, "recomputed squared"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_mistake_in_numbers_is_named_amid_noise(name: str) -> None:
    mistake, nature, sentence = NUMBERS[name]
    rng = np.random.default_rng(7)
    recomputed = rng.lognormal(3, 1.5, size=N)

    found = cause_of(
        mixed(mistake, recomputed, rng, rng.lognormal(3, 1.5, size=N)), recomputed
    )

    assert found is not None
    assert (nature, f"served = {sentence}") == (found.law.nature, found.law.sentence)
    assert found.share == pytest.approx(AFFECTED, abs=0.05)


def test_exp_is_named_amid_noise() -> None:
    rng = np.random.default_rng(7)
    recomputed, noise = rng.normal(size=(2, N))

    found = cause_of(mixed(np.exp, recomputed, rng, noise), recomputed)

    assert found is not None
    assert found.law.sentence == "served = exp(recomputed)"


def test_a_float32_is_named_amid_noise() -> None:
    rng = np.random.default_rng(7)
    recomputed, noise = rng.lognormal(3, 1, size=(2, N))
    single = mixed(lambda x: x.astype(np.float32), recomputed, rng, noise)

    found = compare(
        single, recomputed, column="x", kind=Kind.NUMERIC, tolerance=0.0
    ).cause

    assert found is not None
    assert found.law.sentence == "served has been a float32"


def test_fractions_beside_per_cents_are_named_amid_noise() -> None:
    rng = np.random.default_rng(7)
    recomputed = rng.random(N)

    served = mixed(lambda x: x * 100, recomputed, rng, rng.random(N) * 100)

    found, back = cause_of(served, recomputed), cause_of(recomputed, served)
    assert found is not None
    assert found.law.sentence == "served = recomputed × 100 (fraction → per cent)"
    assert back is not None
    assert back.law.sentence == "served = recomputed × 0.01 (per cent → fraction)"


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ((5.0, 60.0), "between 5 and 60"),
        ((-np.inf, 60.0), "at most 60"),
        ((5.0, np.inf), "at least 5"),
    ],
)
def test_cutting_to_bounds_is_named_amid_noise(
    bounds: tuple[float, float], told: str
) -> None:
    rng = np.random.default_rng(7)
    recomputed = rng.lognormal(3, 1, size=10 * N)
    served = np.clip(recomputed, *bounds)
    cut = np.flatnonzero(served != recomputed)
    wrong = rng.choice(cut, size=round(0.4 * len(cut)), replace=False)
    served[wrong] = rng.lognormal(3, 1, size=len(wrong))

    found = cause_of(served, recomputed)

    assert found is not None
    assert f"served is cut to {told}" == found.law.sentence
    assert found.share == pytest.approx(0.6, abs=0.01)


def test_a_bound_that_few_rows_are_cut_to_is_no_constant() -> None:
    rng = np.random.default_rng(7)
    recomputed = rng.normal(size=N)
    served = np.where(rng.random(N) < 0.05, np.maximum(recomputed, 0.0), recomputed)

    found = cause_of(served, recomputed)

    assert found is not None
    assert "served is cut to at least 0" == found.law.sentence


def test_a_default_is_no_bound() -> None:
    rng = np.random.default_rng(7)
    recomputed = rng.lognormal(3, 1, size=N)
    served = np.where(rng.random(N) < AFFECTED, 0.0, recomputed)

    found = cause_of(served, recomputed)

    assert found is not None
    assert "served is always 0" == found.law.sentence


@pytest.mark.parametrize("default", [0.0, -1.0, 999.0])
def test_a_default_instead_of_null_is_named_amid_noise(default: float) -> None:
    rng = np.random.default_rng(7)
    recomputed = rng.lognormal(3, 1, size=3 * N)
    served = recomputed.copy()
    recomputed[:600], served[:600] = np.nan, default
    served[600:N] = rng.lognormal(3, 1, size=400)

    found = cause_of(served, recomputed)

    assert found is not None
    assert f"served is {default:g} where recomputed is null" == found.law.sentence
    assert 0.6 == found.share


def test_a_value_that_is_common_anyhow_is_no_default() -> None:
    rng = np.random.default_rng(7)
    recomputed = np.where(rng.random(3 * N) < 0.9, 0.0, rng.lognormal(size=3 * N))
    served = recomputed.copy()
    recomputed[:N] = np.nan

    found = cause_of(served, recomputed)

    assert found is not None
    assert "recomputed is null where served has a value" == found.law.sentence


HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        (5 * HOUR, "served is 5 h ahead of recomputed (time zone)"),
        (-HOUR * 9 // 2, "served is 4 h 30 min behind recomputed (time zone)"),
    ],
)
def test_a_time_zone_is_named_amid_noise(shift: int, told: str) -> None:
    rng = np.random.default_rng(7)
    recomputed, noise = 1_370_000_000_000_000 + rng.integers(0, 10**13, (2, N))
    served = np.where(rng.random(N) < AFFECTED, recomputed + shift, noise)

    found = compare(
        pa.array(served, pa.timestamp("us", "UTC")),
        pa.array(recomputed, pa.timestamp("us", "UTC")),
        column="at",
        kind=Kind.DATETIME,
    ).cause

    assert found is not None
    assert told == found.law.sentence


def test_summer_time_is_named_amid_noise() -> None:
    rng = np.random.default_rng(7)
    recomputed, noise = 1_370_000_000_000_000 + rng.integers(0, 10**13, (2, N))
    shift = np.where(rng.random(N) < 0.5, 4, 5) * HOUR
    served = np.where(rng.random(N) < AFFECTED, recomputed - shift, noise)

    found = compare(
        pa.array(served, pa.timestamp("us")),
        pa.array(recomputed, pa.timestamp("us")),
        column="at",
        kind=Kind.DATETIME,
    ).cause

    assert found is not None
    assert found.law.sentence.endswith("(time zone with summer time)")


AIRPORTS = [*("JFK", "LGA", "EWR", "BOS", "SFO", "ORD", "ATL", "DFW")]

WORDS: dict[str, tuple[Callable[[str], str], str]] = {
    "case": (str.lower, "upper and lower case differ"),
    "space": (lambda x: f" {x} ", "white space differs"),
    "both": (lambda x: f"{x.lower()} ", "case and white space differ"),
    "cut": (lambda x: x[:2], "served is cut to 2 characters"),
    "a letter before": (lambda x: f"K{x}", "served has 'K' before it"),
    "other names": (
        lambda x: f"{sum(map(ord, x))}",
        "served is '225' where recomputed is 'ATL'",
    ),
    "turned round": (
        lambda x: AIRPORTS[(AIRPORTS.index(x) + 1) % len(AIRPORTS)],
        "where recomputed is",
    ),
    "constant": (lambda _: "?", "served is always '?'"),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_mistake_in_text_is_named_amid_noise(name: str) -> None:
    mistake, told = WORDS[name]
    rng = np.random.default_rng(7)
    recomputed, noise = rng.choice(AIRPORTS, size=(2, N)).tolist()
    there = rng.random(N) < AFFECTED
    served = [
        mistake(r) if t else other
        for r, t, other in zip(recomputed, there, noise, strict=True)
    ]

    found = compare(served, recomputed, column="x", kind=Kind.CATEGORICAL).cause

    assert found is not None
    assert told in found.law.sentence
    assert 0.55 < found.share < 0.75, "noise that is equal by chance does not differ"


def redrawn(kind: str, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return two sides that have nothing to do with each other, or nearly the same."""
    draws: dict[str, Callable[[], Floats]] = {
        "normal": lambda: rng.normal(size=(2, n)),
        "whole": lambda: rng.integers(0, 5, (2, n)).astype(float),
        "two": lambda: rng.integers(0, 2, (2, n)).astype(float),
        "counts": lambda: rng.poisson(2, (2, n)).astype(float),
        "zeros": lambda: rng.lognormal(size=(2, n)) * (rng.random((2, n)) < 0.2),
        "saturated": lambda: np.clip(rng.normal(size=(2, n)) * 2, -1, 1),
        "cents": lambda: np.round(rng.normal(size=(2, n)), 2),
        "heavy": lambda: rng.zipf(1.5, (2, n)).astype(float).clip(0, 1e6),
        "nulls": lambda: np.where(
            rng.random((2, n)) < 0.3, np.nan, rng.normal(size=(2, n))
        ),
    }
    if kind in draws:
        served, recomputed = draws[kind]()
        return served, recomputed
    base = rng.lognormal(3, 1, size=n)
    jitter: dict[str, Callable[[], Floats]] = {
        "jitter": lambda: base + rng.normal(size=n) * 0.01,
        "relative": lambda: base * (1 + rng.normal(size=n) * 0.05),
        "dealt": lambda: rng.permutation(base),
        "plus or minus": lambda: base + rng.choice([-1.0, 1.0], n),
    }
    return jitter[kind](), base


NOISES = (
    *("normal", "whole", "two", "counts", "zeros", "saturated", "cents", "heavy"),
    *("nulls", "jitter", "relative", "dealt", "plus or minus"),
)


@pytest.mark.parametrize("kind", NOISES)
def test_no_cause_is_named_where_there_is_none(kind: str) -> None:
    named = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = (8, 20, 50, 200, 1_000)[seed % 5]
        found = cause_of(*redrawn(kind, rng, n))
        named += [str(found)] if found else []

    assert [] == named, "measured: 0 of 1,320"


@pytest.mark.parametrize(
    "shares", [(1, 1, 1), (9, 9, 2), (6, 2, 1, 1), (1, 1, 1, 1, 1), (7, 3)]
)
def test_no_cause_is_named_of_categories_drawn_anew(shares: tuple[int, ...]) -> None:
    levels = ["a", "ab", "abc", "b", "bc"][: len(shares)]
    named = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = (20, 50, 200, 1_000)[seed % 4]
        p = np.array(shares) / sum(shares)
        served, recomputed = rng.choice(levels, p=p, size=(2, n)).tolist()
        found = compare(served, recomputed, column="x", kind=Kind.CATEGORICAL).cause
        named += [str(found)] if found else []

    assert [] == named
