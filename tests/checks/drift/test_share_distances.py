"""Distances between shares, by their formulas and by SciPy's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial, stats

from checks.bins import Floats
from checks.column import LevelProfile
from checks.drift.g_test import g_test
from checks.drift.hellinger import hellinger
from checks.drift.jensen_shannon import jensen_shannon
from checks.drift.js_divergence import js_divergence
from checks.drift.kullback_leibler import kullback_leibler
from checks.drift.l_infinity import l_infinity
from checks.drift.proportion_z import proportion_z
from checks.drift.total_variation import total_variation
from checks.errors import Unmeasurable
from checks.example import column, levels

COUNTS = st.lists(st.integers(1, 500), min_size=2, max_size=12)


def profiles(
    first: list[int], second: list[int]
) -> tuple[LevelProfile, LevelProfile, Floats, Floats]:
    """Return two profiles of the same levels, and the shares they are of."""
    names = [f"level {i}" for i in range(len(first))]
    a = levels(dict(zip(names, first, strict=True)))
    b = levels(dict(zip(names, second, strict=True)), like=a)
    return a, b, np.array(first) / sum(first), np.array(second) / sum(second)


@given(data=st.data(), first=COUNTS)
def test_every_distance_is_its_formula(data: st.DataObject, first: list[int]) -> None:
    k = len(first)
    second = data.draw(st.lists(st.integers(0, 500), min_size=k, max_size=k))
    second[0] += 1
    a, b, p, q = profiles(first, second)

    half_p, half_q = np.array(first) + 0.5, np.array(second) + 0.5
    bits = spatial.distance.jensenshannon(p, q, base=2) ** 2
    expected = {
        js_divergence: bits,
        kullback_leibler: stats.entropy(half_q, half_p),
        hellinger: math.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
        total_variation: np.abs(p - q).sum() / 2,
        l_infinity: np.abs(p - q).max(),
        g_test: math.sqrt(8 * math.log(2) * bits),
    }
    for check, value in expected.items():
        found = check(a, b)
        assert found.value == pytest.approx(value, abs=1e-7)
        assert 0.0 == found.hidden


def test_nats_and_bits_are_one_divergence() -> None:
    a, b, p, q = profiles([50, 30, 20], [20, 30, 50])

    for unit, base in (("bits", 2), ("nats", math.e)):
        distance = spatial.distance.jensenshannon(p, q, base=base)
        found = jensen_shannon(a, b, unit=unit)
        assert found.value == pytest.approx(distance, rel=1e-12)
        squared = js_divergence(a, b, unit=unit)
        assert squared.value == pytest.approx(distance**2, rel=1e-12)
        assert squared.p_value == found.p_value


def test_the_p_value_of_g_is_scipys() -> None:
    table = [[120, 80, 60], [90, 100, 80]]
    a, b, _, _ = profiles(*table)

    test = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")

    assert g_test(a, b).p_value == pytest.approx(test.pvalue, rel=1e-12)


@given(
    first=st.tuples(st.integers(0, 400), st.integers(1, 400)),
    second=st.tuples(st.integers(0, 400), st.integers(0, 400)),
)
def test_the_p_value_of_two_proportions_is_scipys(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    if not sum(second) or not 0 < first[0] + second[0]:
        return
    a, b, p, q = profiles(list(first), list(second))
    table = np.array([first, second])
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()

    found = proportion_z(a, b)

    commoner = 0 if first[0] >= first[1] else 1
    assert found.value == pytest.approx(abs(p[commoner] - q[commoner]), abs=1e-12)
    if expected.min() >= 5:
        exact = stats.chi2_contingency(table, correction=False).pvalue
        assert found.p_value == pytest.approx(exact, rel=1e-9, abs=1e-12)
    else:
        fisher = min(
            stats.fisher_exact(table, alternative="less").pvalue,
            stats.fisher_exact(table, alternative="greater").pvalue,
        )
        assert found.p_value == pytest.approx(min(1.0, 2 * fisher), rel=1e-6)


def test_two_proportions_need_two_categories() -> None:
    a, b, _, _ = profiles([5, 3, 2], [5, 3, 2])

    with pytest.raises(Unmeasurable, match="the reference has 3 categories, not two"):
        proportion_z(a, b)


@pytest.mark.parametrize(
    "check", [hellinger, jensen_shannon, js_divergence, total_variation, l_infinity]
)
@given(seed=st.integers(0, 2**32))
def test_what_is_hidden_in_pooled_categories_is_bounded(check: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(40, 1_400))
    share = 1 / np.arange(1, k + 1) ** rng.choice([0.0, 0.5, 1.5])
    share /= share.sum()
    first = rng.multinomial(3_000, share)
    second = rng.multinomial(int(rng.integers(1, 3_000)), rng.permutation(share))
    known = first > 0
    a = levels({f"{i}": int(c) for i, c in enumerate(first) if known[i]})
    b = levels({f"{i}": int(c) for i, c in enumerate(second) if c}, like=a)
    p, q = first / first.sum(), second / second.sum()

    found = check(a, b)

    true = {
        "hellinger": math.sqrt(max(0.0, 1 - np.sqrt(p * q).sum())),
        "jensen_shannon": spatial.distance.jensenshannon(p, q, base=2),
        "js_divergence": spatial.distance.jensenshannon(p, q, base=2) ** 2,
        "total_variation": np.abs(p - q).sum() / 2,
        "l_infinity": np.abs(p - q).max(),
    }[check.__name__]
    assert abs(true - found.value) <= found.hidden + 1e-7


def test_values_and_levels_are_measured_alike_where_each_value_is_a_group() -> None:
    rng = np.random.default_rng(11)
    x, y = rng.integers(0, 6, 3_000), rng.binomial(5, 0.4, 2_000)
    numeric = column(x, like=x), column(y, like=x)
    _, _, p, q = profiles(
        np.bincount(x, minlength=6).tolist(), np.bincount(y, minlength=6).tolist()
    )

    found = total_variation(*numeric, groups=1_000)

    assert found.value == pytest.approx(np.abs(p - q).sum() / 2, abs=1e-12)
    assert hellinger(*numeric, groups=1_000).value == pytest.approx(
        math.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2), abs=1e-12
    )
