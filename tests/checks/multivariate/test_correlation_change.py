"""Changes of correlations: how sure they are, on data with and without them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from checks import registry
from checks.dependence import Dependence
from checks.errors import Unmeasurable
from checks.example import known, rows
from checks.multivariate.correlation_change import MOST_ROWS, correlation_change
from checks.samples import Known
from checks.schema import Column, Kind

CHECK = registry.get("correlation_change")
COLUMNS = 6


def day(
    rng: np.random.Generator, *, n: int = 500, rho: float = 0.0, **more: Any
) -> pa.Table:
    """Return rows of six columns, of which the first two are correlated."""
    x = rng.normal(size=(n, COLUMNS))
    x[:, 1] = rho * x[:, 0] + np.sqrt(1 - rho**2) * x[:, 1]
    x += more.get("level", 0.0)
    return pa.table({f"x{k}": x[:, k] for k in range(COLUMNS)})


def chance(reference: Known, window: pa.Table) -> float:
    p = correlation_change(reference, window).p_value
    assert p is not None
    return p


def usual(stretches: list[pa.Table]) -> Known:
    return known(pa.concat_tables(stretches).to_pydict(), stretches)


RNG = np.random.default_rng(20)
STEADY = usual([day(RNG, rho=0.3) for _ in range(40)])


def test_it_is_the_difference_of_scipys_correlations() -> None:
    rng = np.random.default_rng(21)
    was, now = day(rng, n=400, rho=0.7), day(rng, n=300)

    found = correlation_change(known(was.to_pydict()), now)

    before, after = (stats.spearmanr(t["x0"], t["x1"]).statistic for t in (was, now))
    assert found.value == pytest.approx(before - after, abs=1e-9)
    assert found.low < found.value < found.high
    assert "x0 ~ x1" == found.explained_by[0][0]
    assert found.explained_by[0][1] > 0.8
    assert f"x0 ~ x1 {before:.2g} → {after:.2g}" in found.detail


def test_its_p_value_is_uniform_without_a_change_and_never_too_small() -> None:
    rng = np.random.default_rng(22)
    p = np.array([chance(STEADY, day(rng, rho=0.3)) for _ in range(400)])

    assert np.mean(p <= 0.05) < 0.08
    assert 0.25 < np.mean(p <= 0.5) < 0.55
    assert np.mean(p <= 0.01) < 0.03


def test_days_with_levels_of_their_own_are_no_change() -> None:
    rng = np.random.default_rng(23)
    levels = usual([day(rng, rho=0.3, level=rng.normal()) for _ in range(40)])
    p = [chance(levels, day(rng, rho=0.3, level=rng.normal())) for _ in range(200)]

    assert np.mean(np.array(p) <= 0.05) < 0.08


def test_a_correlation_that_always_changes_is_no_change() -> None:
    rng = np.random.default_rng(24)
    restless = usual([day(rng, rho=0.2 * rng.normal()) for _ in range(40)])
    p = [chance(restless, day(rng, rho=0.2 * rng.normal())) for _ in range(200)]

    assert np.mean(np.array(p) <= 0.05) < 0.08
    independent = known(restless.rows.to_pydict())
    p = [chance(independent, day(rng, rho=0.2 * rng.normal())) for _ in range(100)]
    assert np.mean(np.array(p) <= 0.05) > 0.3


@pytest.mark.parametrize(("n", "rho"), [(200, 0.9), (1_000, 0.6)])
def test_a_change_of_one_pair_is_found(n: int, rho: float) -> None:
    rng = np.random.default_rng(25)
    found = [correlation_change(STEADY, day(rng, n=n, rho=rho)) for _ in range(20)]

    caught = [f for f in found if f.low > CHECK.threshold and (f.p_value or 0) < 1e-4]
    assert len(caught) >= 19
    assert {"x0 ~ x1"} == {f.explained_by[0][0] for f in caught}


def test_columns_that_only_move_or_stretch_are_no_change() -> None:
    now = day(np.random.default_rng(26), rho=0.3)
    moved = pa.table({n: np.exp(3 * now[n].to_numpy() + 8) for n in now.column_names})

    assert correlation_change(STEADY, now) == correlation_change(STEADY, moved)


def test_rare_values_that_meet_by_chance_are_no_proof() -> None:
    """In pairs of rare flags the normal distribution's tail is far too light."""
    rng = np.random.default_rng(27)

    def flags(n: int) -> pa.Table:
        drawn = rng.random((n, COLUMNS)) < 0.03
        return pa.table({f"x{k}": pa.array(drawn[:, k]) for k in range(COLUMNS)})

    reference = usual([flags(300) for _ in range(40)])
    p = [chance(reference, flags(300)) for _ in range(400)]

    assert np.mean(np.array(p) <= 0.01) < 0.03
    assert min(p) > 1e-5


