"""What is kept of how a reference's columns go together."""

import numpy as np
import pyarrow as pa
import pytest

from checks.dependence import MOST_STRETCHES, Dependence, moderated
from checks.errors import ProfileError
from checks.schema import Column, Kind

AB = (Column(name="a", kind=Kind.NUMERIC), Column(name="b", kind=Kind.NUMERIC))


def day(
    rng: np.random.Generator, rho: float, *, n: int = 300, level: float = 0.0
) -> pa.Table:
    """Return rows whose columns share a level and are correlated about it."""
    a = rng.normal(size=n)
    b = rho * a + np.sqrt(1 - rho**2) * rng.normal(size=n)
    return pa.table({"a": a + level, "b": b + level})


def measured(stretches: list[pa.Table]) -> Dependence:
    found = Dependence.of(stretches, AB, None)
    assert found is not None
    return found


def test_levels_of_whole_days_are_no_correlation() -> None:
    rng = np.random.default_rng(1)
    days = [day(rng, 0.0, level=3 * rng.normal()) for _ in range(30)]

    found = measured(days)

    assert abs(found.rho[0]) < 0.05
    whole = measured([pa.concat_tables(days)])
    assert whole.rho[0] > 0.7


def test_a_correlation_that_changes_from_day_to_day_is_known_to() -> None:
    rng = np.random.default_rng(2)
    steady = measured([day(rng, 0.4) for _ in range(40)])
    restless = measured([day(rng, 0.4 + 0.3 * rng.uniform(-1, 1)) for _ in range(40)])

    assert steady.excess[0] < 0.004
    assert 0.01 < restless.excess[0] < 0.1


def test_few_stretches_are_taken_together() -> None:
    rng = np.random.default_rng(3)

    found = measured([day(rng, 0.4) for _ in range(4)])

    assert (1, 1_200.0) == (found.stretches, found.rows[0])
    assert 0.0 == found.excess[0] == found.degrees[0]


def test_many_stretches_are_chosen_from_evenly() -> None:
    rng = np.random.default_rng(4)

    found = measured([day(rng, 0.0, n=20) for _ in range(150)])

    assert MOST_STRETCHES == found.stretches


def test_it_is_read_back_as_it_was_written() -> None:
    rng = np.random.default_rng(5)
    days = [day(rng, 0.4) for _ in range(8)]
    features = (*AB, Column(name="same", kind=Kind.NUMERIC))
    tables = [d.append_column("same", pa.array([1.0] * len(d))) for d in days]
    kept = Dependence.of(tables, features, None)
    assert kept is not None

    read = Dependence.from_bytes(kept.to_bytes())

    assert kept.to_bytes() == read.to_bytes()
    assert ("a", "b", "same") == read.names
    np.testing.assert_array_equal(kept.z, read.z)
    assert np.isnan(read.z).tolist() == [False, True, True]


def test_damaged_ones_are_refused() -> None:
    content = measured([day(np.random.default_rng(6), 0.1)]).to_bytes()

    with pytest.raises(ProfileError, match="truncated"):
        Dependence.from_bytes(content[:-1])


def test_one_column_goes_together_with_nothing() -> None:
    assert Dependence.of([day(np.random.default_rng(7), 0.1)], AB[:1], None) is None


def test_variances_that_are_alike_are_taken_for_one() -> None:
    rng = np.random.default_rng(8)
    alike = rng.chisquare(20, 2_000) / 20
    common, weight = moderated(alike, 20)
    assert common == pytest.approx(1.0, abs=0.05)
    assert weight > 200

    unlike = rng.chisquare(20, 2_000) / 20 / (rng.chisquare(8, 2_000) / 8)
    common, weight = moderated(unlike, 20)
    assert common == pytest.approx(1.0, abs=0.1)
    assert weight == pytest.approx(8, rel=0.25)
