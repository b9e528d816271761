"""Exact p-values beside every table there is, and beside SciPy's permutations."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from checks import compare
from checks.bins import Floats, Ints
from checks.compare import grouped, homogeneity
from checks.dealing import GRAIN, chance
from checks.example import levels


def tables(totals: list[int], rows: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Walk over all ways to deal `rows` of some groups, each with its chance."""
    ways = math.comb(sum(totals), rows)
    for dealt in itertools.product(*(range(min(t, rows) + 1) for t in totals)):
        if sum(dealt) == rows:
            chosen = math.prod(map(math.comb, totals, dealt))
            yield dealt, chosen / ways


def pearson(totals: Ints, rows: int) -> Floats:
    """Return what each group adds to Pearson's statistic, for each count."""
    total = totals[:, None].astype(float)
    share = rows / float(totals.sum())
    gap = np.arange(rows + 1) - total * share
    return np.asarray(gap**2 / (total * share * (1 - share)))


@given(
    totals=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    part=st.floats(0.05, 0.5),
    place=st.floats(0.0, 1.0),
)
def test_the_chance_is_that_of_all_tables_and_errs_on_the_safe_side(
    totals: list[int], part: float, place: float
) -> None:
    rows = max(1, int(sum(totals) * part))
    scores = pearson(np.array(totals), rows)
    every = [
        (sum(scores[k, c] for k, c in enumerate(dealt)), weight)
        for dealt, weight in tables(totals, rows)
    ]
    observed = sorted(score for score, _ in every)[int(place * (len(every) - 1))]
    if observed <= 0:
        return

    found = chance(np.array(totals), rows, scores, observed)

    hidden = 2 * (1 + math.sqrt(len(totals) / 3)) / (GRAIN * math.sqrt(len(totals)))
    least = sum(weight for score, weight in every if score >= observed * (1 + 1e-9))
    most = sum(weight for score, weight in every if score >= observed * (1 - hidden))
    assert least * (1 - 1e-9) <= found <= most * (1 + 1e-9)


FIRST, SECOND = [120, 90, 60, 30, 9, 1], [3, 4, 6, 5, 2, 1]
TABLE = np.array([[*FIRST[:3], 40], [*SECOND[:3], 8]])
"""The two rarest levels are expected less than once, and join the next."""
DRAWS = 20_000


def same_chance(found: float, oracle: float) -> None:
    """Check a p-value beside one that was drawn."""
    error = 4 * math.sqrt(oracle / DRAWS)
    assert oracle - error <= found <= 1.25 * oracle + error


def test_the_p_value_of_few_rows_is_that_of_scipys_permutations() -> None:
    a = levels({f"level {i}": count for i, count in enumerate(FIRST)})
    b = levels({f"level {i}": count for i, count in enumerate(SECOND)}, like=a)
    method = stats.PermutationMethod(n_resamples=DRAWS, rng=np.random.default_rng(1))
    oracle = stats.chi2_contingency(TABLE, correction=False, method=method)

    found = homogeneity(grouped(a, b), a, b)

    assert found.statistic == pytest.approx(oracle.statistic, rel=1e-12)
    same_chance(found.p_value, oracle.pvalue)


def test_the_p_value_of_the_likelihood_ratio_is_that_of_random_tables() -> None:
    a = levels({f"level {i}": count for i, count in enumerate(FIRST)})
    b = levels({f"level {i}": count for i, count in enumerate(SECOND)}, like=a)
    drawn = stats.random_table(TABLE.sum(1), TABLE.sum(0), seed=2).rvs(DRAWS)
    expected = np.outer(TABLE.sum(1), TABLE.sum(0)) / TABLE.sum()

    def ratio(tables: Floats | Ints) -> Floats:
        parts = special.xlogy(tables, tables / expected)
        return np.asarray(2 * parts.sum(axis=(-2, -1)))

    found = homogeneity(grouped(a, b), a, b, likelihood=True)

    assert found.statistic == pytest.approx(float(ratio(TABLE)), rel=1e-12)
    reached = ratio(drawn) >= found.statistic * (1 - 1e-12)
    same_chance(found.p_value, float(reached.mean()))


def test_two_groups_are_fishers_exact_test() -> None:
    a = levels({"yes": 300, "no": 60})
    b = levels({"yes": 9, "no": 9}, like=a)

    found = homogeneity(grouped(a, b), a, b)

    fisher = stats.fisher_exact(np.array([[300, 60], [9, 9]])).pvalue
    assert found.p_value == pytest.approx(fisher, rel=1e-9)


def test_few_rows_of_a_stream_that_repeats_itself_say_less() -> None:
    a = levels({"yes": 900, "no": 300})
    b = levels({"yes": 30, "no": 30}, like=a)

    p_values = []
    for effect in (1.0, 1.5, 2.5, 4.0):
        first, second = (replace(p, design_effect=effect) for p in (a, b))
        p_values.append(homogeneity(grouped(a, b), first, second).p_value)

    assert sorted(p_values) == p_values
    assert len(set(p_values)) == 4


@pytest.mark.parametrize("rows", [20, 50])
def test_a_window_of_few_rows_can_be_certain(rows: int) -> None:
    a = levels({f"level {i}": 300 for i in range(10)})
    b = levels({f"level {i}": rows // 2 for i in range(2)}, like=a)

    assert homogeneity(grouped(a, b), a, b).p_value < 2e-4


def test_the_tail_and_the_exact_p_value_meet() -> None:
    a = levels({f"level {i}": 300 for i in range(10)})
    for rows in (compare.EXACT_ROWS, compare.EXACT_ROWS + 1):
        counts = np.full(10, rows // 10)
        counts[:3] += (9, -5, -4)
        counts[9] += rows - counts.sum()
        b = levels({f"level {i}": int(c) for i, c in enumerate(counts)}, like=a)
        tail = stats.chi2.sf(homogeneity(grouped(a, b), a, b).statistic, 9)
        found = homogeneity(grouped(a, b), a, b).p_value
        assert found == pytest.approx(tail, rel=0.3)


@pytest.mark.parametrize(("n", "m"), [(3_000, 40), (3_000, 2_000)])
def test_what_goes_over_to_a_new_level_is_certain(n: int, m: int) -> None:
    a = levels({"yes": n * 3 // 4, "no": n // 4})
    b = levels({"yes": m * 3 // 4, "unknown": m // 4}, like=a)

    assert homogeneity(grouped(a, b), a, b).p_value < 1e-3


def test_one_row_of_a_new_level_among_many_rare_ones_is_no_news() -> None:
    counts = {f"level {i:02}": 3_000 // (i + 1) ** 2 for i in range(30)}
    a = levels(counts)
    b = levels({"level 00": 37, "level 01": 12, "new": 1}, like=a)

    assert homogeneity(grouped(a, b), a, b).p_value > 0.05