@pytest.mark.parametrize("n", [10, 20, 40])
def test_small_windows_have_honest_p_values(n: int) -> None:
    rng = np.random.default_rng(28)
    p = np.array([chance(STEADY, day(rng, n=n, rho=0.3)) for _ in range(300)])

    assert np.mean(p <= 0.05) < 0.08
    assert np.mean(p <= 0.005) < 0.017


# ── odd data ─────────────────────────────────────────────────────────────────────


def changed(**columns: Any) -> dict[str, Any]:
    table = day(np.random.default_rng(29), rho=0.3).to_pydict()
    return {k: v for k, v in (table | columns).items() if v is not None}


@pytest.mark.parametrize(
    "odd",
    [
        {"x5": [1.0] * 500},
        {"x5": pa.nulls(500, pa.float64())},
        {"x5": [float("nan")] * 499 + [float("inf")]},
        {"x5": ["text"] * 500},
        {"x5": None},
    ],
    ids=["constant", "null", "nan", "text", "absent"],
)
def test_what_cannot_be_ranked_takes_no_other_pair_along(odd: dict[str, Any]) -> None:
    found = correlation_change(STEADY, rows(changed(**odd)))

    named = {name for name, _ in found.explained_by}
    assert named
    assert not any("x5" in name for name in named)


def test_a_column_that_is_not_there_is_told() -> None:
    assert "without x5" in correlation_change(STEADY, rows(changed(x5=None))).detail


@pytest.mark.parametrize("n", [0, 1, 9])
def test_hardly_any_rows_are_unmeasurable(n: int) -> None:
    with pytest.raises(Unmeasurable, match="no two numeric features have 10 rows"):
        correlation_change(STEADY, day(np.random.default_rng(30), n=n))


def test_a_reference_without_two_numbers_says_so() -> None:
    with pytest.raises(Unmeasurable, match="fewer than two features"):
        correlation_change(known({"a": ["x", "y"] * 20}), rows({"a": ["x"] * 20}))


def test_copies_of_a_column_are_finite() -> None:
    x = np.random.default_rng(31).normal(size=300)
    copies = known({"a": x.tolist(), "b": x.tolist()})

    same = correlation_change(copies, rows({"a": x.tolist(), "b": x.tolist()}))
    gone = correlation_change(copies, rows({"a": x.tolist(), "b": x[::-1].tolist()}))

    assert (0.0, 0.0) == (same.value, same.low)
    assert gone.low > 0.7


def test_only_the_columns_asked_for_are_compared() -> None:
    among = STEADY.among(("x2", "x3"))

    found = correlation_change(among, day(np.random.default_rng(32), rho=0.9))

    assert {name for name, _ in found.explained_by} <= {"x2 ~ x3"}
    assert "without" not in found.detail


def test_two_hundred_columns_are_compared_in_a_bounded_sample() -> None:
    rng = np.random.default_rng(33)
    wide = [rng.normal(size=(60, 200)) for _ in range(6)]
    names = [f"x{k}" for k in range(200)]
    features = tuple(Column(name=name, kind=Kind.NUMERIC) for name in names)
    tables = [pa.table(dict(zip(names, part.T, strict=True))) for part in wide]
    reference = Known(
        features=features,
        rows=tables[0],
        dependence=Dependence.of(tables, features, None),
    )

    values = rng.normal(size=(3 * MOST_ROWS, 200))
    found = correlation_change(
        reference, pa.table(dict(zip(names, values.T, strict=True)))
    )

    assert MOST_ROWS == found.n_current
    assert 10 == len(found.explained_by)
