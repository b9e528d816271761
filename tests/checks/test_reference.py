"""References: what is learned from their own stretches of time, and kept."""

import numpy as np
import pyarrow as pa
import pytest

from checks.errors import ProfileError
from checks.profile import Bins
from checks.reference import Reference
from checks.schema import Column, Kind, Schema

SCHEMA = Schema.of(
    [
        Column(name="x", kind=Kind.NUMERIC),
        Column(name="c", kind=Kind.CATEGORICAL),
    ]
)


def built(
    daily: float, days: int = 60, n: int = 300, *, timed: bool = True
) -> Reference:
    """Build a reference whose days differ in their mean by `daily` deviations."""
    rng = np.random.default_rng(8)
    tables = [
        pa.table(
            {
                "x": rng.normal(rng.normal(0, daily) if daily else 0.0, 1, n),
                "c": rng.choice(["a", "b", "c"], n),
            }
        )
        for _ in range(days)
    ]
    bins = Bins.fit(SCHEMA, pa.concat_tables(tables))
    return Reference.of(bins, [bins.profile(t) for t in tables], timed=timed)


def test_independent_rows_have_a_design_effect_near_one() -> None:
    reference = built(daily=0.0)

    assert 1.0 == pytest.approx(reference.design_effects["x"], abs=0.15)
    assert 1.0 == pytest.approx(reference.design_effects["c"], abs=0.25)


def test_days_that_differ_shrink_the_effective_rows_of_their_column_alone() -> None:
    reference = built(daily=0.5)

    column = reference.column("x")
    assert column is not None
    # One day's mean varies by 1/300 within and 1/4 between: 1 + 300 / 4 is expected
    # of the mean; groups of the distribution see a part of it.
    assert 5 < reference.design_effects["x"] < 76
    assert column.n_effective == column.n / reference.design_effects["x"]
    assert 1.0 == pytest.approx(reference.design_effects["c"], abs=0.25)


def test_portions_of_a_file_without_time_teach_nothing() -> None:
    reference = built(daily=0.5, timed=False)

    assert ({}, ()) == (reference.design_effects, reference.block_rows)


def test_a_stored_reference_reads_back_to_the_same_name() -> None:
    reference = built(daily=0.5, days=5)

    again = Reference.from_bytes(reference.to_bytes())

    assert (reference.id, reference.block_rows) == (again.id, again.block_rows)


def test_another_profile_takes_the_place_of_the_training_data() -> None:
    reference = built(daily=0.0, days=5)
    profile = reference.bins.profile(pa.table({"x": [0.0], "c": ["a"]}))

    assert 1 == reference.against(profile).profile.rows
    with pytest.raises(ProfileError, match="not"):
        reference.against(built(daily=0.5, days=4).profile)
